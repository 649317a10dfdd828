package score

import "math"

// difference is the estimated lead of one miner's mean score over another's, with its standard error.
type difference struct {
	lead   float64
	stderr float64
}

// significant reports whether the lead is beyond z standard errors.
func (d difference) significant(z float64) bool { return d.lead > 0 && d.lead > z*d.stderr }

// same reports whether the two are surely closer than tolerance.
func (d difference) same(z, tolerance float64) bool { return math.Abs(d.lead)+z*d.stderr <= tolerance }

// compare estimates a's lead over b in two ways and keeps the sharper:
// over the items that both answered, where what is hard for one is hard for the other and cancels, se² = s²(a−b)/n;
// and over all items of each, se² = s²(a)/n + s²(b)/m, which wins where few items are shared.
func compare(a, b *record) difference {
	ta, tb := a.tally(), b.tally()
	all := difference{ta.Mean() - tb.Mean(), math.Hypot(ta.StdErr(), tb.StdErr())}
	shared := paired(a.marks, b.marks)
	if both := (difference{shared.Mean(), shared.StdErr()}); shared.N() >= minShared && both.stderr <= all.stderr {
		return both
	}
	return all
}

// minShared is the least number of shared items for which their differences are taken to be near normal.
const minShared = 30

// paired tallies a's score minus b's over the items that both answered.
func paired(a, b []mark) (t Tally) {
	meet(a, b, func(x, y mark) { t.Add(x.Score - y.Score) })
	return t
}

// meet calls visit for every item that is in both lists; each list is in item order.
func meet(a, b []mark, visit func(x, y mark)) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Item < b[j].Item:
			i++
		case a[i].Item > b[j].Item:
			j++
		default:
			visit(a[i], b[j])
			i++
			j++
		}
	}
}

// boundary returns the z beyond which a lead is called real, such that two equal miners are told apart with probability
// at most alpha in one direction, whenever between n = low and n = high items one looks, and however often:
//
//	alpha = ½·c·φ(c)·ln(high/low) + Q(c)
//
// the crossing probability of a square-root boundary by Brownian motion on [low, high] (Siegmund, Sequential Analysis,
// 1985, section 4.3, leading terms), solved for c. With one look (high = low) it is the usual one-sided quantile.
func boundary(alpha float64, low, high int) float64 {
	span := math.Log(math.Max(1, float64(high)/math.Max(1, float64(low))))
	least, most := 0.5, 10.0
	for range 60 {
		c := (least + most) / 2
		density := math.Exp(-c*c/2) / math.Sqrt(2*math.Pi)
		if c/2*density*span+upperTail(c) > alpha {
			least = c
		} else {
			most = c
		}
	}
	return most
}

// upperTail is Q(z): the chance that a standard normal value exceeds z.
func upperTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }
