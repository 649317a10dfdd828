package types

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// full is 1 where shares are u16.
const full = 65_535

// WeightRules are what a subnet asks of a weight vector.
type WeightRules struct {
	// Size is the number of neurons: uids are below it.
	Size uint32
	// MinEntries is the fewest weights; all neurons if there are fewer.
	MinEntries int64
	// MaxShare is the largest part (u16) that one weight may have of their sum.
	MaxShare int64
}

// NewWeightRules returns the rules of a subnet with size neurons.
func NewWeightRules(size uint32, r Rules) WeightRules {
	return WeightRules{Size: size, MinEntries: int64(r.MinAllowedWeights), MaxShare: int64(r.MaxWeightLimit)}
}

// Pack checks a weight vector and returns it as a packed row: entries of four bytes, uid and value, both u16
// little-endian, uids ascending, the largest value scaled to 65535 and the others with it, rounded half up. Zeros are
// kept: they are an opinion. It checks in this order: lengths; weights u16, no unknown or repeated uid; enough weights;
// none too large a share. The error is ErrWeights.
func (r WeightRules) Pack(uids, weights []uint32) ([]byte, error) {
	if len(uids) != len(weights) || len(uids) == 0 || len(uids) > MaxEntries {
		return nil, fmt.Errorf("%w: %d uids and %d weights, want the same number, 1 to %d",
			ErrWeights, len(uids), len(weights), MaxEntries)
	}
	entries, err := r.sorted(uids, weights)
	if err != nil {
		return nil, err
	}
	if least := min(r.MinEntries, int64(r.Size)); int64(len(entries)) < least {
		return nil, fmt.Errorf("%w: %d weights, want at least %d", ErrWeights, len(entries), least)
	}
	return r.scaled(entries)
}

// entry is one weight, u16 each.
type entry struct{ uid, weight uint32 }

func (r WeightRules) sorted(uids, weights []uint32) ([]entry, error) {
	entries := make([]entry, len(uids))
	for k, uid := range uids {
		if uid >= r.Size {
			return nil, fmt.Errorf("%w: uid %d, the subnet has uids below %d", ErrWeights, uid, r.Size)
		}
		if weights[k] > full {
			return nil, fmt.Errorf("%w: weight %d of uid %d, want at most %d", ErrWeights, weights[k], uid, full)
		}
		entries[k] = entry{uid, weights[k]}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.uid, b.uid) })
	for k := 1; k < len(entries); k++ {
		if entries[k].uid == entries[k-1].uid {
			return nil, fmt.Errorf("%w: uid %d twice", ErrWeights, entries[k].uid)
		}
	}
	return entries, nil
}

// scaled packs entries with the largest value at 65535, v ← round(v·65535 / max), and holds each to its largest share,
// max/Σ ≤ MaxShare/65535.
func (r WeightRules) scaled(entries []entry) ([]byte, error) {
	var most, sum uint64
	for _, e := range entries {
		most = max(most, uint64(e.weight))
	}
	row := make([]byte, 0, 4*len(entries))
	for _, e := range entries {
		value := uint64(e.weight)
		if most > 0 {
			value = (2*value*full + most) / (2 * most)
		}
		sum += value
		row = binary.LittleEndian.AppendUint32(row, uint32(value)<<16|e.uid)
	}
	if most > 0 && full*full > uint64(r.MaxShare)*sum {
		return nil, fmt.Errorf("%w: the largest is %d of %d, more than %d of %d allowed", ErrWeights, full, sum, r.MaxShare, full)
	}
	return row, nil
}
