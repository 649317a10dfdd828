package types

import (
	"encoding/binary"
	"testing"
)

// A vote that is taken can be divided by: netuids ascend and some weight is above zero.
func FuzzVotesOfAnyShapeAreJudged(f *testing.F) {
	f.Add([]byte{0, 1, 0, 5, 0, 2, 0, 7}, 0)
	f.Fuzz(func(t *testing.T, raw []byte, drop int) {
		var netuids, weights []uint32
		for k := 0; k+4 <= len(raw); k += 4 {
			netuids = append(netuids, uint32(binary.BigEndian.Uint16(raw[k:])))
			weights = append(weights, uint32(binary.BigEndian.Uint16(raw[k+2:]))<<(drop&1))
		}
		if CheckVote(netuids, weights) != nil {
			return
		}
		var sum uint32
		for k, netuid := range netuids {
			if k > 0 && netuid <= netuids[k-1] || netuid == 0 || weights[k] > full {
				t.Fatalf("taken: %v %v", netuids, weights)
			}
			sum += weights[k]
		}
		if sum == 0 {
			t.Fatalf("taken: %v %v", netuids, weights)
		}
	})
}
