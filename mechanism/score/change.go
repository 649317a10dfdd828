package score

import "math"

// Levels of the change test, in standard normal units.
const (
	suspect = 3.0 // ask more
	changed = 5.0 // forget what came before
)

// spans are the lengths of the recent past that is held against what came before.
var spans = []int{4, 8, 16, 32, 64}

// dropChanged cuts the records of miners whose latest answers show another model than before, so that the old model's
// merits (or faults) end with it. Only the answers since the change stay, and the miner must fill MinItems again.
func (b *Board) dropChanged(results []Result) {
	for _, r := range results {
		rec := b.records[r.UID]
		if span, z := b.change(r.UID); z >= changed {
			rec.marks = append([]mark(nil), rec.marks[len(rec.marks)-span:]...)
			rec.asked = span
		}
	}
}

// change returns the recent span that differs most from a miner's earlier answers, and by how much (z, at least 0).
func (b *Board) change(uid uint16) (span int, z float64) {
	marks := b.records[uid].marks
	for _, k := range spans {
		if len(marks)-k < 2*k || len(marks)-k < minShared {
			break
		}
		if d := deviance(marks[:len(marks)-k], marks[len(marks)-k:]); d > z {
			span, z = k, d
		}
	}
	return span, z
}

// deviance is the signed root of twice the log likelihood ratio of "two means" over "one mean", in standard normal units:
//
//	z² = 2·(n₁·KL(m₁‖m) + n₂·KL(m₂‖m)) / φ,   KL(p‖q) = p·ln(p/q) + (1−p)·ln((1−p)/(1−q))
//
// φ is the dispersion of Tally.Bound. For right-or-wrong scores it is the exact binomial ratio, which a plain z is not
// near 0 and 1.
func deviance(before, after []mark) float64 {
	var x, y, both Tally
	for _, m := range before {
		x.Add(m.score)
		both.Add(m.score)
	}
	for _, m := range after {
		y.Add(m.score)
		both.Add(m.score)
	}
	sum := float64(x.n)*divergence(x.Mean(), both.Mean()) + float64(y.n)*divergence(y.Mean(), both.Mean())
	return math.Sqrt(math.Max(0, 2*sum/both.dispersion()))
}

// divergence is KL(p‖q) of two coins, in nats; q is strictly between 0 and 1 unless it equals p.
func divergence(p, q float64) float64 {
	p, q = clamp(p), clamp(q)
	if p == q {
		return 0
	}
	d := 0.0
	if p > 0 {
		d += p * math.Log(p/q)
	}
	if p < 1 {
		d += (1 - p) * math.Log((1-p)/(1-q))
	}
	return math.Max(0, d)
}
