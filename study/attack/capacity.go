package attack

import (
	"math"
	"math/rand/v2"
	"slices"

	"agora/mechanism/capacity"
	"agora/mechanism/yuma"
)

// Rows of what servers show in bursts, on mechanism/capacity. Where an order of answers decides, the machine takes the best for itself.
var capacities = []attack{
	{name: "20 keys on one machine, their bursts answered as they come", most: 1.05, play: manyKeys(asTheyCome)},
	{name: "20 keys on one machine, their bursts answered one key after the other", most: 1.05, play: manyKeys(keyByKey)},
	{name: "a burst answered voice after voice, the largest stake first, of 64 voices", most: 1.05, play: manyVoices},
	{name: "servers of 1, 4, 16 and 256 slots under 4, 16 and 64 voices: pay per capacity over a year, the best beside the worst", most: 1.05, play: anySlots(year)},
	{name: "the same over one row of eight moments", most: 1.05, open: true, play: anySlots(1)},
	{name: "such servers under 4, 16 and 64 voices, each of which hears the 16 largest others: dividends for a stake, the best beside the worst", most: 1.03, play: slotDividends},
	{name: "a server and two relays before it, one behind the other: what the three show together", most: 1.05, play: relayChain},
	{name: "an elastic cloud: a machine that rents three more like it while bursts last: what it shows", most: 1.05, open: true, play: elasticCloud},
	{name: "one request of a burst answered, the others refused", most: 1.05, play: refusing},
	{name: "a new account after each closing, three tempos later (capacity, of an old server's)", most: 0.3, play: throwaway},
	{name: "a voice of 45 % of the stake that tells a server's figure ten times: what the others take", most: 1.05, open: true, play: falseRows},
	{name: "a proposer of 5 % of the blocks who grinds them: moments in a tenth of the time that he chose, beyond a tenth", most: 0.2, unit: " of moments", play: grinding(0.05)},
	{name: "a proposer of 10 %", most: 0.2, unit: " of moments", open: true, play: grinding(0.10)},
	{name: "a proposer of 20 %", most: 0.2, unit: " of moments", open: true, play: grinding(0.20)},
}

// manyKeys is what the keys of a machine show together, to what it shows behind one with as many slots as it likes. The worse of a card
// and a processor.
func manyKeys(o order) func(uint64) (float64, float64) {
	return func(seed uint64) (worst, victim float64) {
		for _, m := range []machine{card, processor} {
			one := sum(m.shown(1, capacity.Most, pareto(4), seed, asTheyCome))
			worst = max(worst, sum(m.shown(20, capacity.Most/8, pareto(4), seed, o))/one)
		}
		return worst, 1
	}
}

// nothing is what a server that shows nothing is taken to show, in tokens a second.
const nothing = 0.1

func manyVoices(seed uint64) (worst, victim float64) {
	for _, m := range []machine{card, processor} {
		fair := sum(m.shown(1, 64, pareto(64), seed, asTheyCome))
		worst = max(worst, sum(m.shown(1, 64, pareto(64), seed, voiceByVoice))/max(fair, nothing))
	}
	return worst, 1
}

// year is how many rows of eight moments there are in one: a moment comes about every 690 blocks of 2 s.
const year = 365 * 86400 / (690 * 2 * capacity.Moments)

// honestSlots are servers that show no more than a slot can: each answers as requests come, as many at once as it has slots.
var honestSlots = []int{1, 4, 16, 256}

func slotted(slots int) machine { return machine{top: 20 * float64(slots), batch: slots} }

// anySlots is what the best paid of honest servers shows of what it can do, to what the worst paid does, by the mean of so many rows of eight
// moments.
func anySlots(rows uint64) func(uint64) (float64, float64) {
	return func(seed uint64) (ratio, victim float64) {
		least, most := math.Inf(1), 0.0
		for _, voices := range []int{4, 16, 64} {
			for _, slots := range honestSlots {
				m, shown, rows := slotted(slots), 0.0, rows
				if slots == capacity.Most {
					rows = 1 // one is as another, within half a percent
				}
				for row := range rows {
					shown += sum(m.shown(1, slots, pareto(voices), seed*1000+row, asTheyCome))
				}
				shown = max(shown/float64(rows), nothing) / m.top
				least, most = min(least, shown), max(most, shown)
			}
		}
		return most / least, 1
	}
}

// slotDividends is the best dividend for a stake beside the worst, where voices weigh such servers of one place by what they and the 16
// largest others saw at the last eight moments.
func slotDividends(seed uint64) (worst, victim float64) {
	for _, voices := range []int{4, 16, 64} {
		stakes := pareto(voices)
		in := &yuma.Input{
			Params: yuma.Default(), N: voices + len(honestSlots), Block: 1, Tempo: tempoBlocks, Emission: 1e12,
			LastUpdate: make([]uint64, voices+len(honestSlots)), Weights: make([]yuma.Row, voices+len(honestSlots)),
			Stake: append(slices.Clone(stakes), make([]uint64, len(honestSlots))...),
		}
		for i := range in.N {
			in.Active, in.Permit = append(in.Active, i < voices), append(in.Permit, i < voices)
		}
		var runner yuma.Runner
		seen := make([][][]capacity.Seen, len(honestSlots)) // by server and moment, of all voices
		dividends := make([]float64, voices)
		for e := range uint64(settled + later) {
			for j, slots := range honestSlots {
				seen[j] = append(seen[j], slotted(slots).seen(1, slots, stakes, seed*1000+e, asTheyCome)[0])
			}
			in.Block += in.Tempo
			for i := range voices {
				in.Weights[i], in.LastUpdate[i] = ballotOf(seen, stakes, i), in.Block-1
			}
			out := runner.Run(in)
			in.Bonds = out.Bonds
			for i := range dividends {
				if e >= settled {
					dividends[i] += float64(out.Exact.Dividends[i]) / float64(stakes[i])
				}
			}
		}
		worst = max(worst, slices.Max(dividends)/max(slices.Min(dividends), 1e-12))
	}
	return worst, 1
}

// ballotOf are the weights of one voice.
func ballotOf(seen [][][]capacity.Seen, stakes []uint64, voice int) (row yuma.Row) {
	weights := make([]uint16, len(seen))
	most := uint64(1)
	figures := make([]uint64, len(seen))
	for j, moments := range seen {
		var told [][]capacity.Seen
		for _, all := range moments[max(0, len(moments)-capacity.Moments):] {
			told = append(told, slices.DeleteFunc(slices.Clone(all), func(s capacity.Seen) bool { return s.Voice >= heard-1 && s.Voice != voice }))
		}
		figures[j] = capacity.Of(told, stakes)
		most = max(most, figures[j])
	}
	for j, f := range figures {
		weights[j] = uint16(f * math.MaxUint16 / most)
	}
	for j, w := range yuma.MaxUpscale(weights) {
		row = row.Append(uint16(len(stakes)+j), w)
	}
	return row
}

// relayChain forwards what it is asked to a relay, which forwards it to a server: the burst comes to all three at one moment, and the server
// answers for all.
func relayChain(seed uint64) (worst, victim float64) {
	for _, m := range []machine{card, processor} {
		one := sum(m.shown(1, capacity.Most, pareto(4), seed, asTheyCome))
		worst = max(worst, sum(m.shown(3, capacity.Most/3, pareto(4), seed, asTheyCome))/one)
	}
	return worst, 1
}

// elasticCloud is what a machine shows that rents three more for 20 s at each moment, beside what it is.
func elasticCloud(seed uint64) (gain, victim float64) {
	cloud := processor
	cloud.top, cloud.batch = 4*processor.top, 4*processor.batch
	return sum(cloud.shown(1, 64, pareto(4), seed, asTheyCome)) / sum(processor.shown(1, 64, pareto(4), seed, asTheyCome)), 1
}

// refusing answers one request of a burst and refuses the rest, on the machine to which that is worth most.
func refusing(seed uint64) (worst, victim float64) {
	for _, m := range []machine{card, processor} {
		list := burst(1, capacity.Least, []uint64{1}, seed)
		m.together(list)
		all := figures(list, 1, 1, capacity.Least)[0][0].Figure
		m.together(list[:1])
		answers := min(uint64(float64(capacity.Window(capacity.Tempo))/1e6/list[0].end), capacity.Rounds)
		one := capacity.Sample{Work: answers * capacity.Work(burstPrompt, burstAnswer), Micros: capacity.Window(capacity.Tempo), Own: capacity.Least, Whole: capacity.Least}
		figure, _ := one.Figure()
		worst = max(worst, float64(figure)/float64(all))
	}
	return worst, 1
}

// throwaway is the mean capacity of a server that comes anew every three tempos, honest until it is known and false from then on.
func throwaway(uint64) (gain, victim float64) {
	const life, full = 3, 1000
	moments := life * capacity.Tempo / (capacity.Rest + 1<<(capacity.Zeros+1)) // about one in 690 blocks
	for known := range moments + 1 {
		seen := slices.Repeat([][]capacity.Seen{{{Voice: 0, Figure: full}}}, known)
		gain += float64(capacity.Of(seen, []uint64{1})) / full / float64(moments+1)
	}
	return gain, 1
}

// falseRows is what the voices make of a server of which one lies: the honest figures differ by a percent.
func falseRows(seed uint64) (gain, victim float64) {
	const figure = 1_000_000
	r := rand.New(rand.NewPCG(seed, 0xfa))
	seen, stakes := []capacity.Seen{{Voice: 0, Figure: 10 * figure}}, []uint64{450}
	for voice := range 10 {
		seen = append(seen, capacity.Seen{Voice: voice + 1, Figure: uint64(figure * (1 + 0.01*r.NormFloat64()))})
		stakes = append(stakes, 55)
	}
	return float64(capacity.Of(slices.Repeat([][]capacity.Seen{seen}, capacity.Moments), stakes)) / figure, 1
}

// grinding is how many more moments fall into a tenth of the time that a proposer likes than a tenth of them, of what is not his anyway.
// In that time his blocks end in a 0 bit, at other times in a 1.
func grinding(part float64) func(uint64) (float64, float64) {
	const blocks, cycle = 1_000_000, 10_000
	return func(seed uint64) (float64, float64) {
		r := rand.New(rand.NewPCG(seed, 0x6d0e))
		var scan capacity.Scan
		liked, all := 0, 0
		for height := range int64(blocks) {
			likes := height%cycle < cycle/10
			bit := byte(r.Uint32() & 1)
			if r.Float64() < part {
				bit = 1
				if likes {
					bit = 0
				}
			}
			if scan.Block(height, []byte{bit}) {
				all++
				if likes {
					liked++
				}
			}
		}
		return (float64(liked)/float64(all) - 0.1) / 0.9, 1
	}
}
