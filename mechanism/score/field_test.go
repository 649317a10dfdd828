package score

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// field simulates miners of given accuracy whose success on an item is correlated: one factor, the item's ease.
// Miner i answers rightly when load·ease + √(1−load²)·luck falls below its quantile, all standard normal.
type field struct {
	random    *rand.Rand
	load      float64
	quantiles []float64
	live      []uint16
	items     uint64
}

func newField(seed uint64, load float64, accuracies ...float64) *field {
	f := &field{random: rand.New(rand.NewPCG(seed, 1)), load: load}
	for i, p := range accuracies {
		f.quantiles = append(f.quantiles, quantile(p))
		f.live = append(f.live, uint16(i))
	}
	return f
}

// quantile inverts the standard normal distribution.
func quantile(p float64) float64 {
	low, high := -10.0, 10.0
	for range 60 {
		if m := (low + high) / 2; upperTail(-m) < p {
			low = m
		} else {
			high = m
		}
	}
	return low
}

// ask sends one item to some of the miners.
func (f *field) ask(t testing.TB, b *Board, uids []uint16) {
	t.Helper()
	ease := f.random.NormFloat64()
	results := make([]Result, len(uids))
	for i, uid := range uids {
		results[i] = Result{UID: uid, Said: f.said()}
		if f.load*ease+math.Sqrt(1-f.load*f.load)*f.random.NormFloat64() < f.quantiles[uid] {
			results[i].Score = 1
		}
	}
	b.Add(f.item(), results)
}

// settle asks as the board wishes until it wishes nothing, or for so many rounds; it returns the requests made.
func (f *field) settle(t testing.TB, b *Board, rounds int) (requests int) {
	t.Helper()
	for range rounds {
		need := b.Need(f.live)
		if len(need) == 0 {
			return requests
		}
		f.ask(t, b, need)
		requests += len(need)
	}
	return requests
}

// tempo spends an idle tempo: the few items for everyone, and at most 40 more rounds where the board has doubts.
func (f *field) tempo(t testing.TB, b *Board) (requests int) {
	t.Helper()
	for range b.Params().Idle {
		f.ask(t, b, f.live)
	}
	return b.Params().Idle*len(f.live) + f.settle(t, b, 40)
}

// item is a fresh item's ID.
func (f *field) item() (id [32]byte) {
	f.items++
	binary.BigEndian.PutUint64(id[:], f.items)
	return id
}

// said is an answer that no other miner gives.
func (f *field) said() Said { return Said{Text: f.random.Uint64() | 1, Telling: true} }

func newBoard(t testing.TB) *Board {
	t.Helper()
	b, err := NewBoard(DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// byUID returns the board's standings by uid.
func byUID(b *Board) map[uint16]Standing {
	m := map[uint16]Standing{}
	for _, s := range b.Standings() {
		m[s.UID] = s
	}
	return m
}

// verdict compares the tiers that a board found with the truth.
type verdict struct {
	wrong  bool // a worse miner stands above a better one
	split  bool // equals stand apart
	merged bool // different ones share a tier
}

func judge(b *Board, accuracies []float64) (v verdict) {
	s := byUID(b)
	for i, x := range accuracies {
		for j, y := range accuracies[:i] {
			ti, tj := s[uint16(i)].Tier, s[uint16(j)].Tier
			switch {
			case x == y:
				v.split = v.split || ti != tj
			case ti == tj:
				v.merged = true
			case (x > y) != (ti < tj):
				v.wrong = true
			}
		}
	}
	return v
}
