package types

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// leaves makes a sheet's leaves, n for each of the uids, signed by the miners' keys.
func leaves(uids []uint32, n int) (all []Leaf, keys map[uint32]ed25519.PrivateKey) {
	keys = map[uint32]ed25519.PrivateKey{}
	for _, uid := range uids {
		seed := sha256.Sum256([]byte{byte(uid)})
		keys[uid] = ed25519.NewKeyFromSeed(seed[:])
		for k := range n {
			item, answer := sha256.Sum256([]byte{byte(uid), byte(k), 0}), sha256.Sum256([]byte{byte(uid), byte(k), 1})
			signed := AnswerBytes("agora-test", 1, 5, []byte("voice"), item[:], answer[:])
			all = append(all, Leaf{Uid: uid, Item: item[:], Answer: answer[:], Score: 7, Signature: ed25519.Sign(keys[uid], signed)})
		}
	}
	return all, keys
}

func TestEveryLeafOfASheetVerifies(t *testing.T) {
	all, keys := leaves([]uint32{2, 5, 9}, 4)
	sheet := NewSheet(all)
	n, err := sheet.CheckShape()
	if err != nil || n != 12 {
		t.Fatal(n, err)
	}
	for _, leaf := range all {
		if err := sheet.CheckPath(leaf, n); err != nil {
			t.Error(err)
		}
		key := keys[leaf.Uid].Public().(ed25519.PublicKey)
		if err := leaf.CheckSignature(key, "agora-test", 1, 5, []byte("voice")); err != nil {
			t.Error(err)
		}
		for name, wrong := range map[string]error{
			"chain": leaf.CheckSignature(key, "other", 1, 5, []byte("voice")),
			"epoch": leaf.CheckSignature(key, "agora-test", 1, 6, []byte("voice")),
			"voice": leaf.CheckSignature(key, "agora-test", 1, 5, []byte("other")),
			"key":   leaf.CheckSignature(keys[2].Public().(ed25519.PublicKey)[:31], "agora-test", 1, 5, []byte("voice")),
		} {
			if !errors.Is(wrong, ErrEvidence) {
				t.Errorf("wrong %s: %v", name, wrong)
			}
		}
	}
}

func TestALeafThatIsNotInTheSheetIsRefused(t *testing.T) {
	all, _ := leaves([]uint32{2, 5}, 3)
	sheet := NewSheet(all)
	for name, spoil := range map[string]func(*Leaf){
		"score":  func(l *Leaf) { l.Score++ },
		"index":  func(l *Leaf) { l.Index = 1 },
		"uid":    func(l *Leaf) { l.Uid = 5 },
		"beyond": func(l *Leaf) { l.Index = 6 },
		"item":   func(l *Leaf) { l.Item = l.Item[:31] },
		"path":   func(l *Leaf) { l.Path = make([][]byte, 40) },
		"answer": func(l *Leaf) { l.Answer = slices.Repeat([]byte{1}, 32) },
	} {
		leaf := all[0]
		spoil(&leaf)
		if err := sheet.CheckPath(leaf, 6); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASheetIsWellFormed(t *testing.T) {
	root := make([]byte, 32)
	for name, s := range map[string]Sheet{
		"no root":    {Uids: []uint32{1}, Counts: []uint32{1}},
		"nothing":    {Root: root},
		"uneven":     {Root: root, Uids: []uint32{1, 2}, Counts: []uint32{1}},
		"descending": {Root: root, Uids: []uint32{2, 1}, Counts: []uint32{1, 1}},
		"no leaf":    {Root: root, Uids: []uint32{1}, Counts: []uint32{0}},
	} {
		if _, err := s.CheckShape(); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeightsNeedALeaf(t *testing.T) {
	s := Sheet{Uids: []uint32{2, 5}}
	if err := s.CheckCovers([]uint32{5, 7}, []uint32{3, 0}); err != nil {
		t.Error(err)
	}
	if err := s.CheckCovers([]uint32{5, 7}, []uint32{3, 1}); !errors.Is(err, ErrEvidence) {
		t.Error(err)
	}
}

func TestChosenLeavesAreDifferentAndWithinTheSheet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		uids, counts := []uint32{3, 5, 9}, rapid.SliceOfN(rapid.Uint32Range(1, 12), 3, 3).Draw(t, "counts")
		weights := rapid.SliceOfN(rapid.Uint32Range(0, 65_535), 3, 3).Draw(t, "weights")
		sheet := Sheet{Uids: uids, Counts: counts}
		total := sheet.leaves()
		n := rapid.IntRange(0, 16).Draw(t, "n")
		seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
		chosen := sheet.Choose(seed, []byte("commit"), uids, weights, n)
		if want := min(n, int(total)); len(chosen) != want {
			t.Fatalf("%d chosen, want %d", len(chosen), want)
		}
		sorted := slices.Sorted(slices.Values(chosen))
		if len(slices.Compact(sorted)) != len(chosen) || len(sorted) > 0 && sorted[len(sorted)-1] >= total {
			t.Fatalf("chosen %v of %d", chosen, total)
		}
	})
}

// TestManyLeavesOfAFriendHideNobody gives a friend a million leaves and little weight: the leaves that must be opened are
// those of the miner whom the weights pay.
func TestManyLeavesOfAFriendHideNobody(t *testing.T) {
	sheet := Sheet{Uids: []uint32{1, 2}, Counts: []uint32{1_000_000, 4}}
	found := 0
	for round := range byte(50) {
		for _, index := range sheet.Choose([]byte{round}, nil, []uint32{1, 2}, []uint32{1, 9}, 1) {
			if uid, _ := sheet.UidAt(index); uid == 2 {
				found++
			}
		}
	}
	if found < 35 {
		t.Errorf("the miner with nine tenths of the weight was looked at in %d of 50 reveals", found)
	}
}

func TestOneAnswerIsNotShownTwice(t *testing.T) {
	leaf := Leaf{Uid: 1, Item: []byte{1}}
	if err := CheckDistinct([]Leaf{leaf, {Uid: 2, Item: []byte{1}}, {Uid: 1, Item: []byte{2}}}); err != nil {
		t.Error(err)
	}
	if err := CheckDistinct([]Leaf{leaf, {Uid: 2}, leaf}); !errors.Is(err, ErrEvidence) {
		t.Error(err)
	}
}
