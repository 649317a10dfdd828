package openai

import (
	"encoding/json"
	"fmt"
	"io"
)

// maxJoined is the greatest number of choices of a stream that is joined.
const maxJoined = 128

// JoinChat reads a streamed chat answer to its end and returns the whole answer that it amounts to. It fails where the
// stream breaks off before [DONE], holds an error, or is no chat answer.
func JoinChat(events *EventReader) (*ChatResponse, error) {
	whole := &ChatResponse{Object: "chat.completion"}
	var texts texts
	err := events.each(func(data []byte) (json.RawMessage, error) {
		var event struct {
			ChatChunk
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(data, &event); err != nil {
			return nil, err
		}
		whole.ID, whole.Created, whole.Model = event.ID, event.Created, event.Model
		if event.Usage != nil {
			whole.Usage = event.Usage
		}
		for _, part := range event.Choices {
			var err error
			if whole.Choices, err = reach(whole.Choices, part.Index); err != nil {
				return nil, err
			}
			texts.add(part.Index, part.Delta.Content)
			whole.Choices[part.Index].join(part)
		}
		return event.Error, nil
	})
	for i := range whole.Choices {
		whole.Choices[i].Index = i
		whole.Choices[i].Message.Content = Content(texts.of(i))
	}
	return whole, err
}

// join adds all of a part but its text.
func (c *ChatChoice) join(part ChatChunkChoice) {
	if part.Delta.Role != "" {
		c.Message.Role = part.Delta.Role
	}
	if part.FinishReason != nil {
		c.FinishReason = *part.FinishReason
	}
	if part.Logprobs != nil {
		if c.Logprobs == nil {
			c.Logprobs = &ChatLogprobs{Content: []TokenLogprob{}}
		}
		c.Logprobs.Content = append(c.Logprobs.Content, part.Logprobs.Content...)
	}
}

// JoinCompletion does for a streamed continuation what JoinChat does for a chat answer.
func JoinCompletion(events *EventReader) (*CompletionResponse, error) {
	whole := &CompletionResponse{Object: "text_completion"}
	var texts texts
	err := events.each(func(data []byte) (json.RawMessage, error) {
		var event struct {
			CompletionResponse
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(data, &event); err != nil {
			return nil, err
		}
		whole.ID, whole.Created, whole.Model = event.ID, event.Created, event.Model
		if event.Usage != nil {
			whole.Usage = event.Usage
		}
		for _, part := range event.Choices {
			var err error
			if whole.Choices, err = reach(whole.Choices, part.Index); err != nil {
				return nil, err
			}
			texts.add(part.Index, part.Text)
			whole.Choices[part.Index].join(part)
		}
		return event.Error, nil
	})
	for i := range whole.Choices {
		whole.Choices[i].Index = i
		whole.Choices[i].Text = texts.of(i)
	}
	return whole, err
}

// join adds all of a part but its text.
func (c *CompletionChoice) join(part CompletionChoice) {
	if part.FinishReason != nil {
		c.FinishReason = part.FinishReason
	}
	if part.Logprobs == nil {
		return
	}
	if c.Logprobs == nil {
		c.Logprobs = part.Logprobs
		return
	}
	all, more := c.Logprobs, part.Logprobs
	all.Tokens = append(all.Tokens, more.Tokens...)
	all.TokenLogprobs = append(all.TokenLogprobs, more.TokenLogprobs...)
	all.TopLogprobs = append(all.TopLogprobs, more.TopLogprobs...)
	all.TextOffset = append(all.TextOffset, more.TextOffset...)
	all.TopBytes = append(all.TopBytes, more.TopBytes...)
}

// each hands the events to add, which returns the error that an event reports, until the last one.
func (e *EventReader) each(add func(data []byte) (reported json.RawMessage, err error)) error {
	for {
		data, err := e.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		reported, err := add(data)
		if err != nil {
			return fmt.Errorf("openai: event of a stream: %w", err)
		}
		if len(reported) > 0 && string(reported) != "null" {
			return fmt.Errorf("openai: the stream ended with an error: %.256s", reported)
		}
	}
}

// reach returns the choices with one at index, which the other end named.
func reach[T any](choices []T, index int) ([]T, error) {
	if index < 0 || index >= maxJoined {
		return choices, fmt.Errorf("choice %d, expected one from 0 to %d", index, maxJoined-1)
	}
	for len(choices) <= index {
		choices = append(choices, *new(T))
	}
	return choices, nil
}

// texts are the texts of choices, as they grow.
type texts [][]byte

func (t *texts) add(index int, text string) {
	for len(*t) <= index {
		*t = append(*t, nil)
	}
	(*t)[index] = append((*t)[index], text...)
}

func (t *texts) of(index int) string { return string((*t)[index]) }
