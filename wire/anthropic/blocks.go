package anthropic

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"agora/wire/openai"
)

// block is one part of a message of a request.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Title     string          `json:"title"`
	Source    json.RawMessage `json:"source"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`

	part   *openai.Part  // what a chat says of it
	result []openai.Part // of a tool
}

// source is where an image or a document is.
type source struct {
	Type      string          `json:"type"` // "base64", "url", "text", "content" or "file"
	MediaType string          `json:"media_type"`
	Data      string          `json:"data"`
	URL       string          `json:"url"`
	Content   json.RawMessage `json:"content"`
}

// readBlocks reads a string or a list of blocks. at is their place in the request, for errors.
func readBlocks(raw json.RawMessage, at string) ([]block, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var line string
	if json.Unmarshal(raw, &line) == nil {
		return []block{{Type: "text", part: ptr(openai.TextPart(line))}}, nil
	}
	var list []block
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, openai.Invalid(at, "%s: a string or a list of blocks is wanted: %v", at, err)
	}
	for i := range list {
		if err := list[i].read(at + "." + itoa(i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// read finds what a chat says of a block. Kinds that it has no word for stay silent.
func (b *block) read(at string) error {
	switch b.Type {
	case "text":
		b.part = ptr(openai.TextPart(b.Text))
	case "image", "document":
		return b.readSource(at)
	case "search_result":
		inner, err := readBlocks(b.Content, at+".content")
		if err != nil {
			return err
		}
		b.part = ptr(openai.TextPart(b.Title + "\n" + textOf(inner)))
	case "tool_use":
		if b.Name == "" {
			return openai.Invalid(at, "%s: a tool_use needs a name", at)
		}
	case "tool_result":
		inner, err := readBlocks(b.Content, at+".content")
		if err != nil {
			return err
		}
		b.result = partsOf(inner)
	}
	return nil
}

func (b *block) readSource(at string) error {
	var s source
	var line string // search results have a text there
	if json.Unmarshal(b.Source, &s) != nil && json.Unmarshal(b.Source, &line) != nil {
		return openai.Invalid(at, "%s: a source is an object with a type", at)
	}
	data := "data:" + s.MediaType + ";base64," + s.Data
	switch {
	case s.Type == "text":
		b.part = ptr(openai.TextPart(s.Data))
	case s.Type == "content":
		inner, err := readBlocks(s.Content, at+".source.content")
		if err != nil {
			return err
		}
		b.part = ptr(openai.TextPart(textOf(inner)))
	case b.Type == "image" && s.Type == "base64":
		b.part = ptr(openai.ImagePart(data, ""))
	case b.Type == "image" && s.Type == "url":
		b.part = ptr(openai.ImagePart(s.URL, ""))
	case s.Type == "base64" && s.MediaType == "text/plain":
		text, err := base64.StdEncoding.DecodeString(s.Data)
		if err != nil {
			return openai.Invalid(at, "%s: the data is no base64", at)
		}
		b.part = ptr(openai.TextPart(string(text)))
	case s.Type == "base64":
		b.part = &openai.Part{Type: "file", File: map[string]string{"filename": b.Title, "file_data": data}}
	default:
		return openai.Invalid(at, "%s: a source of the type %.40q cannot be read here: send the content itself", at, s.Type)
	}
	return nil
}

func partsOf(blocks []block) []openai.Part {
	var parts []openai.Part
	for _, b := range blocks {
		if b.part != nil {
			parts = append(parts, *b.part)
		}
	}
	return parts
}

func textOf(blocks []block) (all string) {
	for i, b := range blocks {
		if b.part == nil {
			continue
		}
		if i > 0 {
			all += "\n"
		}
		all += b.part.Text
	}
	return all
}

// add adds a message to a chat: what tools gave, each in a message of its own as chats have it, then the rest.
func (m message) add(w *openai.Wish, at string) error {
	if m.Role != "user" && m.Role != "assistant" && m.Role != "system" {
		return openai.Invalid(at, "%s: the role must be user or assistant, not %.40q", at, m.Role)
	}
	blocks, err := readBlocks(m.Content, at)
	if err != nil {
		return err
	}
	parts := partsOf(blocks)
	if m.Role != "user" {
		w.Say(m.Role, parts)
		calls(w, blocks)
		return nil
	}
	var shown []openai.Part
	for _, b := range blocks {
		if b.Type != "tool_result" {
			continue
		}
		w.Result(b.ToolUseID, b.result)
		shown = append(shown, openai.Others(b.result)...)
	}
	w.Say("user", append(shown, parts...))
	return nil
}

// calls adds the tools that an assistant's message used.
func calls(w *openai.Wish, blocks []block) {
	for _, b := range blocks {
		if b.Type != "tool_use" {
			continue
		}
		input := "{}"
		if len(b.Input) > 0 && string(b.Input) != "null" {
			input = string(b.Input)
		}
		w.Call(b.ID, b.Name, input)
	}
}

func ptr[T any](v T) *T { return &v }

func itoa(n int) string { return strconv.Itoa(n) }
