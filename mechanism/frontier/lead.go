package frontier

// lead is what is known of how much better one model is than another: n, sum and sum of squares of the differences of their
// scores over the items that both were asked, in millionths and their squares. n is at most maxItems.
type lead struct {
	n       int64
	sum     int64
	squares int64
}

// maxItems bounds what a pair counts, so that no sum overflows: 480 items a day are 11 years.
const maxItems = 2_000_000

// add counts an item.
func (l *lead) add(a, b Score) {
	if l.n == maxItems {
		return
	}
	d := int64(min(a, Whole)) - int64(min(b, Whole))
	l.n, l.sum, l.squares = l.n+1, l.sum+d, l.squares+d*d
}

// reversed is the same lead seen from the other side.
func (l lead) reversed() lead { return lead{l.n, -l.sum, l.squares} }

// surely says whether the mean of the differences is surely more than margin, |margin| ≤ maxMargin. If it is not, the chance that
// surely ever says so, however often it is asked while items come, is at most 0.001. With x = difference − margin,
//
//	max over λ of  λ·Σx − ψ(λ)·λ²·Σx²  ≥  ln(rates / 0.001)
//
// For x ≥ −c/λ and c < 1, ln(1+λx) ≥ λx − ψλ²x² with ψ = (−ln(1−c) − c)/c² (Fan, Grama and Liu, 2015, lemma 4.1), and the product
// of all 1+λx is a supermartingale where the mean of x is at most 0, so that it exceeds 1/ε with a chance of at most ε (Ville).
// Each of the rates λ = 2^−1 … 2^−8 has an eighth of the error.
//
// A margin that falls while one looks changes nothing of this: since 2ψλ < 1, the left side only grows as the margin falls, so
// that the error is that of the least margin.
func (l lead) surely(margin int64) bool {
	sum := l.sum - l.n*margin
	if sum <= 0 {
		return false
	}
	squares := l.squares - 2*margin*l.sum + l.n*margin*margin // ≥ 0
	for i, psi := range curvature {
		shift := i + 1
		// Millionths: Σx as it is, Σx² is in their squares. What is divided is cut off against the claim.
		cost := squares/int64(Whole) + 1
		if sum>>shift-(cost*psi/int64(Whole)+1)>>(2*shift)-1 >= threshold {
			return true
		}
	}
	return false
}

// threshold is ln(8/0.001) in millionths, rounded up.
const threshold = 8_987_197

// curvature is ψ(λ) in millionths, rounded up, for λ = 2^−1 … 2^−8 and c = 1.1·λ: x is at least −1 − maxMargin.
var curvature = [8]int64{821_514, 615_982, 551_148, 524_168, 511_763, 505_805, 502_884, 501_437}
