package continuation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

const (
	maxAnswer = 1 << 20 // bytes of an answer that are read
	maxBits   = 16.0    // a surprise beyond this costs no more
	maxMass   = 1.001   // declared mass: 1 and what rounding of logarithms to four digits may add
	slack     = 0.02    // natural: tokens this near the likeliest are likeliest too, since servers round
)

// Reasons to refuse an answer; each counts as a score of 0.
var (
	ErrAnswer    = errors.New("continuation: the answer is not a completion with logprobs")
	ErrMass      = errors.New("continuation: the declared probabilities sum to more than 1")
	ErrDuplicate = errors.New("continuation: a token is declared twice")
	ErrText      = errors.New("continuation: the text is not what the declaration holds likeliest")
)

// answer is the part of an openai.CompletionResponse that is judged. The lists are decoded late: a JSON object with a
// repeated name would otherwise lose all but the last silently.
type answer struct {
	Choices []struct {
		Text     string `json:"text"`
		Logprobs *struct {
			TopLogprobs []json.RawMessage `json:"top_logprobs"`
			TopBytes    []json.RawMessage `json:"top_bytes"`
			Content     []struct {        // as llama.cpp writes it here too
				TopLogprobs json.RawMessage `json:"top_logprobs"`
			} `json:"content"`
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
func scoreOf(p float64) float64 { return 1 - math.Min(maxBits, -log2(p))/maxBits }

// declared reads the distribution over the next byte from an answer: top_bytes where present, else top_logprobs. A token
// counts toward its first byte. What the declaration leaves of 1 is spread evenly over the bytes that it does not name.
//
// A consumer reads the text, a judge the declaration, and both are one answer. A text alone declares itself certain. A
// declaration must come with the text that it holds likeliest, which is what was asked for; else it is refused.
func declared(body []byte) (p [256]float64, err error) {
	text, tokens, err := parse(body)
	switch {
	case err != nil:
		return p, err
	case len(tokens) == 0 && text == "":
		return p, fmt.Errorf("%w: neither text nor probabilities", ErrAnswer)
	case len(tokens) == 0:
		p[text[0]] = 1
		return p, nil
	}
	if p, err = distribution(tokens); err != nil {
		return p, err
	}
	if !likeliest(tokens, text) {
		return p, fmt.Errorf("%w: %.20q", ErrText, text)
	}
	return p, nil
}

// distribution is what the tokens declare of the next byte.
func distribution(tokens []alternative) (p [256]float64, err error) {
	if len(tokens) > Alternatives+1 {
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
		share := exp(t.logprob)
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

// likeliest says whether the text begins with one of the likeliest tokens. Some tokenizers drop a first space, and a token
// that is only a part of a character is written as U+FFFD or not at all.
func likeliest(tokens []alternative, text string) bool {
	top := math.Inf(-1)
	for _, t := range tokens {
		top = max(top, t.logprob)
	}
	for _, t := range tokens {
		token := string(t.bytes)
		if t.logprob < top-slack || token == "" {
			continue
		}
		part := !utf8.ValidString(token) && (text == "" || strings.HasPrefix(text, string(utf8.RuneError)))
		bare := strings.TrimLeft(token, " ")
		if part || strings.HasPrefix(text, token) || bare != "" && strings.HasPrefix(text, bare) {
			return true
		}
	}
	return false
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

// parse reads the text and the tokens declared for its first position; none where the answer declares nothing.
func parse(body []byte) (text string, tokens []alternative, err error) {
	if len(body) > maxAnswer {
		return "", nil, fmt.Errorf("%w: %d bytes, at most %d", ErrAnswer, len(body), maxAnswer)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if len(a.Choices) != 1 {
		return "", nil, fmt.Errorf("%w: %d choices, want one", ErrAnswer, len(a.Choices))
	}
	text = a.Choices[0].Text
	l := a.Choices[0].Logprobs
	switch {
	case l == nil:
		return text, nil, nil
	case len(l.TopBytes) > 0:
		tokens, err = parseBytes(l.TopBytes[0])
	case len(l.TopLogprobs) > 0:
		tokens, err = parseMap(l.TopLogprobs[0])
	case len(l.Content) > 0 && given(l.Content[0].TopLogprobs):
		tokens, err = parseBytes(l.Content[0].TopLogprobs)
	}
	return text, tokens, err
}

// given says that a field is there and not null.
func given(raw json.RawMessage) bool { return raw != nil && string(raw) != "null" }

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
