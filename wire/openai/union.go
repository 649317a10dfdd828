package openai

import (
	"encoding/json"
	"strings"
)

const maxStops = 4 // stop strings, as OpenAI allows

// UnmarshalJSON reads a string, null, or a list of texts and refusals, which are joined with line ends. Parts of other kinds
// (images, audio) are refused: dropping them would answer another question.
func (c *Content) UnmarshalJSON(data []byte) error {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		*c = ""
		if text != nil {
			*c = Content(*text)
		}
		return nil
	}
	var parts []struct {
		Type    string  `json:"type"`
		Text    *string `json:"text"`
		Refusal *string `json:"refusal"` // what an assistant said in place of an answer, as clients send it back
	}
	if json.Unmarshal(data, &parts) != nil {
		return Invalid("messages.content", "content must be a string or a list of text parts")
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		said := p.Text
		if p.Type == "refusal" {
			said = p.Refusal
		}
		if said == nil || p.Type != "text" && p.Type != "refusal" {
			return Invalid("messages.content", "content part %d is of type %q; only text is understood here", i, p.Type)
		}
		texts[i] = *said
	}
	*c = Content(strings.Join(texts, "\n"))
	return nil
}

// UnmarshalJSON reads one string, null, or a list of at most 4 strings; none may be empty.
func (s *Stop) UnmarshalJSON(data []byte) error {
	list, ok := stringOrList(data)
	if !ok {
		return Invalid("stop", "stop must be a string or a list of strings")
	}
	if len(list) > maxStops {
		return Invalid("stop", "stop has %d strings, at most %d are allowed", len(list), maxStops)
	}
	for _, stop := range list {
		if stop == "" {
			return Invalid("stop", "a stop string must not be empty")
		}
	}
	*s = list
	return nil
}

// UnmarshalJSON reads a string or a list of one string. Token ids and several prompts are refused.
func (p *Prompt) UnmarshalJSON(data []byte) error {
	list, ok := stringOrList(data)
	if !ok {
		return Invalid("prompt", "prompt must be a string; token ids are not understood here")
	}
	if len(list) != 1 {
		return Invalid("prompt", "prompt holds %d texts; send one per request", len(list))
	}
	*p = Prompt(list[0])
	return nil
}

// stringOrList reads "a", ["a", "b"] or null, which is an empty list.
func stringOrList(data []byte) ([]string, bool) {
	var one *string
	if json.Unmarshal(data, &one) == nil {
		if one == nil {
			return nil, true
		}
		return []string{*one}, true
	}
	var some []*string // a null inside must not pass for an empty string
	if json.Unmarshal(data, &some) != nil {
		return nil, false
	}
	list := make([]string, len(some))
	for i, s := range some {
		if s == nil {
			return nil, false
		}
		list[i] = *s
	}
	return list, true
}
