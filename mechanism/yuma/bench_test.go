package yuma_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"agora/mechanism/yuma"
	"agora/study/draw"
)

// benchSizes are the shapes of the published figures.
var benchSizes = []struct{ validators, miners, percent int }{
	{64, 192, 100},
	{64, 448, 100},
	{128, 896, 100},
	{256, 3840, 100},
	{256, 3840, 5},
	{512, 15872, 5},
}

// BenchmarkEpoch measures one epoch of this chain's formula: by the textbook, by
// one worker and by two.
func BenchmarkEpoch(b *testing.B) {
	for _, size := range benchSizes {
		in := draw.Sized(size.validators, size.miners, size.percent, yuma.Default())
		name := fmt.Sprintf("%dx%d/%dpercent", size.validators, size.miners, size.percent)
		b.Run(name+"/textbook", func(b *testing.B) {
			var oracle book
			measure(b, func() { oracle.run(in) })
		})
		for workers := 1; workers <= 2; workers++ {
			b.Run(fmt.Sprintf("%s/workers=%d", name, workers), func(b *testing.B) {
				runner := yuma.Runner{Workers: workers}
				runner.Run(in)
				runner.Run(in)
				measure(b, func() { runner.Run(in) })
			})
		}
	}
}

// BenchmarkFormula measures the formulas beside the default at one size.
func BenchmarkFormula(b *testing.B) {
	liquid := yuma.Default()
	liquid.LiquidAlpha = true
	unclipped := liquid
	unclipped.BondsPenalty = 0
	blend := yuma.Default()
	blend.BondsPenalty = 32768
	unweighted := yuma.Default()
	unweighted.StakeWeightedBonds = false
	for _, c := range []struct {
		name   string
		params yuma.Params
	}{
		{"default", yuma.Default()}, {"upstream", yuma.Upstream()}, {"liquid", liquid}, {"liquid and no penalty", unclipped}, {"blend", blend}, {"unweighted", unweighted},
	} {
		in := draw.Sized(128, 896, 100, c.params)
		b.Run(c.name, func(b *testing.B) {
			var runner yuma.Runner
			runner.Run(in)
			runner.Run(in)
			measure(b, func() { runner.Run(in) })
		})
		if c.params.LiquidAlpha {
			restless(in, 20)
			b.Run(c.name+"/restless", func(b *testing.B) {
				var runner yuma.Runner
				runner.Run(in)
				runner.Run(in)
				measure(b, func() { runner.Run(in) })
			})
		}
	}
}

// restless plays epochs between which every weight moves by up to a tenth, so that
// bonds lie above their weights as well as below.
func restless(in *yuma.Input, epochs int) {
	d, runner := draw.New(7), new(yuma.Runner)
	for range epochs {
		for i, row := range in.Weights {
			var moved yuma.Row
			for k := range row.Len() {
				uid, v := row.At(k)
				moved = moved.Append(uid, uint16(min(65535, max(1, int(v)*(90+d.IntN(21))/100))))
			}
			in.Weights[i] = moved
		}
		in.Bonds = clone(runner.Run(in).Bonds)
	}
}

// measure runs a benchmark and reports, beside the mean, the shortest run: the
// figure that other work on the machine disturbs least.
func measure(b *testing.B, epoch func()) {
	b.ReportAllocs()
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		epoch()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best.Nanoseconds()), "best-ns")
}
