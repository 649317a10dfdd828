package openai

import (
	"encoding/json"
	"errors"

	"agora/wire/walk"
)

// UsageOf is the usage that a plain answer tells, nil where it tells none.
func UsageOf(answer []byte) *Usage {
	var h head
	if walk.Object(answer, h.take) != nil {
		return nil
	}
	return usageOf(h.usage)
}

// usageOf reads a usage object that is JSON in whatever spelling, as encoding/json does; nil where it is none.
func usageOf(raw json.RawMessage) *Usage {
	if !given(raw) {
		return nil
	}
	u := new(Usage)
	if walk.Members(raw, u.take) == nil {
		return u
	}
	if u = new(Usage); json.Unmarshal(raw, u) != nil {
		return nil
	}
	return u
}

// errUnusual is a usage that encoding/json must read.
var errUnusual = errors.New("openai: an unusual usage")

// take keeps a member as most servers write it.
func (u *Usage) take(key, value []byte) error {
	switch {
	case is(key, "prompt_tokens"):
		return takeCount(&u.PromptTokens, value)
	case is(key, "completion_tokens"):
		return takeCount(&u.CompletionTokens, value)
	case is(key, "total_tokens"):
		return takeCount(&u.TotalTokens, value)
	case is(key, "prompt_tokens_details"):
		return takeDetail(&u.PromptDetails, value, "cached_tokens", func(d *PromptDetails) *int { return &d.CachedTokens })
	case is(key, "completion_tokens_details"):
		return takeDetail(&u.CompletionDetails, value, "reasoning_tokens", func(d *CompletionDetails) *int { return &d.ReasoningTokens })
	}
	return nil
}

// takeCount keeps a number of tokens of at most 18 digits.
func takeCount(into *int, value []byte) error {
	n := 0
	for _, c := range value {
		if c < '0' || c > '9' || len(value) > 18 {
			return errUnusual
		}
		n = 10*n + int(c-'0')
	}
	*into = n
	return nil
}

// takeDetail keeps the one count of an object that stands once; null is none.
func takeDetail[T any](into **T, value []byte, name string, count func(*T) *int) error {
	if *into != nil {
		return errUnusual
	}
	if string(value) == "null" {
		return nil
	}
	d := new(T)
	*into = d
	return walk.Members(value, func(key, value []byte) error {
		if is(key, name) {
			return takeCount(count(d), value)
		}
		return nil
	})
}
