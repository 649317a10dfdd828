package yuma

import "agora/mechanism/fixed"

// MaxUpscale scales a validator's weights for storage so that the greatest is
// 65535: round half up of v·65535 / max. Zeros stay zeros, and all zeros stay as
// they are.
func MaxUpscale(values []uint16) []uint16 {
	var greatest uint64
	for _, v := range values {
		greatest = max(greatest, uint64(v))
	}
	out := make([]uint16, len(values))
	if greatest == 0 {
		return out
	}
	for k, v := range values {
		out[k] = uint16((2*uint64(v)*65535 + greatest) / (2 * greatest))
	}
	return out
}

// WithinLimit reports whether no weight, as a share of their sum, exceeds limit
// (u16, 65535 = 1). Weights that are empty or all zero are within any limit.
func WithinLimit(values []uint16, limit uint16) bool {
	var sum, greatest uint64
	for _, v := range values {
		sum += uint64(v)
		greatest = max(greatest, uint64(v))
	}
	return fixed.NewDivisor(sum).Quotient(greatest) <= uint64(fixed.Share(limit))
}
