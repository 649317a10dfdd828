package attack

import (
	"fmt"
	"math"
	"math/rand/v2"

	"agora/mechanism/frontier"
)

// The market of the laboratory: a tempo of 360 blocks with 4 items, as shipped.
const (
	items       = 4
	tempoBlocks = 360
	tempoDay    = 120 // tempos
)

// mind is what a model truly is: right with chance capability. One with an original says what that says, but for a part of the items.
type mind struct {
	name       string
	parameters uint64
	capability float64
	of         string
	differs    float64
}

// market is a subnet with the models of a play, each published in the tempo that joins says.
type market struct {
	random *rand.Rand
	board  *frontier.Board
	minds  []mind
	digest map[string][32]byte
	epoch  uint64
	draw   func(*market) [][]frontier.Score // the scores of a tempo's items, by mind
}

func newMarket(seed uint64) *market {
	m := &market{random: rand.New(rand.NewPCG(seed, 0xa77ac4)), board: frontier.NewBoard(frontier.DefaultRules()), digest: map[string][32]byte{}}
	m.draw = (*market).items
	return m
}

// publish commits a model after those that are there.
func (m *market) publish(list ...mind) {
	for _, k := range list {
		d := [32]byte{byte(len(m.minds) >> 8), byte(len(m.minds)), 1}
		height := int64(m.epoch) * tempoBlocks
		m.board.Admit(frontier.Model{Digest: d, Height: height, Index: uint32(len(m.minds)), Published: height, Parameters: k.parameters, Bytes: 2 * k.parameters, Share: 200_000})
		m.minds, m.digest[k.name] = append(m.minds, k), d
	}
}

// run lets so many tempos pass.
func (m *market) run(tempos int) {
	for range tempos {
		m.epoch++
		for i, scores := range m.draw(m) {
			if err := m.board.Count(m.digest[m.minds[i].name], m.epoch, int64(m.epoch)*tempoBlocks, scores); err != nil {
				panic(err) // each tempo is counted once
			}
		}
	}
}

// items asks every mind the items of a tempo. Half of the luck is the item's, the same for all.
func (m *market) items() [][]frontier.Score {
	out := make([][]frontier.Score, len(m.minds))
	for range items {
		said, hard := map[string]frontier.Score{}, m.random.Float64()
		for i, k := range m.minds {
			luck := m.random.Float64()
			if m.random.IntN(2) == 0 {
				luck = hard
			}
			s := frontier.Score(0)
			if luck < k.capability {
				s = frontier.Whole
			}
			if original, copied := said[k.of]; copied && m.random.Float64() >= k.differs {
				s = original
			}
			said[k.name] = s
			out[i] = append(out[i], s)
		}
	}
	return out
}

// host is somebody's machines for a model.
type host struct {
	who      string
	model    string
	capacity uint64
	keys     int  // among which the capacity is divided
	shut     bool // its gate
}

// pay is the part of all pay that everybody gets in this tempo.
func (m *market) pay(hosts []host) map[string]float64 {
	var servers []frontier.Server
	var owners []string
	served := map[[32]byte]bool{}
	for _, h := range hosts {
		gate := uint16(math.MaxUint16)
		if h.shut {
			gate = 0
		}
		for range max(1, h.keys) {
			servers = append(servers, frontier.Server{UID: uint16(len(servers)), Model: m.digest[h.model], Capacity: h.capacity / uint64(max(1, h.keys)), Service: math.MaxUint16, Gate: gate})
			owners = append(owners, h.who)
		}
		served[m.digest[h.model]] = true
	}
	shares, sum := map[string]float64{}, 0.0
	for _, p := range m.board.Pay(m.epoch, m.board.Places(m.epoch, func(d [32]byte) bool { return served[d] }), servers) {
		shares[owners[p.UID]] += float64(p.Weight)
		sum += float64(p.Weight)
	}
	for who := range shares {
		shares[who] /= max(sum, 1)
	}
	return shares
}

// capability is a model's mean score, 0 to 1.
func (m *market) capability(name string) float64 {
	for _, s := range m.board.Places(m.epoch, func([32]byte) bool { return true }) {
		if s.Model.Digest == m.digest[name] {
			return float64(s.Capability) / float64(frontier.Whole)
		}
	}
	return 0
}

// over is the mean pay of everybody over so many days, looked at four times a day.
func (m *market) over(days int, hosts []host) map[string]float64 {
	mean := map[string]float64{}
	looks := 4 * days
	for range looks {
		m.run(tempoDay / 4)
		for who, share := range m.pay(hosts) {
			mean[who] += share / float64(looks)
		}
	}
	return mean
}

// sizes is the honest market: three sizes, each with a server of its own.
func sizes() ([]mind, []host) {
	return []mind{{name: "A", parameters: 200_000, capability: 0.90}, {name: "B", parameters: 40_000, capability: 0.60}, {name: "C", parameters: 9_000, capability: 0.30}},
		[]host{{who: "author", model: "A", capacity: 100}, {who: "B", model: "B", capacity: 100}, {who: "C", model: "C", capacity: 100}}
}

// copies names n models made of another, each worse than the last by step and thinking for itself on a part of the items.
func copies(n int, of mind, step, differs float64) []mind {
	var list []mind
	for i := range n {
		list = append(list, mind{fmt.Sprintf("%s copy %d", of.name, i+1), of.parameters, of.capability - step*float64(i+1), of.name, differs})
	}
	return list
}
