package types

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	subnettypes "agora/chain/x/subnet/types"
)

func unpack(row []byte) (uids, values []uint32) {
	for k := 0; k+4 <= len(row); k += 4 {
		uids = append(uids, uint32(binary.LittleEndian.Uint16(row[k:])))
		values = append(values, uint32(binary.LittleEndian.Uint16(row[k+2:])))
	}
	return uids, values
}

func TestWeightsAreSortedAndScaledToTheLargest(t *testing.T) {
	row, err := WeightRules{Size: 10, MinEntries: 1, MaxShare: full}.Pack([]uint32{7, 2, 5}, []uint32{50, 100, 0})
	if err != nil {
		t.Fatal(err)
	}
	uids, values := unpack(row)
	if !slices.Equal(uids, []uint32{2, 5, 7}) || !slices.Equal(values, []uint32{65535, 0, 32768}) {
		t.Errorf("uids %v, values %v", uids, values)
	}
}

func TestWeightsAreRefusedForWhatIsWrongFirst(t *testing.T) {
	rules := WeightRules{Size: 4, MinEntries: 2, MaxShare: full / 2}
	for name, c := range map[string]struct{ uids, weights []uint32 }{
		"nothing":                  {nil, nil},
		"more uids than weights":   {[]uint32{1, 2}, []uint32{1}},
		"a uid that is not there":  {[]uint32{1, 4}, []uint32{1, 1}},
		"a uid twice":              {[]uint32{1, 1}, []uint32{1, 1}},
		"a weight above u16":       {[]uint32{1, 2}, []uint32{1, 65536}},
		"too few":                  {[]uint32{1}, []uint32{1}},
		"one that has all of them": {[]uint32{1, 2}, []uint32{9, 1}},
		"too many":                 {make([]uint32, MaxEntries+1), make([]uint32, MaxEntries+1)},
	} {
		if _, err := rules.Pack(c.uids, c.weights); !errors.Is(err, ErrWeights) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rules.Pack([]uint32{1, 2, 3}, []uint32{1, 1, 1}); err != nil {
		t.Error(err)
	}
}

func TestInASmallSubnetAllNeuronsAreEnough(t *testing.T) {
	rules := WeightRules{Size: 2, MinEntries: 64, MaxShare: full}
	if _, err := rules.Pack([]uint32{0, 1}, []uint32{1, 1}); err != nil {
		t.Error(err)
	}
}

func FuzzPackedWeightsKeepTheirOrder(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 3, 9})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var uids, weights []uint32
		for k := 0; k+2 <= len(raw) && k < 2*MaxEntries; k += 2 {
			uids, weights = append(uids, uint32(raw[k])), append(weights, uint32(raw[k+1])*257)
		}
		row, err := WeightRules{Size: 200, MinEntries: 1, MaxShare: full}.Pack(uids, weights)
		if err != nil {
			return
		}
		sorted, values := unpack(row)
		if !slices.IsSorted(sorted) || len(sorted) != len(uids) {
			t.Fatalf("%v became %v", uids, sorted)
		}
		for k, uid := range uids {
			j, found := slices.BinarySearch(sorted, uid)
			if !found || (weights[k] == 0) != (values[j] == 0) {
				t.Fatalf("weight %d of uid %d became %v", weights[k], uid, values)
			}
		}
	})
}

// The hash is part of the protocol: a change of a single byte locks every voice out.
func TestTheHashOfACommitIsFixed(t *testing.T) {
	hash := CommitHash("agora-1", 2, 7, make([]byte, 32), []uint32{1, 2}, []uint32{3, 65535}, []byte("0123456789abcdef"))
	const want = "b67f94aa8f637ff4071583201c0b4f9ee2206721cf158a36b68e18302e4ecd68"
	if got := hex.EncodeToString(hash[:]); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestEveryFieldIsInTheHash(t *testing.T) {
	key, salt := make([]byte, 32), make([]byte, 16)
	hash := func(chain string, netuid uint32, epoch uint64, key []byte, uids, weights []uint32, salt []byte) string {
		h := CommitHash(chain, netuid, epoch, key, uids, weights, salt)
		return string(h[:])
	}
	one, two := []uint32{1}, []uint32{2}
	all := []string{
		hash("a", 1, 1, key, one, two, salt), hash("b", 1, 1, key, one, two, salt), hash("a", 2, 1, key, one, two, salt),
		hash("a", 1, 2, key, one, two, salt), hash("a", 1, 1, salt, one, two, key), hash("a", 1, 1, key, two, one, salt),
		hash("a", 1, 1, key, nil, []uint32{1, 2}, salt), hash("a", 1, 1, key, []uint32{1, 2}, nil, salt),
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 8 {
		t.Errorf("%d different hashes, want 8", n)
	}
}

func TestTheCalendarCoversEveryBlockOnce(t *testing.T) {
	for _, tempo := range []uint64{3, 4, 10, 11, 99, 360, 50_400} {
		s := NewSchedule(subnettypes.Subnet{Tempo: tempo, TempoStart: 1_000, Epoch: 9, RevealDelay: 4})
		counts := map[Phase]int{}
		last := Committing
		for h := s.Start; h <= s.EpochAt+1; h++ {
			p := s.PhaseAt(h)
			if p < last {
				t.Fatalf("tempo %d: phase %d after %d at block %d", tempo, p, last, h)
			}
			counts[p]++
			last = p
		}
		quiet := max(1, int(tempo/10))
		if counts[Committing] != int(tempo/2) || counts[Quiet] != quiet || counts[Revealing] < 1 || counts[Overdue] != 1 {
			t.Errorf("tempo %d: %v", tempo, counts)
		}
	}
}

func TestARevealLooksBackByTheDelay(t *testing.T) {
	if epoch, ok := (Schedule{Epoch: 9, RevealDelay: 4}).RevealOf(); !ok || epoch != 5 {
		t.Error(epoch, ok)
	}
	if _, ok := (Schedule{Epoch: 3, RevealDelay: 4}).RevealOf(); ok {
		t.Error("there is nothing to reveal in epoch 3")
	}
}
