// Package frontier decides which open models earn, and how much each of their servers: from examinations, in integers.
//
//	score       of an item, in millionths                                                   (Score)
//	passing     A has surely more than B, by a test that stays valid at every look          (pair)
//	list        models in the order of their commits, each before the first it has passed   (line)
//	places      those of the list that nothing of their size or of a quarter stands before  (Places)
//	prize       d^−1.5 × capability for the d-th place                                      (Prize)
//	servers     share a prize by capacity × service × gate                                  (Pay)
//
// Everything is a function of the models and of the results that are known of tempos up to the one asked about: in which order
// results came, and how often somebody looked, changes nothing. No clock, no randomness, no I/O, no float.
package frontier

// Score is what a model got for an item, in millionths: 0 to Whole.
type Score uint32

// Whole is the best score.
const Whole Score = 1_000_000

// Model is what the chain says of a model, as far as it decides places.
type Model struct {
	Digest     [32]byte
	Height     int64  // block of the commit
	Index      uint32 // of the commit in its block
	Published  int64  // block
	Parameters uint64 // elements of its tensors; 0 counts as 1
	Bytes      uint64 // of its file
	Share      uint32 // part of its servers' pay that is its author's, in millionths
}

// before is the order of commits; models that say they were committed at once go by their digests.
func (m *Model) before(o *Model) bool {
	if m.Height != o.Height {
		return m.Height < o.Height
	}
	if m.Index != o.Index {
		return m.Index < o.Index
	}
	return string(m.Digest[:]) < string(o.Digest[:])
}

// size is the number of parameters, at least 1 and so small that four times as many can be counted.
func (m *Model) size() uint64 { return min(max(m.Parameters, 1), 1<<60) }

// Rules are a subnet's settings.
//
//	name    unit        default    bounds          reason
//	Ready   items       32         1..10000        fewer cannot show even a gap of thirty points
//	Margin  millionths  20,000     0..100,000      a copy trained for an hour gains less; the lead that a newcomer must show
//	Decay   blocks      1,296,000  1..2^40         30 days at 2 s, in which the margin falls to half a point: small steps add up
type Rules struct {
	Ready  int
	Margin int64
	Decay  int64
}

// DefaultRules returns the defaults of the table above.
func DefaultRules() Rules { return Rules{Ready: 32, Margin: 20_000, Decay: 1_296_000} }

const (
	maxMargin   = 100_000 // the upper bound of Rules.Margin, which the test's constants are made for
	leastMargin = 5_000   // half a point, to which a margin falls
)

// bounded brings rules into their bounds.
func (r Rules) bounded() Rules {
	r.Ready = min(max(r.Ready, 1), 10_000)
	r.Margin = min(max(r.Margin, 0), maxMargin)
	r.Decay = min(max(r.Decay, 1), 1<<40)
	return r
}

// margin is by how much another must lead a model of the given age to pass it:
//
//	margin(age) = Margin − max(0, Margin − leastMargin) · min(1, age/Decay)
func (r Rules) margin(published, height int64) int64 {
	age := min(max(height-published, 0), r.Decay)
	return r.Margin - max(0, r.Margin-leastMargin)*age/r.Decay
}
