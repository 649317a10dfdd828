package validator

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	yumatypes "agora/chain/x/yuma/types"
)

// Where enough miners have weight, the chain takes the capped vector; order and zeros stay.
func TestCappedWeightsAreTakenByTheChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint32Range(0, 65535), 1, 40).Draw(t, "weights")
		weights[0] = 65535
		limit := rapid.Int64Range(655, 65535).Draw(t, "limit")
		capped := limited(weights, roundingRoom*float64(limit)/65535)
		worth := 0
		uids := make([]uint32, len(weights))
		for i := range weights {
			uids[i] = uint32(i)
			if weights[i] > 1000 {
				worth++
			}
			for k := range weights {
				if weights[i] <= weights[k] && capped[i] > capped[k] {
					t.Fatalf("order changed: %v became %v", weights, capped)
				}
			}
			if (weights[i] == 0) != (capped[i] == 0) {
				t.Fatalf("%v became %v: a zero came or went", weights, capped)
			}
		}
		if float64(worth)*float64(limit) < 1.05*65535 {
			return // even equal weights may break the limit
		}
		rules := yumatypes.WeightRules{Size: uint32(len(weights)), MinEntries: 1, MaxShare: limit}
		if _, err := rules.Pack(uids, capped); err != nil {
			t.Fatalf("%v capped to %v: %v", weights, capped, err)
		}
	})
}

func TestWeightsWithinTheLimitStay(t *testing.T) {
	weights := []uint32{65535, 40000, 30000}
	if got := limited(weights, 0.6); !slices.Equal(got, weights) {
		t.Errorf("got %v, want %v", got, weights)
	}
}
