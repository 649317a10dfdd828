// Package kernel does the arithmetic of language models with the same bits on every machine.
//
// Weights of few bits meet activations of 8 bits: products add up in integers, in any order and at any width, and never
// saturate. Floats add up in one order that the layout of the data fixes: a vector holds sixteen rows of a matrix, or
// sixteen positions of the keys, or sixteen dimensions of the values, so that each sum is one lane and takes the same
// steps at every vector width. A sum over a vector itself is sixteen interleaved sums, added up in order.
//
// Every product is written float32(a*b): a compiler may fuse x*y+z into one rounding, but not across a conversion.
// Square roots and divisions are correctly rounded everywhere; of package math nothing else is used.
//
// On amd64 the loops are assembly that generate writes, chosen by what the processor has; elsewhere portable Go.
package kernel

import "math"

// Lanes is how many rows of a matrix, or positions of keys, lie side by side.
const Lanes = 16

// Block is how many activations share a scale.
const Block = 32

// Exp is eˣ to about 2·10⁻⁷ relative, 0 below -86 and e⁸⁸ above 88: 2 to the power of x·log₂e, whose whole part goes into the
// exponent and whose rest in [-½, ½] into a polynomial of degree six (coefficients by minimax).
func Exp(x float32) float32 {
	if x < expLow {
		return 0
	}
	t := float32(min(x, expHigh) * log2e)
	r := t + magic
	n := int32(math.Float32bits(r)) - magicBits
	f := t - (r - magic)
	p := float32(e6*f) + e5
	p = float32(p*f) + e4
	p = float32(p*f) + e3
	p = float32(p*f) + e2
	p = float32(p*f) + e1
	p = float32(p*f) + 1
	return math.Float32frombits(math.Float32bits(p) + uint32(n)<<23)
}

const (
	expLow    float32 = -86
	expHigh   float32 = 88
	log2e     float32 = 1.44269504
	magic     float32 = 12582912 // 1.5·2²³: adding it rounds a small float to an integer, half to even
	magicBits int32   = 0x4b400000
	e6        float32 = 0.00015468
	e5        float32 = 0.0013333558
	e4        float32 = 0.009618129
	e3        float32 = 0.05550411
	e2        float32 = 0.2402265
	e1        float32 = 0.6931472
)

// Limit bounds the numbers between two matrices of a model. Below it no sum or product of the passes overflows, so
// that infinities and NaNs, whose bits differ between processors, cannot arise unseen.
const Limit = 1 << 48

const limitBits = (127 + 48) << 23

// Bounded says whether all of x is below Limit in magnitude.
func Bounded(x []float32) bool { return bounded(x) }

// Normalise is RMS normalisation: out = x ÷ √(mean of squares + eps) · w. All have the same length, a multiple of 16.
func Normalise(out, x, w []float32, eps float32) {
	scale := 1 / float32(math.Sqrt(float64(float32(squares(x)/float32(len(x)))+eps)))
	scaleBy(out, x, w, scale)
}

// Add is x += y.
func Add(x, y []float32) { addTo(x, y) }

// SiLU is g = g ÷ (1 + e⁻ᵍ) · u. Lengths are multiples of 16.
func SiLU(g, u []float32) { silu(g, u) }

// GELU is g = g ÷ (1 + e^(−2·√(2/π)·(g + 0.044715·g³))) · u, which is the usual approximation by tanh, times u.
func GELU(g, u []float32) { gelu(g, u) }

const (
	gelu1 float32 = -1.5957691 // −2·√(2/π)
	gelu3 float32 = -0.07135481
)

// Scores are the products of a query with the keys of 16·groups positions: p[16g+j] = Σ_d q[d]·keys[g][d][j].
func Scores(p, q, keys []float32, groups int) { scores(p, q, keys, groups) }

// Softmax replaces p by exp(p − top) for its largest entry top and returns the sum. Its length is a multiple of 16; what is not
// to count is Nothing.
func Softmax(p []float32) float32 {
	return ExpSum(p, largest(p))
}

// ExpSum replaces p by exp(p − top) and returns the sum. Nothing in p exceeds top, and its length is a multiple of 16.
func ExpSum(p []float32, top float32) float32 {
	var sums [Lanes]float32
	expSums(p, top, &sums)
	return total(&sums)
}

// Nothing is a score that gets no weight.
const Nothing float32 = -1e30

func total(sums *[Lanes]float32) float32 {
	t := float32(0)
	for _, s := range sums {
		t += s
	}
	return t
}

// Mix adds the values of positions, weighted: out[d] += Σ_t p[t]·values[t][d], t in order.
func Mix(out, p, values []float32) { mix(out, p, values) }
