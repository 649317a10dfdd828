package score

import "math"

// difference is the estimated lead of one miner's mean score over another's, with its standard error.
type difference struct {
	lead   float64
	stderr float64
}

// significant reports whether the lead is beyond z standard errors, and large enough to matter.
func (d difference) significant(z, matters float64) bool {
	return d.lead > matters && d.lead > z*d.stderr
}

// same reports whether the two are surely closer than tolerance.
func (d difference) same(z, tolerance float64) bool {
	return math.Abs(d.lead)+float64(z*d.stderr) <= tolerance
}

// worth is what a miner's answers are worth above chance, over all that it was asked: answered/asked · (mean − chance).
func (b *Board) worth(r *record) float64 {
	return float64(r.service.answered() * (r.tally().Mean() - b.params.Chance))
}

// unsure is the variance of a miner's worth that comes from its answered share a of the last n requests:
// a(1−a)/n · (mean − chance)².
func (b *Board) unsure(r *record) float64 {
	a, skill := r.service.answered(), r.tally().Mean()-b.params.Chance
	return a * (1 - a) / float64(max(1, len(r.service.Outcomes))) * skill * skill
}

// compare estimates a's lead over b in two ways and keeps the sharper:
// over the items that both answered, where what is hard for one is hard for the other and cancels, se² = s²(a−b)/n;
// and over all items of each, se² = s²(a)/n + s²(b)/m, which wins where few items are shared.
//
// Both are of worth: each score counts above chance and times its miner's answered share, whose own error is added.
func (b *Board) compare(x, y *record) difference {
	sx, sy := x.service.answered(), y.service.answered()
	absent := math.Sqrt(b.unsure(x) + b.unsure(y))
	all := difference{b.worth(x) - b.worth(y), hypot(sx*x.tally().StdErr(), sy*y.tally().StdErr())}
	shared := meet(x.inOrder(), y.inOrder(), func(a, c mark) float64 {
		return float64(sx*(a.Score-b.params.Chance)) - float64(sy*(c.Score-b.params.Chance))
	})
	best := all
	if both := (difference{shared.Mean(), shared.StdErr()}); shared.N() >= minShared && both.stderr <= all.stderr {
		best = both
	}
	best.stderr = hypot(best.stderr, absent)
	return best
}

// minShared is the least number of shared items for which their differences are taken to be near normal.
const minShared = 30

// meet tallies a value of every item that is in both lists; each list is in item order. Without Welford's division for each value,
// which is most of what a ranking costs: with e = x − x₀, the first value, so that equal values have no variance at all,
//
//	mean = x₀ + Σe/n,   Σ(x−mean)² = Σe² − (Σe)²/n
//
// The values are in [−1, 1], at most 4096 of them: the last line errs by less than 1e-11.
func meet(a, b []mark, value func(x, y mark) float64) (t Tally) {
	first, sum, squares := 0.0, 0.0, 0.0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Item < b[j].Item:
			i++
		case a[i].Item > b[j].Item:
			j++
		default:
			x := value(a[i], b[j])
			if t.n == 0 {
				first = x
			}
			t.n, sum, squares = t.n+1, sum+(x-first), squares+float64((x-first)*(x-first))
			i++
			j++
		}
	}
	if t.n > 0 {
		t.mean = first + sum/float64(t.n)
		t.sq = math.Max(0, squares-float64(sum*sum)/float64(t.n))
	}
	return t
}

// surely is the z of a lead over the n-th of the miners that share a leader's tier, n ≥ 1. Among n equal ones the best and the
// worst are far apart by chance, so that the error of one pair is divided by the number of pairs, about n²: otherwise many
// identities of one model would now and then make two tiers.
func (b *Board) surely(n int) float64 {
	for len(b.always) < n {
		k := float64(len(b.always) + 1)
		b.always = append(b.always, boundary(b.params.Error/(k*k), b.params.MinItems, b.params.Window))
	}
	return b.always[n-1]
}

// boundary returns the z beyond which a lead is called real, such that two equal miners are told apart with probability
// at most alpha in one direction, whenever between n = low and n = high items one looks, and however often:
//
//	alpha = ½·c·φ(c)·ln(high/low) + Q(c)
//
// the crossing probability of a square-root boundary by Brownian motion on [low, high] (Siegmund, Sequential Analysis,
// 1985, section 4.3, leading terms), solved for c. With one look (high = low) it is the usual one-sided quantile.
func boundary(alpha float64, low, high int) float64 {
	span := ln(math.Max(1, float64(high)/math.Max(1, float64(low))))
	least, most := 0.5, 10.0
	for range 60 {
		c := (least + most) / 2
		if float64(c/2*density(c)*span)+upperTail(c) > alpha {
			least = c
		} else {
			most = c
		}
	}
	return most
}
