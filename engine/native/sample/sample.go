// Package sample picks the next token of an answer from a model's logits, the same one on every machine.
//
// A draw from softmax(logits / temperature) is the largest of logit/temperature + Gumbel noise (the Gumbel-max trick:
// E. J. Gumbel, Statistical Theory of Extreme Values, 1954). The noise of a token is a function of (seed, position,
// token) alone, so whoever has the logits of one position repeats its draw without the draws before.
package sample

import (
	"fmt"
	"math"

	"agora/engine/native/kernel"
)

// Options say how to draw. The zero value is greedy.
type Options struct {
	Temperature float64 // 0 to 2; 0 picks the most probable token
	TopK        int     // only the k most probable tokens; 0 means all
	TopP        float64 // only the fewest most probable tokens that together hold at least this; 0 and 1 mean all
	MinP        float64 // only tokens at least this many times as probable as the most probable; 0 means all
}

// Check says what is wrong with the options, by the name that a request gives it.
func (o Options) Check() (name string, err error) {
	switch {
	case !(o.Temperature >= 0 && o.Temperature <= 2):
		return "temperature", fmt.Errorf("temperature is %v, want 0 to 2", o.Temperature)
	case o.TopK < 0:
		return "top_k", fmt.Errorf("top_k is %d, want 0 or more", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return "top_p", fmt.Errorf("top_p is %v, want 0 to 1", o.TopP)
	case !(o.MinP >= 0 && o.MinP <= 1):
		return "min_p", fmt.Errorf("min_p is %v, want 0 to 1", o.MinP)
	}
	return "", nil
}

// Sampler draws the tokens of one answer. It is not safe for concurrent use.
type Sampler struct {
	options Options
	noise   *noise
	pool    []candidate // memory of kept
	kept    []candidate // what can be drawn at this position
}

type candidate struct {
	id    int32
	value float64 // logit / temperature
}

// New makes a sampler. Options must have passed Check.
func New(o Options, seed Seed) *Sampler {
	s := &Sampler{options: o}
	if o.Temperature > 0 {
		s.noise = newNoise(seed)
	}
	return s
}

// Mask says which tokens may be chosen: bit id%64 of word id/64. Nil allows all.
type Mask []uint64

func (m Mask) allows(id int) bool { return m == nil || m[id/64]>>(id%64)&1 == 1 }

// Choose picks the token at a position of the answer, counted from 0, out of finite logits: one per token of the
// vocabulary. Of equals the lower id wins. It returns -1 where the mask allows none.
func (s *Sampler) Choose(logits []float32, position int, mask Mask) int32 {
	top := greedy(logits, mask)
	if top < 0 || s.noise == nil {
		return top
	}
	s.noise.at(position, len(logits))
	s.keep(logits, logits[top], mask)
	best, chosen := math.Inf(-1), top
	for _, c := range s.kept {
		if c.value+s.noise.atMost(c.id) < best {
			continue // cannot win, so its noise need not be computed
		}
		if v := c.value + s.noise.gumbel(c.id); v > best || (v == best && c.id < chosen) {
			best, chosen = v, c.id
		}
	}
	return chosen
}

func greedy(logits []float32, mask Mask) int32 {
	best := -1
	for i, v := range logits {
		if (best < 0 || v > logits[best]) && mask.allows(i) {
			best = i
		}
	}
	return int32(best)
}

// keep collects the tokens that can be drawn, with logit/temperature. The noise of all tokens lies within a reach of
// each other, so what is farther below the top cannot win; the cuts by k, p and min-p are made among the rest.
func (s *Sampler) keep(logits []float32, top float32, mask Mask) {
	inverse := 1 / s.options.Temperature
	best := float64(float64(top) * inverse)
	floor := best - reach
	if s.options.MinP > 0 {
		floor = max(floor, best+logf(s.options.MinP))
	}
	s.pool = s.pool[:0]
	for i, l := range logits {
		if v := float64(float64(l) * inverse); v >= floor && mask.allows(i) {
			s.pool = append(s.pool, candidate{int32(i), v})
		}
	}
	s.kept = s.pool
	if o := s.options; (o.TopK > 0 && o.TopK < len(s.kept)) || (o.TopP > 0 && o.TopP < 1) {
		s.cut(best)
	}
}

// cut keeps the k most probable candidates, then the fewest of these that hold p of what they hold together. It takes
// them off a heap, best first: of a whole vocabulary few are taken.
func (s *Sampler) cut(best float64) {
	limit := len(s.kept)
	if k := s.options.TopK; k > 0 {
		limit = min(limit, k)
	}
	h := heapOf(s.kept)
	if limit < len(s.kept) {
		s.kept = h.take(limit, math.Inf(1), best)
		h = heapOf(s.kept)
	}
	if p := s.options.TopP; p > 0 && p < 1 {
		total := 0.0
		for _, c := range s.kept {
			total += expf(c.value - best)
		}
		s.kept = h.take(limit, float64(total*p), best)
	}
}

// heap holds candidates with the best one first: the larger value, of equals the lower id.
type heap []candidate

func (h heap) before(i, j int) bool {
	return h[i].value > h[j].value || (h[i].value == h[j].value && h[i].id < h[j].id)
}

func heapOf(list []candidate) heap {
	h := heap(list)
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
	return h
}

func (h heap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h.before(child+1, child) {
			child++
		}
		if h.before(i, child) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// take returns the best n, fewer where their mass, e^(value − best) each, reaches the bar before. They lie behind what
// is left of the heap, in its own memory.
func (h heap) take(n int, bar, best float64) []candidate {
	end, held := len(h), 0.0
	for range n {
		last := len(h) - 1
		h[0], h[last] = h[last], h[0]
		held += expf(h[last].value - best)
		h = h[:last]
		h.down(0)
		if held >= bar {
			break
		}
	}
	return h[len(h):end]
}

// Normaliser is ln Σ e^logit: a token's log-probability is its logit less this. Sixteen interleaved sums of a thousand logits each are
// float32, their sum is not.
func Normaliser(logits []float32) float64 {
	top := logits[greedy(logits, nil)]
	var part [1024]float32
	sum := 0.0
	for len(logits) > 0 {
		n := copy(part[:], logits)
		logits = logits[n:]
		whole := (n + kernel.Lanes - 1) / kernel.Lanes * kernel.Lanes
		for i := n; i < whole; i++ {
			part[i] = kernel.Nothing
		}
		sum += float64(kernel.ExpSum(part[:whole], top))
	}
	return float64(top) + logf(sum)
}

// Top lists the n most probable tokens, best first, of equals the lower id first.
func Top(logits []float32, n int) []int32 {
	list := make([]candidate, len(logits))
	for i, l := range logits {
		list[i] = candidate{int32(i), float64(l)}
	}
	best := heapOf(list).take(min(n, len(list)), math.Inf(1), math.Inf(1))
	ids := make([]int32, len(best))
	for i, c := range best {
		ids[len(best)-1-i] = c.id
	}
	return ids
}
