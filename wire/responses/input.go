package responses

import (
	"encoding/json"
	"strconv"

	"agora/wire/openai"
)

// item is one entry of a request's input.
type item struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Output    json.RawMessage `json:"output"`
}

// readInput adds what the input says to a chat.
func readInput(w *openai.Wish, raw json.RawMessage) error {
	if !given(raw) {
		return nil
	}
	var line string
	if json.Unmarshal(raw, &line) == nil {
		w.Say("user", []openai.Part{openai.TextPart(line)})
		return nil
	}
	if raw[0] != '[' {
		return openai.Invalid("input", "input must be a string or a list of items")
	}
	var items []item
	if err := openai.Fit("input", raw, &items); err != nil {
		return err
	}
	var shown []openai.Part // what tools gave that is no text, for after the last of them
	for i, it := range items {
		if it.Type != "function_call_output" && len(shown) > 0 {
			w.Say("user", shown)
			shown = nil
		}
		more, err := it.add(w, i)
		if err != nil {
			return err
		}
		shown = append(shown, more...)
	}
	w.Say("user", shown)
	return nil
}

// add adds one item; kinds that only a hosted service has are left out. It returns what a tool gave that is no text.
func (it item) add(w *openai.Wish, i int) ([]openai.Part, error) {
	switch it.Type {
	case "", "message":
		parts, err := readParts(it.Content, i)
		if err != nil {
			return nil, err
		}
		switch it.Role {
		case "developer", "system":
			w.Say("system", parts)
		case "user", "assistant":
			w.Say(it.Role, parts)
		default:
			return nil, invalidItem(i, "a message's role must be user, assistant, system or developer, not %.40q", it.Role)
		}
	case "function_call":
		if it.CallID == "" || it.Name == "" {
			return nil, invalidItem(i, "a function_call needs a call_id and a name")
		}
		w.Call(it.CallID, it.Name, it.Arguments)
	case "function_call_output":
		if it.CallID == "" {
			return nil, invalidItem(i, "a function_call_output needs a call_id")
		}
		parts, err := readParts(it.Output, i)
		if err != nil {
			return nil, err
		}
		w.Result(it.CallID, parts)
		return openai.Others(parts), nil
	case "item_reference":
		return nil, invalidItem(i, "nothing is kept here between requests: send the item itself, not a reference to it")
	}
	return nil, nil
}

// part is one part of an item's content.
type part struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	Refusal  string          `json:"refusal"`
	ImageURL string          `json:"image_url"`
	Detail   string          `json:"detail"`
	FileID   string          `json:"file_id"`
	FileData string          `json:"file_data"`
	FileURL  string          `json:"file_url"`
	FileName string          `json:"filename"`
	Audio    json.RawMessage `json:"input_audio"`
}

func readParts(raw json.RawMessage, i int) ([]openai.Part, error) {
	if !given(raw) {
		return nil, nil
	}
	var line string
	if json.Unmarshal(raw, &line) == nil {
		return []openai.Part{openai.TextPart(line)}, nil
	}
	if raw[0] != '[' {
		return nil, invalidItem(i, "content must be a string or a list of parts")
	}
	var list []part
	if err := openai.Fit("input["+itoa(i)+"].content", raw, &list); err != nil {
		return nil, err
	}
	var parts []openai.Part
	for _, p := range list {
		read, err := p.chat(i)
		if err != nil {
			return nil, err
		}
		parts = append(parts, read)
	}
	return parts, nil
}

func (p part) chat(i int) (openai.Part, error) {
	switch p.Type {
	case "input_text", "output_text", "text", "summary_text", "reasoning_text":
		return openai.TextPart(p.Text), nil
	case "refusal":
		return openai.TextPart(p.Refusal), nil
	case "input_image":
		if p.ImageURL == "" {
			return openai.Part{}, invalidItem(i, "an image must be given in image_url: files are not kept here")
		}
		detail := p.Detail
		if detail == "original" { // a word that chats do not have
			detail = "high"
		}
		return openai.ImagePart(p.ImageURL, detail), nil
	case "input_audio":
		return openai.Part{Type: "input_audio", Audio: p.Audio}, nil
	case "input_file":
		if p.FileData == "" {
			return openai.Part{}, invalidItem(i, "a file must be given in file_data: files are neither kept nor fetched here")
		}
		return openai.Part{Type: "file", File: map[string]string{"filename": p.FileName, "file_data": p.FileData}}, nil
	}
	return openai.Part{}, invalidItem(i, "content of the type %.40q is not understood here", p.Type)
}

func itoa(n int) string { return strconv.Itoa(n) }
