package openai

import (
	"encoding/json"
	"fmt"
	"io"
)

const (
	maxJoined  = 128     // choices of a stream that is joined
	maxEntries = 1 << 16 // of all their lists together: beside an entry's bytes, its place in a list needs memory
)

// Join reads a streamed answer, of chat or of completions, to its end and returns the JSON of the whole answer that its
// choices amount to: texts and lists of log-probabilities one after the other, entries as they came, and the last reason
// to end. It fails where the stream breaks off before [DONE], holds an error, is too large, or is no such answer.
func Join(events *EventReader) ([]byte, error) {
	var whole struct {
		Choices []joined `json:"choices"`
	}
	entries := 0
	for {
		data, err := events.Next()
		if err == io.EOF {
			return json.Marshal(whole)
		}
		if err != nil {
			return nil, err
		}
		var event struct {
			Choices []part           `json:"choices"`
			Error   *json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(data, &event); err != nil {
			return nil, fmt.Errorf("openai: event of a stream: %w", err)
		}
		if event.Error != nil {
			return nil, fmt.Errorf("openai: the stream ended with an error: %.256s", *event.Error)
		}
		for _, p := range event.Choices {
			if p.Index < 0 || p.Index >= maxJoined {
				return nil, fmt.Errorf("openai: event of a stream: choice %d, expected one from 0 to %d", p.Index, maxJoined-1)
			}
			for len(whole.Choices) <= p.Index {
				whole.Choices = append(whole.Choices, joined{Index: len(whole.Choices)})
			}
			if entries += whole.Choices[p.Index].add(p); entries > maxEntries {
				return nil, fmt.Errorf("openai: the stream has more than %d log-probabilities", maxEntries)
			}
		}
	}
}

// part is what an event adds to a choice: Delta in a chat, Text in a completion.
type part struct {
	Index        int                        `json:"index"`
	Text         string                     `json:"text"`
	Delta        *Delta                     `json:"delta"`
	Logprobs     map[string]json.RawMessage `json:"logprobs"`
	FinishReason *string                    `json:"finish_reason"`
}

// joined is a choice of which parts have come.
type joined struct {
	Index        int                          `json:"index"`
	Text         text                         `json:"text,omitempty"`
	Message      *message                     `json:"message,omitempty"`
	Logprobs     map[string][]json.RawMessage `json:"logprobs,omitempty"`
	FinishReason *string                      `json:"finish_reason"`
}

// message is a chat's message of which parts have come.
type message struct {
	Role    string `json:"role"`
	Content text   `json:"content"`
}

// text grows without being copied each time.
type text []byte

// MarshalText writes a text as a string.
func (t text) MarshalText() ([]byte, error) { return t, nil }

// add adds a part and returns how many entries its lists had.
func (c *joined) add(p part) (entries int) {
	c.Text = append(c.Text, p.Text...)
	if p.Delta != nil {
		if c.Message == nil {
			c.Message = &message{Role: "assistant"}
		}
		if p.Delta.Role != "" {
			c.Message.Role = p.Delta.Role
		}
		c.Message.Content = append(c.Message.Content, p.Delta.Content...)
	}
	for name, raw := range p.Logprobs {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || list == nil {
			continue // what is no list has no entries
		}
		if c.Logprobs == nil {
			c.Logprobs = make(map[string][]json.RawMessage)
		}
		c.Logprobs[name] = append(c.Logprobs[name], list...)
		entries += len(list)
	}
	if p.FinishReason != nil {
		c.FinishReason = p.FinishReason
	}
	return entries
}
