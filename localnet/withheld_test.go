package localnet

import (
	"slices"
	"testing"

	yumatypes "agora/chain/x/yuma/types"
)

// A voice has the same two seeds to choose from whether it reveals or not, and what it did tells which of them it is.
func TestAVoiceChoosesBetweenTwoSeeds(t *testing.T) {
	before := yumatypes.Seed{Netuid: 4, Epoch: 9, Seed: []byte("the seed of the tempo before")}
	rows := []yumatypes.Row{{Uid: 0, Operator: "a", Salt: []byte{1}}, {Uid: 2, Operator: "own", Salt: []byte{2}}, {Uid: 3, Operator: "b", Salt: []byte{3}}}
	told := yumatypes.NextSeed("chain", 4, 10, [][]byte{{1}, {2}, {3}}, before.Seed)
	kept := yumatypes.NextSeed("chain", 4, 10, [][]byte{{1}, {3}}, before.Seed)
	for i, c := range []choice{
		twoSeeds("chain", before, rows, "own", 2, []byte{2}),
		twoSeeds("chain", before, slices.Delete(slices.Clone(rows), 1, 2), "own", 2, []byte{2}),
	} {
		if c.epoch != 10 || c.told != told || c.kept != kept || c.revealed != (i == 0) || c.seed() != [][32]byte{told, kept}[i] {
			t.Errorf("case %d: %+v, want %x and %x", i, c, told, kept)
		}
	}
	alone := twoSeeds("chain", before, nil, "own", 2, []byte{2})
	if want := yumatypes.NextSeed("chain", 4, 10, nil, before.Seed); alone.kept != want || alone.told != yumatypes.NextSeed("chain", 4, 10, [][]byte{{2}}, nil) {
		t.Errorf("who is alone has %x, want %x", alone.kept, want)
	}
	last := twoSeeds("chain", before, rows[:1], "own", 2, []byte{2})
	if last.told != yumatypes.NextSeed("chain", 4, 10, [][]byte{{1}, {2}}, nil) {
		t.Error("the salt of the last uid does not come last")
	}
}
