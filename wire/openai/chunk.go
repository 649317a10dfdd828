package openai

import (
	"slices"
	"strconv"
)

// onlyText says that a chunk is of the kind that comes for each token, or at the end, which append writes.
func (c *ChatChunk) onlyText() bool {
	for i := range c.Choices {
		if c.Choices[i].Logprobs != nil || len(c.Choices[i].Delta.ToolCalls) > 0 {
			return false
		}
	}
	return c.Choices != nil && (c.Usage == nil || c.Usage.PromptDetails == nil && c.Usage.CompletionDetails == nil)
}

// append writes a chunk that is only text as encoding/json does, but that a byte which is no UTF-8 stands as the sign for that itself.
func (c *ChatChunk) append(out []byte) []byte {
	out = slices.Grow(out, 128+len(c.ID)+len(c.Model)+128*len(c.Choices))
	out = appendText(append(out, `{"id":`...), c.ID)
	out = appendText(append(out, `,"object":`...), c.Object)
	out = strconv.AppendInt(append(out, `,"created":`...), c.Created, 10)
	out = appendText(append(out, `,"model":`...), c.Model)
	out = append(out, `,"choices":[`...)
	for i := range c.Choices {
		if i > 0 {
			out = append(out, ',')
		}
		out = c.Choices[i].append(out)
	}
	out = append(out, ']')
	if c.Usage != nil {
		out = strconv.AppendInt(append(out, `,"usage":{"prompt_tokens":`...), int64(c.Usage.PromptTokens), 10)
		out = strconv.AppendInt(append(out, `,"completion_tokens":`...), int64(c.Usage.CompletionTokens), 10)
		out = strconv.AppendInt(append(out, `,"total_tokens":`...), int64(c.Usage.TotalTokens), 10)
		out = append(out, '}')
	}
	return append(out, '}')
}

func (c *ChatChunkChoice) append(out []byte) []byte {
	out = strconv.AppendInt(append(out, `{"index":`...), int64(c.Index), 10)
	out = append(out, `,"delta":{`...)
	if c.Delta.Role != "" {
		out = appendText(append(out, `"role":`...), c.Delta.Role)
	}
	if c.Delta.Role != "" && c.Delta.Content != "" {
		out = append(out, ',')
	}
	if c.Delta.Content != "" {
		out = appendText(append(out, `"content":`...), c.Delta.Content)
	}
	out = append(out, `},"finish_reason":`...)
	if c.FinishReason == nil {
		out = append(out, "null"...)
	} else {
		out = appendText(out, *c.FinishReason)
	}
	if c.StopReason != "" {
		out = appendText(append(out, `,"stop_reason":`...), c.StopReason)
	}
	return append(out, '}')
}
