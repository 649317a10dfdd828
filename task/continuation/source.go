package continuation

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"agora/task"
)

// SampleBytes is the least length of the public sample.
const SampleBytes = 1 << 20

// Source is the stochastic source: an endless row of stories, each drawn from the grammar independently.
// It is immutable.
type Source struct {
	grammar *grammar
	entropy float64 // bits per byte
}

// Default returns the source that grammar.txt describes.
var Default = sync.OnceValue(func() *Source {
	g, err := parseGrammar(Productions)
	if err != nil {
		panic(err) // the embedded text is wrong: no test passed
	}
	return newSource(g)
})

// PublicSample returns the text that everybody may learn from: at least SampleBytes of whole stories from a fixed seed.
// The caller must not change it.
var PublicSample = sync.OnceValue(func() []byte {
	return Default().Sample(task.Seed(sha256.Sum256([]byte("agora continuation public sample 1"))), SampleBytes)
})

// newSource measures a grammar.
func newSource(g *grammar) *Source {
	bits, length := g.expectations()
	return &Source{grammar: g, entropy: bits / length}
}

// Entropy is the entropy rate in bits per byte: no predictor has a lower mean of −log2 p per byte. Stories are drawn
// independently, and a text has one derivation, so it is the expected −log2 p of a story over its expected length.
func (s *Source) Entropy() float64 { return s.entropy }

// expectations returns the expected −log2 p and the expected bytes of a story. For a name A with choices c of chance q(c),
//
//	bits(A) = Σ q(c)·(−log2 q(c) + Σ bits of c's names)     length(A) = Σ q(c)·(bytes of c's text + Σ length of c's names)
//
// are linear equations; iterating them from 0 converges to their least solution, as no name expects more than one copy of
// itself.
func (g *grammar) expectations() (bits, length float64) {
	h, l := make([]float64, len(g.names)), make([]float64, len(g.names))
	for range 10_000 {
		moved := 0.0
		for i := range g.names {
			nh, nl := g.expect(i, h, l)
			moved = math.Max(moved, math.Abs(nh-h[i])+math.Abs(nl-l[i]))
			h[i], l[i] = nh, nl
		}
		if moved < 1e-12 {
			break
		}
	}
	return h[0], l[0]
}

// expect evaluates the right sides of the equations for one name.
func (g *grammar) expect(name int, h, l []float64) (bits, length float64) {
	for _, p := range g.choices[name] {
		q := float64(p.weight) / float64(g.total[name])
		pb, pl := -math.Log2(q), 0.0
		for _, s := range p.symbols {
			if s.text != "" {
				pl += float64(len(s.text))
				continue
			}
			pb += h[s.name]
			pl += l[s.name]
		}
		bits += q * pb
		length += q * pl
	}
	return bits, length
}

// Sample returns whole stories, at least n bytes in all. The same seed gives the same text on every machine.
func (s *Source) Sample(seed task.Seed, n int) []byte {
	return s.draw(rand.NewChaCha8(seed), n)
}

// draw writes whole stories until there are n bytes.
func (s *Source) draw(random *rand.ChaCha8, n int) []byte {
	text := make([]byte, 0, n+1024)
	for len(text) < n {
		text = s.story(random, text)
	}
	return text
}

// story appends one story.
func (s *Source) story(random *rand.ChaCha8, text []byte) []byte {
	g := s.grammar
	for stack := []symbol{{}}; len(stack) > 0; {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if top.text != "" {
			text = append(text, top.text...)
			continue
		}
		stack = push(stack, g.choices[top.name][g.choose(random, top.name)])
	}
	return text
}

// choose draws one choice of a name in proportion to its weight.
func (g *grammar) choose(random *rand.ChaCha8, name int) int {
	x := below(random, g.total[name])
	for i, p := range g.choices[name] {
		if x < p.weight {
			return i
		}
		x -= p.weight
	}
	panic("unreachable: the weights sum to the total")
}

// below draws uniformly from 0 to n−1, n at least 1. Written out, so that the text never depends on a library's method:
// values from the incomplete last block of 2^64 are drawn again.
func below(random *rand.ChaCha8, n uint64) uint64 {
	limit := math.MaxUint64 - math.MaxUint64%n
	for {
		if x := random.Uint64(); x < limit {
			return x % n
		}
	}
}

// push puts a production's symbols on a stack, the first on top.
func push(stack []symbol, p production) []symbol {
	for _, s := range slices.Backward(p.symbols) {
		stack = append(stack, s)
	}
	return stack
}

// Bits returns −log2 of the probability of whole stories in a row, or an error where the text is not such a row.
func (s *Source) Bits(text []byte) (float64, error) {
	r := reader{grammar: s.grammar}
	for len(text) > 0 {
		token := nextToken(text)
		if err := r.read(string(token)); err != nil {
			return 0, err
		}
		text = text[len(token):]
	}
	if len(r.stack) > 0 {
		return 0, fmt.Errorf("the text ends within a story")
	}
	return r.bits, nil
}

// Next returns the true probability of every next byte after a prefix that begins with a story: the best prediction
// that can be. It returns an error where the prefix is impossible.
func (s *Source) Next(prefix []byte) (p [256]float64, err error) {
	r := reader{grammar: s.grammar}
	for {
		token := nextToken(prefix)
		if len(token) == len(prefix) && !bytes.ContainsAny(token, ".,:\n") {
			return r.next(string(token))
		}
		if err := r.read(string(token)); err != nil {
			return p, err
		}
		prefix = prefix[len(token):]
	}
}

// nextToken returns the first word (with the space before it) or mark of a text; empty for an empty text.
func nextToken(text []byte) []byte {
	if len(text) == 0 {
		return text
	}
	if bytes.IndexByte([]byte(".,:\n"), text[0]) >= 0 {
		return text[:1]
	}
	if i := bytes.IndexAny(text[1:], " .,:\n"); i >= 0 {
		return text[:1+i]
	}
	return text
}

// reader follows the derivation of a text word by word.
type reader struct {
	grammar *grammar
	stack   []symbol // what is still to come, the next on top; empty between stories
	bits    float64  // −log2 of the choices so far
}

// read consumes one token.
func (r *reader) read(token string) error {
	for {
		top := r.pop()
		if top.text != "" {
			if top.text != token {
				return fmt.Errorf("%q stands where the grammar has %q", token, top.text)
			}
			return nil
		}
		i, possible := r.grammar.starts[top.name][token]
		if !possible {
			return fmt.Errorf("%q cannot begin <%s>", token, r.grammar.names[top.name])
		}
		p := r.grammar.choices[top.name][i]
		r.bits -= math.Log2(float64(p.weight) / float64(r.grammar.total[top.name]))
		r.stack = push(r.stack, p)
	}
}

// pop takes the next symbol; between stories that is the name of a story.
func (r *reader) pop() symbol {
	if len(r.stack) == 0 {
		return symbol{}
	}
	top := r.stack[len(r.stack)-1]
	r.stack = r.stack[:len(r.stack)-1]
	return top
}

// words returns the tokens that can come now, with their chances.
func (r *reader) words() map[string]float64 {
	if len(r.stack) == 0 {
		return r.grammar.first[0]
	}
	if top := r.stack[len(r.stack)-1]; top.text != "" {
		return map[string]float64{top.text: 1}
	} else {
		return r.grammar.first[top.name]
	}
}

// next returns the chances of the next byte when part of a token has been written.
func (r *reader) next(part string) (p [256]float64, err error) {
	chances := r.words()
	words := make([]string, 0, len(chances))
	total := 0.0
	for word := range chances {
		if len(word) >= len(part) && word[:len(part)] == part {
			words = append(words, word)
		}
	}
	slices.Sort(words) // sums in a fixed order
	for _, word := range words {
		total += chances[word]
	}
	if total == 0 {
		return p, fmt.Errorf("nothing begins with %q here", part)
	}
	for _, word := range words {
		if len(word) > len(part) {
			p[word[len(part)]] += chances[word] / total
			continue
		}
		after := reader{grammar: r.grammar, stack: slices.Clone(r.stack)}
		if err := after.read(word); err != nil {
			return p, err
		}
		begin, err := after.next("")
		if err != nil {
			return p, err
		}
		for b := range p {
			p[b] += chances[word] / total * begin[b]
		}
	}
	return p, nil
}
