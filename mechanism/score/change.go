package score

import (
	"math"
	"slices"
)

// Levels of the change test, in standard normal units.
const (
	suspect = 2.5 // ask more
	changed = 5.0 // forget what came before
)

// spans are the lengths of the recent past that is held against what came before.
var spans = []int{4, 8, 16, 32, 64, 128}

// lookForChange cuts the record of a miner whose latest answers show another model than before, so that the old model's
// merits (or faults) end with it. Only the answers since the change stay, and the miner must fill MinItems again.
func (b *Board) lookForChange(uid uint16) {
	rec := b.records[uid]
	span, z := b.change(rec)
	if rec.doubt = z; z < changed {
		return
	}
	rec.setMarks(slices.Clone(rec.marks[len(rec.marks)-span:]))
	rec.asked, rec.since, rec.doubt = span, b.next(), 0
	b.forgetTwins(uid)
}

// minOthers is the least number of other miners that can say how easy an item was, so that no one of them says it alone.
const minOthers = 3

// ease is by how much the others beat their own means on an item, drawn toward 0 for their number: Σ surplus / (others + 1).
// It is 0 on average whoever was asked, so a miner's score less the ease has the mean of its score and less spread.
func (b *Board) ease(m mark) float64 {
	it := b.item(m.Item)
	if it == nil || it.Known-one(m.Known) < minOthers {
		return 0
	}
	return (it.Surplus - m.Own) / float64(it.Known-one(m.Known)+1)
}

// change returns the recent span that differs most from a miner's earlier answers, and by how much (z, at least 0).
// Graded scores are also compared less their items' ease, which shows in a fraction of the items.
func (b *Board) change(r *record) (span int, z float64) {
	n, all := len(r.marks), r.tally()
	graded := all.dispersion() < 0.5
	var eases Tally // of all scores, less their items' ease
	if graded {
		for _, m := range r.marks {
			eases.Add(m.Score - b.ease(m))
		}
	}
	recent, eased, k := 0.0, 0.0, 0
	for _, length := range spans {
		if n-length < 2*length || n-length < minShared {
			break
		}
		for ; k < length; k++ {
			m := r.marks[n-1-k]
			recent += m.Score
			eased += m.Score - b.ease(m)
		}
		d := deviance(all, recent, k)
		if graded && k >= minEased {
			d = math.Max(d, shift(eases, eased, k))
		}
		if d > z {
			span, z = k, d
		}
	}
	return span, z
}

// minEased is the least span whose mean is near normal.
const minEased = 16

// shift is the difference between the mean of the last k values, of sum recent, and that of the others, in standard errors.
func shift(all Tally, recent float64, k int) float64 {
	n, last := float64(all.n), float64(k)
	d := recent/last - (float64(all.Mean()*n)-recent)/(n-last)
	se := math.Sqrt(all.Variance() * (1/last + 1/(n-last)))
	if se == 0 {
		return 0
	}
	return math.Abs(d) / se
}

// deviance is the root of twice the log likelihood ratio of "the last k scores have another mean" over "one mean",
// in standard normal units; all is the tally of all n scores, recent the sum of the last k:
//
//	z² = 2·((n−k)·KL(m₁‖m) + k·KL(m₂‖m)) / φ,   KL(p‖q) = p·ln(p/q) + (1−p)·ln((1−p)/(1−q))
//
// φ is the dispersion of Tally.Bound. For right-or-wrong scores it is the exact binomial ratio, which a plain z is not
// near 0 and 1.
func deviance(all Tally, recent float64, k int) float64 {
	n, m := float64(all.n), all.Mean()
	before, after := (float64(m*n)-recent)/(n-float64(k)), recent/float64(k)
	sum := float64((n-float64(k))*divergence(before, m)) + float64(float64(k)*divergence(after, m))
	return math.Sqrt(math.Max(0, 2*sum/all.dispersion()))
}

// divergence is KL(p‖q) of two coins in nats; 0 where q is 0 or 1, since then p differs by rounding only.
func divergence(p, q float64) float64 {
	p, q = clamp(p), clamp(q)
	if q == 0 || q == 1 {
		return 0
	}
	d := 0.0
	if p > 0 {
		d += float64(p * ln(p/q))
	}
	if p < 1 {
		d += float64((1 - p) * ln((1-p)/(1-q)))
	}
	return math.Max(0, d)
}
