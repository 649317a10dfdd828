package chat

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"agora/engine"
	"agora/wire/openai"
)

const (
	maxTop   = 256 // alternatives per token
	maxStops = 4
	maxStop  = 256 // bytes of one stop string
)

// options are what a request asks of the sampling.
type options struct {
	temperature float64
	topP        float64
	limit       int // tokens of the answer; 0 means up to the context
	top         int // alternatives to report per token
	stop        []string
	dice        *rand.ChaCha8 // nil when greedy
}

func optionsOf(r *openai.ChatRequest) (options, error) {
	o := options{topP: 1, stop: r.Stop}
	if r.N != nil && *r.N != 1 {
		return o, openai.Invalid("n", "n is %d; this engine gives 1 answer per request", *r.N)
	}
	for _, set := range []func(*openai.ChatRequest) error{o.setSampling, o.setLimit, o.setTop, o.checkStops} {
		if err := set(r); err != nil {
			return o, err
		}
	}
	if o.temperature > 0 {
		o.dice = diceOf(r.Seed)
	}
	return o, nil
}

func (o *options) setSampling(r *openai.ChatRequest) error {
	if r.Temperature != nil {
		o.temperature = *r.Temperature
	}
	if r.TopP != nil {
		o.topP = *r.TopP
	}
	if !(o.temperature >= 0 && o.temperature <= 2) {
		return openai.Invalid("temperature", "temperature is %v, want 0 to 2", o.temperature)
	}
	if !(o.topP > 0 && o.topP <= 1) {
		return openai.Invalid("top_p", "top_p is %v, want above 0, at most 1", o.topP)
	}
	return nil
}

func (o *options) setLimit(r *openai.ChatRequest) error {
	for _, n := range []*int{r.MaxTokens, r.MaxCompletion} {
		if n == nil {
			continue
		}
		if *n < 1 {
			return openai.Invalid("max_tokens", "max_tokens is %d, want at least 1", *n)
		}
		o.limit = *n
	}
	return nil
}

func (o *options) setTop(r *openai.ChatRequest) error {
	if r.TopLogprobs == nil {
		return nil
	}
	if *r.TopLogprobs < 0 || *r.TopLogprobs > maxTop {
		return openai.Invalid("top_logprobs", "top_logprobs is %d, want 0 to %d", *r.TopLogprobs, maxTop)
	}
	if *r.TopLogprobs > 0 && !r.Logprobs {
		return openai.Invalid("top_logprobs", "top_logprobs needs logprobs to be true")
	}
	o.top = *r.TopLogprobs
	return nil
}

func (o *options) checkStops(*openai.ChatRequest) error {
	if len(o.stop) > maxStops {
		return openai.Invalid("stop", "stop has %d strings, at most %d are taken", len(o.stop), maxStops)
	}
	for _, s := range o.stop {
		if s == "" || len(s) > maxStop {
			return openai.Invalid("stop", "a stop string has %d bytes, want 1 to %d", len(s), maxStop)
		}
	}
	return nil
}

// diceOf starts the random stream of a seed; without one, of chance.
func diceOf(seed *int64) *rand.ChaCha8 {
	s := rand.Uint64()
	if seed != nil {
		s = uint64(*seed)
	}
	return rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("agora/chat/sample"), s)))
}

// choose picks the next token: the most probable, the lowest id of equals, or a draw from the distribution at the
// temperature, cut to the fewest tokens that hold topP of it.
func (o *options) choose(logits []float32) int32 {
	if o.dice == nil {
		return greedy(logits)
	}
	t := max(float32(o.temperature), 1e-3)
	top := logits[greedy(logits)]
	ids, p := make([]int32, len(logits)), make([]float32, len(logits))
	total := float32(0)
	for i, l := range logits {
		ids[i], p[i] = int32(i), exp((l-top)/t)
		total += p[i]
	}
	if o.topP < 1 {
		ids, total = nucleus(ids, p, float32(total*float32(o.topP)))
	}
	// 24 random bits give a float in [0, 1) exactly.
	u := float32(float32(o.dice.Uint64()>>40) / (1 << 24) * total)
	for _, id := range ids {
		if u -= p[id]; u < 0 {
			return id
		}
	}
	return ids[0] // rounding left u at 0 or above
}

// nucleus keeps the most probable tokens until they hold mass, and returns them with what they hold.
func nucleus(ids []int32, p []float32, mass float32) ([]int32, float32) {
	slices.SortStableFunc(ids, func(a, b int32) int { return cmp.Compare(p[b], p[a]) })
	held := float32(0)
	for n, id := range ids {
		if held += p[id]; held >= mass {
			return ids[:n+1], held
		}
	}
	return ids, held
}

func greedy(logits []float32) int32 {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	return int32(best)
}

// normaliser is ln Σ exp(logit).
func normaliser(logits []float32) float64 {
	top := logits[greedy(logits)]
	sum := 0.0
	for _, v := range logits {
		sum += float64(exp(v - top))
	}
	return float64(top) + log(sum)
}

// logprob is the natural logarithm of a token's probability, at most 0.
func logprob(logit float32, norm float64) float64 { return math.Min(0, float64(logit)-norm) }

// top lists the n most probable tokens, best first, the lower id first of equals. The specials have no bytes.
func (g *generation) top(logits []float32, norm float64, n int) []engine.Alternative {
	ids := make([]int32, len(logits))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortStableFunc(ids, func(a, b int32) int { return cmp.Compare(logits[b], logits[a]) })
	list := make([]engine.Alternative, min(n, len(ids)))
	for i := range list {
		list[i] = engine.Alternative{Bytes: []byte(g.text(ids[i])), Logprob: logprob(logits[ids[i]], norm)}
	}
	return list
}
