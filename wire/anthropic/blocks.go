package anthropic

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"agora/wire/openai"
)

// block is one part of a message of a request.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Title     string          `json:"title"`
	Context   string          `json:"context"`
	Source    json.RawMessage `json:"source"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`

	parts  []openai.Part // what a chat says of it
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
	switch raw[0] {
	case '"':
		var line string
		err := openai.Fit(at, raw, &line)
		return []block{{Type: "text", parts: texts(line)}}, err
	case '[':
	default:
		return nil, openai.Invalid(at, "%s: a string or a list of blocks is wanted", at)
	}
	var list []block
	if err := openai.Fit(at, raw, &list); err != nil {
		return nil, err
	}
	for i := range list {
		if err := list[i].read(at + "." + itoa(i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// texts is what is not empty, as one part; all of it may be.
func texts(lines ...string) []openai.Part {
	said := slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	return []openai.Part{openai.TextPart(strings.Join(said, "\n"))}
}

// read finds what a chat says of a block. Kinds that only Anthropic's servers make stay silent.
func (b *block) read(at string) error {
	switch b.Type {
	case "text":
		b.parts = texts(b.Text)
	case "image", "document":
		return b.readSource(at)
	case "search_result":
		var where string
		if err := openai.Fit(at+".source", b.Source, &where); err != nil {
			return err
		}
		inner, err := readBlocks(b.Content, at+".content")
		b.parts = texts(b.Title, where, textOf(inner))
		return err
	case "tool_use":
		if b.Name == "" || b.ID == "" {
			return openai.Invalid(at, "%s: a tool_use needs a name and an id", at)
		}
	case "tool_result":
		return b.readResult(at)
	default:
		if !strings.Contains(b.Type, "tool") && !slices.Contains([]string{"thinking", "redacted_thinking", "container_upload", "compaction"}, b.Type) {
			return openai.Invalid(at, "%s: a block of the type %.40q is not understood here", at, b.Type)
		}
	}
	return nil
}

// readResult reads what a tool gave. Chats have no word for its failure but the text.
func (b *block) readResult(at string) error {
	if b.ToolUseID == "" {
		return openai.Invalid(at, "%s: a tool_result needs a tool_use_id", at)
	}
	inner, err := readBlocks(b.Content, at+".content")
	b.result = partsOf(inner)
	if b.IsError {
		b.result = append([]openai.Part{openai.TextPart("The tool failed:")}, b.result...)
	}
	return err
}

func (b *block) readSource(at string) error {
	var s source
	if openai.Fit(at, b.Source, &s) != nil {
		return openai.Invalid(at, "%s: a source is an object with a type", at)
	}
	data := "data:" + s.MediaType + ";base64," + s.Data
	switch {
	case b.Type == "image" && s.Type == "base64":
		b.parts = []openai.Part{openai.ImagePart(data, "")}
	case b.Type == "image" && s.Type == "url":
		b.parts = []openai.Part{openai.ImagePart(s.URL, "")}
	case b.Type == "document" && s.Type == "text":
		b.parts = texts(b.Title, b.Context, s.Data)
	case b.Type == "document" && s.Type == "content":
		inner, err := readBlocks(s.Content, at+".source.content")
		b.parts = append(texts(b.Title, b.Context, textOf(inner)), openai.Others(partsOf(inner))...)
		return err
	case b.Type == "document" && s.Type == "base64" && s.MediaType == "text/plain":
		text, err := base64.StdEncoding.DecodeString(s.Data)
		if err != nil {
			return openai.Invalid(at, "%s: the data is no base64", at)
		}
		b.parts = texts(b.Title, b.Context, strings.ToValidUTF8(string(text), "\ufffd"))
	case b.Type == "document" && s.Type == "base64":
		b.parts = []openai.Part{{Type: "file", File: map[string]string{"filename": cmp.Or(b.Title, "document"), "file_data": data}}}
		if b.Context != "" {
			b.parts = append(texts(b.Context), b.parts...)
		}
	default:
		return openai.Invalid(at, "%s: a source of the type %.40q cannot be read here: send the content itself", at, s.Type)
	}
	return nil
}

func partsOf(blocks []block) []openai.Part {
	var parts []openai.Part
	for _, b := range blocks {
		parts = append(parts, b.parts...)
	}
	return parts
}

func textOf(blocks []block) string {
	var lines []string
	for _, p := range partsOf(blocks) {
		if p.Type == "text" {
			lines = append(lines, p.Text)
		}
	}
	return strings.Join(lines, "\n")
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
	if len(blocks) == 0 {
		return openai.Invalid(at, "%s: a user's message must say something", at)
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

func itoa(n int) string { return strconv.Itoa(n) }
