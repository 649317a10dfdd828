package types

import (
	"testing"

	"github.com/cosmos/gogoproto/proto"
)

// A reveal comes from anybody: its sheet, leaves and weights may be any bytes, and none of the checks may panic or take
// long.
func FuzzRevealsOfAnyShapeAreJudged(f *testing.F) {
	all, _ := leaves([]uint32{2, 5}, 3)
	sheet := NewSheet(all)
	good := MsgRevealWeights{Netuid: 1, Uids: []uint32{2, 5}, Weights: []uint32{1, 2}, Leaves: all[:2], Sheet: &sheet}
	seed, err := proto.Marshal(&good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var msg MsgRevealWeights
		if proto.Unmarshal(raw, &msg) != nil {
			return
		}
		row, err := WeightRules{Size: 8, MinEntries: 1, MaxShare: full}.Pack(msg.Uids, msg.Weights)
		if err == nil && len(row) != 4*len(msg.Uids) {
			t.Fatalf("%d weights became %d bytes", len(msg.Uids), len(row))
		}
		if msg.Sheet == nil {
			return
		}
		n, err := msg.Sheet.CheckShape()
		if err != nil {
			return
		}
		if len(msg.Uids) == len(msg.Weights) && msg.Sheet.CheckCovers(msg.Uids, msg.Weights) == nil {
			msg.Sheet.Choose(msg.Salt, msg.Salt, msg.Uids, msg.Weights, 16)
		}
		for _, leaf := range msg.Leaves {
			if msg.Sheet.CheckPath(leaf, n) == nil && leaf.CheckSignature(msg.Salt, "c", 1, 1, nil) == nil {
				t.Fatal("a leaf verifies under no key")
			}
		}
	})
}
