package attack

import (
	"math/rand/v2"
	"slices"

	"agora/mechanism/capacity"
)

// machine answers so many requests at once, at a rate that grows with them:
//
//	rate(n) = top · n / (n + half)   tokens in a second
//
// A graphics card with a batching engine has half ≈ 35 (210, 377, 644, 975 and 1,190 tokens in a second at 4, 8, 16, 32 and 48 streams
// of a model of 7 billion parameters); a processor has half ≈ 0.
type machine struct {
	top, half float64
	batch     int
}

var (
	card      = machine{top: 2068, half: 35.4, batch: 256}
	processor = machine{top: 40, half: 0, batch: 4}
)

func (m machine) rate(n int) float64 { return m.top * float64(n) / (float64(n) + m.half) }

// What a request of a burst costs: it is read a quarter as dear as it is written.
const (
	burstPrompt = 256
	burstAnswer = 64
	burstTokens = burstAnswer + burstPrompt/4
)

// asked is one request of a burst.
type asked struct {
	key, voice int
	end        float64 // seconds after the moment
}

// together answers requests in the order of the list, as many at once as the batch holds, and notes when each ends.
func (m machine) together(list []asked) {
	now := 0.0
	left := make([]float64, 0, m.batch)
	for from := 0; from < len(list); {
		for len(left) < m.batch && from+len(left) < len(list) {
			left = append(left, burstTokens)
		}
		now += left[0] * float64(len(left)) / m.rate(len(left)) // who came first ends first
		least := left[0]
		for i := range left {
			left[i] -= least
		}
		for len(left) > 0 && left[0] < 1e-9 {
			list[from].end = now
			from, left = from+1, left[1:]
		}
	}
}

// burst is what voices send to keys of so many slots, each request followed by others.
func burst(keys, slots int, stakes []uint64, seed uint64) (list []asked) {
	for key := range keys {
		for voice, n := range capacity.Divide(capacity.Size(slots), stakes, [32]byte{byte(seed), byte(seed >> 8)}, uint32(key)) {
			list = append(list, slices.Repeat([]asked{{key: key, voice: voice}}, n*capacity.Rounds)...)
		}
	}
	return list
}

// figures are what voices know of each key after a burst: the work that ended in the window.
func figures(list []asked, keys, voices, slots int) [][]capacity.Seen {
	window, whole := capacity.Window(capacity.Tempo), uint64(capacity.Size(slots))
	work, requests := make([]uint64, keys*voices), make([]uint64, keys*voices)
	for _, a := range list {
		requests[a.key*voices+a.voice]++
		if a.end*1e6 <= float64(window) {
			work[a.key*voices+a.voice] += capacity.Work(burstPrompt, burstAnswer)
		}
	}
	all := make([][]capacity.Seen, keys)
	for key := range keys {
		for voice := range voices {
			at := key*voices + voice
			s := capacity.Sample{Work: work[at], Micros: window, Own: requests[at] / capacity.Rounds, Whole: whole}
			if f, ok := s.Figure(); ok {
				all[key] = append(all[key], capacity.Seen{Voice: voice, Figure: f})
			}
		}
	}
	return all
}

// shown is the capacity of each key, by what all voices see at eight moments.
func (m machine) shown(keys, slots int, stakes []uint64, seed uint64, order order) []float64 {
	moments := make([][][]capacity.Seen, keys)
	for moment := range uint64(capacity.Moments) {
		for key, seen := range m.seen(keys, slots, stakes, seed*1000+moment, order) {
			moments[key] = append(moments[key], slices.DeleteFunc(seen, func(s capacity.Seen) bool { return s.Voice >= heard }))
		}
	}
	sums := make([]float64, keys)
	for key := range keys {
		sums[key] = float64(capacity.Of(moments[key], stakes)) / 1000
	}
	return sums
}

// seen is what all voices see of each key at one moment.
func (m machine) seen(keys, slots int, stakes []uint64, moment uint64, order order) [][]capacity.Seen {
	list := burst(keys, slots, stakes, moment)
	order(list, moment)
	m.together(list)
	return figures(list, keys, len(stakes), slots)
}

// heard is how many voices are heard, those with most stake.
const heard = 17

// order is in which order a machine answers a burst; seed is the moment's.
type order func(list []asked, seed uint64)

// asTheyCome is what a server does that favours nobody: requests of a burst come in any order, another one at each moment.
func asTheyCome(list []asked, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x0cde))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func keyByKey(list []asked, _ uint64) {
	slices.SortStableFunc(list, func(a, b asked) int { return a.key - b.key })
}

func voiceByVoice(list []asked, _ uint64) {
	slices.SortStableFunc(list, func(a, b asked) int { return a.voice - b.voice })
}

// pareto are stakes of so many voices, the largest first: the n-th has 1/n of it.
func pareto(voices int) []uint64 {
	stakes := make([]uint64, voices)
	for i := range stakes {
		stakes[i] = 1e12 / uint64(i+1)
	}
	return stakes
}

func sum(list []float64) (s float64) {
	for _, x := range list {
		s += x
	}
	return s
}
