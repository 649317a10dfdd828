package attack

import (
	"math/rand/v2"

	"agora/mechanism/yuma"
)

// Rows of voices, on mechanism/yuma with its default formula: ten honest voices of equal stake, others beside them, and five servers
// with the weights that places give them.
var voices = []attack{
	{name: "a liar of which one voice of 5 % alone tells the truth: his pay after the public proof, and that voice's dividend then", most: 0.02, least: 0.98, play: truthful},
	{name: "a voice of 5 % that closes an honest server: its dividend, and what the server keeps", most: 1.05, least: 0.95, play: closing(0.05)},
	{name: "a voice of 33 % that closes an honest server", most: 1.05, least: 0.67, play: closing(0.33)},
	{name: "voices of 30 % of the stake that all pay a server of their own alone: its pay beside an honest one's, what the others keep", most: 0.05, least: 0.95, play: colluding(0.30)},
	{name: "voices of 45 %", most: 0.05, least: 0.95, play: colluding(0.45)},
	{name: "a voice without an engine that is silent: its dividend, and what servers keep", most: 0.05, least: 0.98, play: silent},
	{name: "a voice without an engine that gives what the others' published results give: its dividend", most: 1.05, least: 0.98, play: repeating},
	{name: "a voice of 5 % that copies the capacities that weights showed five tempos ago: its dividend", most: 1.03, play: copiedCapacity},
}

const (
	honestVoices = 10
	paidServers  = 5
)

// bench is a subnet with voices first, then servers. The first honestVoices are honest.
type bench struct {
	in     *yuma.Input
	runner yuma.Runner
	voices int
}

// newBench has the honest voices, and others that together hold a part of all stake.
func newBench(part float64, others int) *bench {
	n := honestVoices + others + paidServers + 1
	b := &bench{voices: honestVoices + others, in: &yuma.Input{
		Params: yuma.Default(), N: n, Block: 1, Tempo: tempoBlocks, Emission: 1e12,
		Stake: make([]uint64, n), Active: make([]bool, n), Permit: make([]bool, n), LastUpdate: make([]uint64, n), Weights: make([]yuma.Row, n),
	}}
	for i := range b.voices {
		b.in.Stake[i], b.in.Active[i], b.in.Permit[i] = uint64(1e15*(1-part)/honestVoices), true, true
		if i >= honestVoices {
			b.in.Stake[i] = uint64(1e15 * part / float64(others))
		}
	}
	return b
}

// places are the weights of the five servers, as three sizes of models give them, and 0 for a sixth that serves nothing.
var places = []uint16{65535, 65535, 65535, 46_000, 25_000, 0}

// with is a copy of weights in which one server has another.
func with(weights []uint16, server int, weight uint16) []uint16 {
	list := append([]uint16(nil), weights...)
	list[server] = weight
	return list
}

// epoch runs one epoch with everybody's weights; nil is silence.
func (b *bench) epoch(of func(voice int) []uint16) *yuma.Result {
	b.in.Block += b.in.Tempo
	for i := range b.voices {
		b.in.Weights[i] = nil
		list := of(i)
		b.in.Active[i] = list != nil
		for j, w := range yuma.MaxUpscale(list) {
			b.in.Weights[i] = b.in.Weights[i].Append(uint16(b.voices+j), w)
		}
		b.in.LastUpdate[i] = b.in.Block - 1
	}
	out := b.runner.Run(b.in)
	b.in.Bonds = out.Bonds
	return out
}

// dividend is what the voice behind the honest ones gets for its stake, beside an honest one.
func (b *bench) dividend(out *yuma.Result) float64 {
	honest := 0.0
	for i := range honestVoices {
		honest += float64(out.Exact.Dividends[i]) / float64(b.in.Stake[i]) / honestVoices
	}
	return float64(out.Exact.Dividends[honestVoices]) / float64(b.in.Stake[honestVoices]) / honest
}

// server is the part of the servers' pay that one gets.
func (b *bench) server(out *yuma.Result, n int) float64 {
	return float64(out.Exact.Incentive[b.voices+n]) / (1 << 32)
}

// Epochs before something happens, and after.
const settled, later = 60, 20

// truthful closes the gate on server 0 one epoch before the others, which close it when the proof is public.
func truthful(uint64) (liar, dividend float64) {
	b := newBench(0.05, 1)
	closed := with(places, 0, 0)
	for e := range settled + 1 + later {
		out := b.epoch(func(voice int) []uint16 {
			if e > settled || e == settled && voice == honestVoices {
				return closed
			}
			return places
		})
		if e > settled {
			liar, dividend = liar+b.server(out, 0)/later, dividend+b.dividend(out)/later
		}
	}
	return liar, dividend
}

// closing gives nothing to an honest server for as long as it lasts.
func closing(part float64) func(uint64) (float64, float64) {
	return func(uint64) (dividend, keeps float64) {
		b, fair := newBench(part, 1), newBench(part, 1)
		for e := range settled + later {
			out := b.epoch(func(voice int) []uint16 {
				if voice == honestVoices {
					return with(places, 0, 0)
				}
				return places
			})
			was := fair.epoch(func(int) []uint16 { return places })
			if e >= settled {
				dividend, keeps = dividend+b.dividend(out)/later, keeps+b.server(out, 0)/fair.server(was, 0)/later
			}
		}
		return dividend, keeps
	}
}

// colluding voices give everything to a sixth server, which serves nothing.
func colluding(part float64) func(uint64) (float64, float64) {
	return func(uint64) (own, keeps float64) {
		b, fair := newBench(part, 3), newBench(part, 3)
		for e := range settled + later {
			out := b.epoch(func(voice int) []uint16 {
				if voice >= honestVoices {
					return []uint16{0, 0, 0, 0, 0, 65535}
				}
				return places
			})
			was := fair.epoch(func(int) []uint16 { return places })
			if e >= settled {
				own, keeps = own+b.server(out, 5)/fair.server(was, 0)/later, keeps+b.server(out, 0)/fair.server(was, 0)/later
			}
		}
		return own, keeps
	}
}

// silent never says anything, because it has examined nothing.
func silent(uint64) (dividend, keeps float64) {
	return lonely(func(int) []uint16 { return nil })
}

// repeating says what the results that the others publish come to: the same, since they are facts.
func repeating(uint64) (dividend, keeps float64) {
	return lonely(func(int) []uint16 { return places })
}

// lonely is a voice of 5 % that speaks as it likes.
func lonely(says func(epoch int) []uint16) (dividend, keeps float64) {
	b, fair := newBench(0.05, 1), newBench(0.05, 1)
	for e := range settled + later {
		out := b.epoch(func(voice int) []uint16 {
			if voice == honestVoices {
				return says(e)
			}
			return places
		})
		was := fair.epoch(func(int) []uint16 { return places })
		if e >= settled {
			dividend, keeps = dividend+b.dividend(out)/later, keeps+b.server(out, 0)/fair.server(was, 0)/later
		}
	}
	return dividend, keeps
}

// copiedCapacity plays servers whose capacity walks by 2 % a tempo, as the mean of eight moments of which one comes in two tempos may; every
// honest voice sees each with an error of 3 %, and the copier gives what the consensus was when weights that are public now were made.
func copiedCapacity(seed uint64) (dividend, keeps float64) {
	const hidden, walk, noise = 5, 0.02, 0.03
	r := rand.New(rand.NewPCG(seed, 0xc0))
	b := newBench(0.05, 1)
	now, past := make([]float64, paidServers), [][]uint16{}
	for j := range now {
		now[j] = float64(places[j]) / 2
	}
	for e := range settled + later {
		for j := range now {
			now[j] = min(max(now[j]*(1+walk*r.NormFloat64()), 1000), 65000)
		}
		out := b.epoch(func(voice int) []uint16 {
			if voice == honestVoices && len(past) >= hidden {
				return past[len(past)-hidden]
			}
			list := make([]uint16, paidServers+1)
			for j, c := range now {
				list[j] = uint16(min(c*(1+noise*r.NormFloat64()), 65535))
			}
			return list
		})
		past = append(past, append([]uint16(nil), out.Consensus[b.voices:]...))
		if e >= settled {
			dividend += b.dividend(out) / later
		}
	}
	return dividend, 1
}
