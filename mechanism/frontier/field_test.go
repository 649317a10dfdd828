package frontier

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// field is a market of models whose true capabilities are known. On an item, all models meet the same difficulty with weight
// common, so that what is hard for one is hard for the others.
type field struct {
	random *rand.Rand
	board  *Board
	minds  map[[32]byte]mind
	names  map[string][32]byte
	number uint64
}

// mind is what a model truly is: right with chance capability; a copy of another says what that one says but for a part.
type mind struct {
	capability float64
	of         [32]byte // zero for none
	differs    float64  // on this part of the items it thinks for itself
}

func newField(seed uint64) *field {
	return &field{random: rand.New(rand.NewPCG(seed, 7)), board: NewBoard(DefaultRules()), minds: map[[32]byte]mind{}, names: map[string][32]byte{}}
}

// digestOf is the digest of a test's model.
func digestOf(name string) [32]byte {
	var d [32]byte
	copy(d[:], name)
	return d
}

// blocks of a tempo in this field.
const tempoBlocks = 360

// publish admits a model, committed after all others unless at says when.
func (f *field) publish(name string, parameters uint64, m mind) [32]byte {
	d := digestOf(name)
	height := int64(f.number) * tempoBlocks
	f.board.Admit(Model{Digest: d, Height: height, Index: uint32(len(f.minds)), Published: height, Parameters: parameters, Bytes: 4 * parameters, Share: 200_000})
	f.minds[d], f.names[name] = m, d
	return d
}

// run asks every model the items of so many tempos.
func (f *field) run(t testing.TB, tempos, items int) {
	t.Helper()
	for range tempos {
		f.number++
		scores := map[[32]byte][]Score{}
		for range items {
			f.item(scores)
		}
		for d, s := range scores {
			if err := f.board.Count(d, f.number, int64(f.number)*tempoBlocks, s); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// item asks one item.
func (f *field) item(scores map[[32]byte][]Score) {
	hard := f.random.Float64()
	said := map[[32]byte]Score{}
	for _, m := range f.board.Models() { // originals come before copies
		own, k := f.random.Float64(), f.minds[m.Digest]
		x := hard
		if f.random.Float64() < 0.5 {
			x = own
		}
		s := Score(0)
		if x < k.capability {
			s = Whole
		}
		if k.of != [32]byte{} && f.random.Float64() >= k.differs {
			if original, ok := said[k.of]; ok {
				s = original
			}
		}
		said[m.Digest] = s
		scores[m.Digest] = append(scores[m.Digest], s)
	}
}

// all says that every model is served.
func all([32]byte) bool { return true }

// places names who holds which place, now.
func (f *field) places() []string {
	var list []string
	for _, s := range f.board.Places(f.number, all) {
		if s.Place > 0 {
			list = append(list, f.nameOf(s.Model.Digest))
		}
	}
	return list
}

func (f *field) nameOf(d [32]byte) string {
	for name, own := range f.names {
		if own == d {
			return name
		}
	}
	return ""
}

// shares is the part of all pay that servers of each model get, where servers tells capacities by name.
func (f *field) shares(servers map[string]uint64) map[string]float64 {
	var list []Server
	names := map[uint16]string{}
	live := map[[32]byte]bool{}
	for name, capacity := range servers {
		uid := uint16(binary.BigEndian.Uint16([]byte(name + "\x00\x00")))
		for names[uid] != "" {
			uid++
		}
		names[uid] = name
		live[f.names[name]] = true
		list = append(list, Server{UID: uid, Model: f.names[name], Capacity: capacity, Service: 65535, Gate: 65535})
	}
	standings := f.board.Places(f.number, func(d [32]byte) bool { return live[d] })
	out, sum := map[string]float64{}, 0.0
	for _, p := range f.board.Pay(f.number, standings, list) {
		out[names[p.UID]] += float64(p.Weight)
		sum += float64(p.Weight)
	}
	for name := range out {
		out[name] /= sum
	}
	return out
}
