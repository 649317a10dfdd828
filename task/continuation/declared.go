package continuation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

const (
	maxAnswer = 1 << 20 // bytes of an answer that are read
	maxBits   = 16.0    // a surprise beyond this costs no more
	maxMass   = 1.001   // declared mass: 1 and what rounding of logarithms to four digits may add
)

// Reasons to refuse an answer; each counts as a score of 0.
var (
	ErrAnswer    = errors.New("continuation: the answer is not a completion with logprobs")
	ErrMass      = errors.New("continuation: the declared probabilities sum to more than 1")
	ErrDuplicate = errors.New("continuation: a token is declared twice")
)

// answer is the part of an openai.CompletionResponse that is judged. The lists are decoded late: a JSON object with a
// repeated name would otherwise lose all but the last silently.
type answer struct {
	Choices []struct {
		Logprobs *struct {
			TopLogprobs []json.RawMessage `json:"top_logprobs"`
			TopBytes    []json.RawMessage `json:"top_bytes"`
		} `json:"logprobs"`
	} `json:"choices"`
}

// alternative is one declared token.
type alternative struct {
	bytes   []byte
	logprob float64 // natural
}

// scoreAnswer judges an answer by the byte that truly follows.
func scoreAnswer(body []byte, next byte) (float64, error) {
	p, err := declared(body)
	if err != nil {
		return 0, err
	}
	return scoreOf(p[next]), nil
}

// scoreOf maps the surprise at what came, declared with probability p, to [0, 1]: 1 − min(bits, 16)/16.
func scoreOf(p float64) float64 { return 1 - math.Min(maxBits, -math.Log2(p))/maxBits }

// declared reads the distribution over the next byte from an answer: top_bytes where present, else top_logprobs. A token
// counts toward its first byte. What the declaration leaves of 1 is spread evenly over the bytes that it does not name.
func declared(body []byte) (p [256]float64, err error) {
	tokens, err := parse(body)
	if err != nil {
		return p, err
	}
	if len(tokens) == 0 || len(tokens) > Alternatives+1 {
		return p, fmt.Errorf("%w: %d tokens declared, want 1 to %d", ErrAnswer, len(tokens), Alternatives+1)
	}
	var named [256]bool
	seen := make(map[string]bool, len(tokens))
	mass := 0.0
	for _, t := range tokens {
		if seen[string(t.bytes)] {
			return p, fmt.Errorf("%w: %q", ErrDuplicate, t.bytes)
		}
		seen[string(t.bytes)] = true
		share := math.Exp(t.logprob)
		mass += share
		if len(t.bytes) > 0 {
			p[t.bytes[0]] += share
			named[t.bytes[0]] = true
		}
	}
	if !(mass <= maxMass) {
		return p, fmt.Errorf("%w: %v", ErrMass, mass)
	}
	spread(&p, named, mass)
	return p, nil
}

// spread divides the undeclared rest evenly over the unnamed bytes. A sum that rounding put above 1 is scaled back to 1.
func spread(p *[256]float64, named [256]bool, mass float64) {
	unnamed := 0
	for _, n := range named {
		if !n {
			unnamed++
		}
	}
	scale := 1 / math.Max(1, mass)
	for b := range p {
		if named[b] {
			p[b] *= scale
			continue
		}
		p[b] = math.Max(0, 1-mass) / float64(unnamed)
	}
}

// parse reads the declared tokens of the first position.
func parse(body []byte) ([]alternative, error) {
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrAnswer, len(body), maxAnswer)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if len(a.Choices) != 1 || a.Choices[0].Logprobs == nil {
		return nil, fmt.Errorf("%w: want one choice with logprobs", ErrAnswer)
	}
	l := a.Choices[0].Logprobs
	switch {
	case len(l.TopBytes) > 0:
		return parseBytes(l.TopBytes[0])
	case len(l.TopLogprobs) > 0:
		return parseMap(l.TopLogprobs[0])
	}
	return nil, fmt.Errorf("%w: no alternatives", ErrAnswer)
}

// parseBytes reads an entry of top_bytes.
func parseBytes(raw []byte) ([]alternative, error) {
	var list []struct {
		Token   string   `json:"token"`
		Logprob *float64 `json:"logprob"`
		Bytes   []int    `json:"bytes"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%w: top_bytes: %w", ErrAnswer, err)
	}
	tokens := make([]alternative, len(list))
	for i, t := range list {
		if t.Logprob == nil {
			return nil, fmt.Errorf("%w: top_bytes: %q has no logprob", ErrAnswer, t.Token)
		}
		tokens[i] = alternative{[]byte(t.Token), *t.Logprob}
		if t.Bytes == nil {
			continue
		}
		tokens[i].bytes = make([]byte, len(t.Bytes))
		for k, b := range t.Bytes {
			if b < 0 || b > 255 {
				return nil, fmt.Errorf("%w: top_bytes: %d is not a byte", ErrAnswer, b)
			}
			tokens[i].bytes[k] = byte(b)
		}
	}
	return tokens, nil
}

// parseMap reads an entry of top_logprobs, an object from token to logprob, keeping repeated names.
func parseMap(raw []byte) ([]alternative, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%w: top_logprobs: want an object", ErrAnswer)
	}
	var tokens []alternative
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: top_logprobs: %w", ErrAnswer, err)
		}
		var logprob *float64
		if err := d.Decode(&logprob); err != nil || logprob == nil {
			return nil, fmt.Errorf("%w: top_logprobs: %q has no number", ErrAnswer, name)
		}
		tokens = append(tokens, alternative{[]byte(name.(string)), *logprob})
	}
	return tokens, nil
}
