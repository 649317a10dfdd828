package score

import "math"

// Tally accumulates scores one by one (Welford's recurrence), so that mean and variance stay exact for long runs.
// The zero Tally is empty.
type Tally struct {
	n    int
	mean float64
	sq   float64 // Σ (x − mean)²
}

// Add counts one value.
func (t *Tally) Add(x float64) {
	t.n++
	d := x - t.mean
	t.mean += d / float64(t.n)
	t.sq += float64(d * (x - t.mean))
}

// N is the number of values counted.
func (t Tally) N() int { return t.n }

// Mean is the average of the values; 0 when there are none.
func (t Tally) Mean() float64 { return t.mean }

// Variance is the unbiased sample variance; 0 below two values.
func (t Tally) Variance() float64 {
	if t.n < 2 {
		return 0
	}
	return math.Max(0, t.sq/float64(t.n-1))
}

// StdErr is the standard error of the mean; +Inf below two values.
func (t Tally) StdErr() float64 {
	if t.n < 2 {
		return math.Inf(1)
	}
	return math.Sqrt(t.Variance() / float64(t.n))
}

// Bound returns the interval that holds the true mean of scores in [0, 1] at z standard errors; always inside [0, 1].
// It is Wilson's interval with the sample counted n/φ times:
//
//	φ = (Σ(x−m)² + m(1−m)) / ((n+1)·m(1−m))     dispersion: the variance beside that of a right-or-wrong score
//	k = n/φ,   centre = (m + z²/2k) / (1 + z²/k),   half = z/(1 + z²/k) · √(m(1−m)/k + z²/4k²)
//
// Right-or-wrong scores have φ = 1, which gives Wilson's interval to the digit: it holds at small n and near 0 and 1,
// where Student's t leaves [0, 1]. Scores of small spread get the narrower interval that they deserve, and the one
// pseudo-item in φ keeps k below n(n+1): the 1/n term that an empirical Bernstein bound has for the same reason.
// With no values the interval is [0, 1].
func (t Tally) Bound(z float64) (lower, upper float64) { return t.boundOf(z, t.n) }

// boundOf is Bound as if only n values had been seen.
func (t Tally) boundOf(z float64, n int) (lower, upper float64) {
	if n == 0 {
		return 0, 1
	}
	m := clamp(t.mean)
	k := float64(n) / t.dispersion()
	z2 := z * z
	centre := (m + z2/(2*k)) / (1 + z2/k)
	half := z / (1 + z2/k) * math.Sqrt(float64(m*(1-m))/k+z2/(4*k*k))
	lower, upper = clamp(centre-half), clamp(centre+half)
	switch m { // exactly: rounding must not pay a miner that was never right
	case 0:
		lower = 0
	case 1:
		upper = 1
	}
	return lower, upper
}

// dispersion is φ of Bound, in (0, 1].
func (t Tally) dispersion() float64 {
	m := clamp(t.mean)
	v := m * (1 - m)
	if v <= 0 {
		return 1
	}
	return math.Min(1, (math.Max(0, t.sq)+v)/(float64(t.n+1)*v))
}

// clamp brings x into [0, 1]; NaN becomes 0.
func clamp(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	return math.Min(x, 1)
}
