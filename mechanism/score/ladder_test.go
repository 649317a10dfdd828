package score

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What the judge needs and gets on simulated ladders of right-or-wrong scores. The rates below have 1 % or so of error by
// design; the bars leave room for chance in so many trials.
func TestLaddersAreFoundInTheRightOrder(t *testing.T) {
	const trials = 80
	for _, c := range []struct {
		name       string
		accuracies []float64
		load       float64 // correlation of two miners' luck with an item is load²
		merged     float64 // most share of trials in which different miners may share a tier
		items      float64 // most requests per miner, on average
	}{
		{"chat ladder", []float64{.9, .74, .53, .27, .1}, 0, 0, 160},
		{"chat ladder, paired", []float64{.9, .74, .53, .27, .1}, .7, 0, 140},
		{"ten points apart, paired", []float64{.9, .8, .7, .6, .5, .4, .3, .2, .1}, .7, 0.1, 480},
		{"five points apart: not to be told apart, nor told wrong", []float64{.5, .45, .4}, .7, 0.9, 1000},
		{"ties", []float64{.8, .8, .8, .5, .5}, .7, 0, 1010},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong, split, merged, items := 0, 0, 0, 0.0
			for seed := range uint64(trials) {
				f, b := newField(seed, c.load, c.accuracies...), newBoard(t)
				items += float64(f.settle(t, b, 5000)) / float64(len(c.accuracies)) / trials
				v := judge(b, c.accuracies)
				wrong, split, merged = wrong+count(v.wrong), split+count(v.split), merged+count(v.merged)
			}
			t.Logf("wrong order %d, equals apart %d, different together %d of %d; %.0f items per miner", wrong, split, merged, trials, items)
			if wrong > 2 || split > trials/8 || float64(merged) > c.merged*trials || items > c.items {
				t.Error("outside the bars")
			}
		})
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestSamplingStops(t *testing.T) {
	f, b := newField(3, 0.5, .9, .9, .7, .68, .2, 0), newBoard(t)
	f.settle(t, b, 5000)
	if need := b.Need(f.live); len(need) != 0 {
		t.Fatalf("still wants %v", need)
	}
	requests := 0
	for range 50 {
		requests += f.tempo(t, b)
	}
	if per := float64(requests) / 50 / float64(len(f.live)); per > 3*float64(b.Params().Idle) {
		t.Errorf("%.1f requests per miner and tempo with nothing to find out", per)
	}
}

func TestOnlyTheNearTieIsSampledFurther(t *testing.T) {
	f, b := newField(1, 0, .9, .87, .3), newBoard(t)
	for range b.Params().MinItems {
		f.ask(t, b, f.live)
	}
	for range 100 {
		f.ask(t, b, b.Need(f.live))
	}
	s := byUID(b)
	if s[2].Asked > b.Params().MinItems+40 || s[0].Asked < b.Params().MinItems+90 || s[1].Asked < b.Params().MinItems+90 {
		t.Errorf("asked %d, %d, %d", s[0].Asked, s[1].Asked, s[2].Asked)
	}
}

func TestSwappedModelShowsWithinThreeTempos(t *testing.T) {
	const trials = 60
	for _, swap := range [][2]float64{{.9, .1}, {.9, .27}, {.1, .9}} {
		late := 0
		for seed := range uint64(trials) {
			f, b := newField(seed, 0.5, .74, .53, .27, swap[0]), newBoard(t)
			f.settle(t, b, 3000)
			for range 10 {
				f.tempo(t, b)
			}
			before := byUID(b)[3]
			f.quantiles[3] = quantile(swap[1])
			for range 3 {
				f.tempo(t, b)
			}
			if after := byUID(b)[3]; after.Tier == before.Tier && after.Ready {
				late++
			}
		}
		if late > trials/15 {
			t.Errorf("%v: not seen in %d of %d trials", swap, late, trials)
		}
	}
}

// graded scores differ less between miners than between items: that is what ease takes away.
func TestSwapOfGradedModelsShowsThroughTheItemsEase(t *testing.T) {
	const trials, after = 40, 60
	seen, blamed := 0, 0
	for seed := range uint64(trials) {
		f, b := newField(seed, 0), newBoard(t)
		quality := []float64{.8, .78, .76, .74, .72}
		for k := range 300 + after {
			if k == 300 {
				quality[0] = .73
			}
			ease := 0.06 * f.random.NormFloat64()
			var results []Result
			for i, q := range quality {
				results = append(results, Result{UID: uint16(i), Score: q + ease + 0.03*f.random.NormFloat64(), Said: f.said()})
			}
			add(t, b, f, results...)
		}
		for uid, s := range byUID(b) {
			if s.Asked < 300 {
				seen += count(uid == 0)
				blamed += count(uid != 0)
			}
		}
	}
	if seen < trials*9/10 || blamed > 1 {
		t.Errorf("seen in %d of %d trials, another one blamed %d times", seen, trials, blamed)
	}
}

func TestHonestMinerIsSeldomTakenForAnother(t *testing.T) {
	for _, p := range []float64{.02, .5, .9} {
		random, b, f, cuts := rand.New(rand.NewPCG(7, 7)), newBoard(t), newField(1, 0), 0
		last := 0
		for range 30_000 {
			b.Add(f.item(), []Result{{Score: float64(count(random.Float64() < p))}})
			if b.records[0].asked < last {
				cuts++
			}
			last = b.records[0].asked
		}
		if cuts > 3 {
			t.Errorf("accuracy %v: taken for another model %d times in 30,000 answers", p, cuts)
		}
	}
}

func TestBoundaryHoldsOverAllLooks(t *testing.T) {
	if z := boundary(0.01, 1, 1); math.Abs(z-2.3263) > 1e-3 {
		t.Errorf("one look at 1 %%: z = %v, want 2.3263", z)
	}
	random, crossed := rand.New(rand.NewPCG(2, 2)), 0
	const trials, low, high = 10_000, 100, 1000
	z := boundary(0.01, low, high)
	for range trials {
		sum := 0.0
		for n := 1; n <= high; n++ {
			sum += random.NormFloat64()
			if n >= low && sum > z*math.Sqrt(float64(n)) {
				crossed++
				break
			}
		}
	}
	if rate := float64(crossed) / trials; rate > 0.012 || rate < 0.005 {
		t.Errorf("equal miners told apart in %.4f of the trials at z = %.3f, designed for at most 0.01", rate, z)
	}
}

func BenchmarkRound256Miners(b *testing.B) {
	board := newBoard(b)
	accuracies := make([]float64, 256)
	for i := range accuracies {
		accuracies[i] = 0.1 + 0.8*float64(i)/256
	}
	f := newField(1, 0.5, accuracies...)
	for range board.Params().Window {
		f.ask(b, board, f.live)
	}
	for b.Loop() {
		f.ask(b, board, f.live)
		board.Need(f.live)
	}
}

func BenchmarkRound8Miners(b *testing.B) {
	board := newBoard(b)
	f := newField(1, 0.5, .9, .8, .7, .6, .5, .4, .3, .2)
	for range board.Params().Window {
		f.ask(b, board, f.live)
	}
	for b.Loop() {
		f.ask(b, board, f.live)
		board.Need(f.live)
	}
}
