package price

import "math/bits"

// roots[k] is 2^(−2^−(k+1)) · 2^64, rounded to nearest: what one set bit of a binary fraction of a half-life is worth.
var roots = [32]uint64{
	0xb504f333f9de6484,
	0xd744fccad69d6af4,
	0xeac0c6e7dd24392f,
	0xf5257d152486cc2c,
	0xfa83b2db722a033a,
	0xfd3e0c0cf486c175,
	0xfe9e115c7b8f884c,
	0xff4ecb59511ec8a5,
	0xffa756521c8daed2,
	0xffd3a751c0f7e10c,
	0xffe9d2b2f7db2756,
	0xfff4e91bff1b8c3e,
	0xfffa747ea0040664,
	0xfffd3a3b7814eb54,
	0xfffe9d1cc60ddab1,
	0xffff4e8e25879bfa,
	0xffffa7470363f451,
	0xffffd3a37dda0313,
	0xffffe9d1bdf703af,
	0xfffff4e8debe025e,
	0xfffffa746f4fa150,
	0xfffffd3a37a3f8b0,
	0xfffffe9d1bd1065a,
	0xffffff4e8de845ae,
	0xffffffa746f41377,
	0xffffffd3a37a05e4,
	0xffffffe9d1bd01fc,
	0xfffffff4e8de80c0,
	0xfffffffa746f4051,
	0xfffffffd3a37a025,
	0xfffffffe9d1bd011,
	0xffffffff4e8de808,
}

// halfPower is 2^(−n/d) · 2^64 for 0 < n < d, one factor per set bit of the 32-bit binary fraction n/d.
func halfPower(n, d uint64) uint64 {
	fraction, _ := bits.Div64(n, 0, d) // n/d in 2^−64
	power := ^uint64(0)
	for k, root := range roots {
		if fraction&(1<<(63-k)) != 0 {
			power, _ = bits.Mul64(power, root)
		}
	}
	return power
}
