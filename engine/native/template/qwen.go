package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// writeQwen3 leaves the thinking of earlier answers out.
func writeQwen3(w *writer, t *Template, c Conversation) {
	turns := slices.Clone(c.Turns)
	for i := range turns {
		if turns[i].Role == "assistant" && !open(turns, i) {
			turns[i].Text = thought(turns[i].Text)
		}
	}
	writeQwen(w, t, Conversation{Turns: turns, Tools: c.Tools})
}

// writeQwen is ChatML with tools.
func writeQwen(w *writer, t *Template, c Conversation) {
	system, turns := t.split(c.Turns)
	w.qwenSystem(system, c)
	for i, turn := range turns {
		switch {
		case turn.Role == "tool":
			w.toolResult(turns, i)
		case open(turns, i) && len(turn.Calls) == 0:
			w.mark("<|im_start|>")
			w.text("assistant\n", turn.Text)
			return
		case turn.Role == "assistant":
			w.mark("<|im_start|>")
			w.text("assistant")
			w.answer(turn.Text, turn.Calls)
			w.mark("<|im_end|>")
			w.text("\n")
		default:
			w.chatML(turn.Role, turn.Text)
		}
	}
	w.mark("<|im_start|>")
	w.text("assistant\n")
}

const (
	toolsBefore = "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>"
	toolsAfter  = "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>"
)

func (w *writer) qwenSystem(system string, c Conversation) {
	if len(c.Tools) == 0 {
		if system != "" || c.Turns[0].Role == "system" {
			w.chatML("system", system)
		}
		return
	}
	var b strings.Builder
	if system != "" {
		b.WriteString(system + "\n\n")
	}
	b.WriteString(toolsBefore)
	for _, tool := range c.Tools {
		b.WriteString("\n" + spaced(tool))
	}
	b.WriteString(toolsAfter)
	w.chatML("system", b.String())
}

// toolResult writes results that follow each other into one turn of the user.
func (w *writer) toolResult(turns []Turn, i int) {
	if i == 0 || turns[i-1].Role != "tool" {
		w.mark("<|im_start|>")
		w.text("user")
	}
	w.text("\n<tool_response>\n", turns[i].Text, "\n</tool_response>")
	if i == len(turns)-1 || turns[i+1].Role != "tool" {
		w.mark("<|im_end|>")
		w.text("\n")
	}
}

func (w *writer) answer(text string, calls []Call) {
	if text != "" || len(calls) == 0 {
		w.text("\n", text)
	}
	for _, call := range calls {
		w.text("\n<tool_call>\n{\"name\": \"", call.Name, "\", \"arguments\": ", spaced(call.Arguments), "}\n</tool_call>")
	}
}

// thought is the text after the thinking.
func thought(text string) string {
	if _, after, found := strings.Cut(text, "</think>"); found {
		return strings.TrimLeft(after, "\n")
	}
	return text
}

// spaced writes JSON in one line with a blank after each comma and colon, keys in their order, as Python's json.dumps
// does and the models were trained on. What is no JSON stays as it is.
func spaced(raw json.RawMessage) string {
	var line bytes.Buffer
	if json.Compact(&line, raw) != nil {
		return string(raw)
	}
	out := make([]byte, 0, line.Len()+line.Len()/8)
	quoted := false
	b := line.Bytes()
	for i := 0; i < len(b); i++ {
		out = append(out, b[i])
		switch {
		case quoted && b[i] == '\\':
			i++
			out = append(out, b[i])
		case b[i] == '"':
			quoted = !quoted
		case !quoted && (b[i] == ',' || b[i] == ':'):
			out = append(out, ' ')
		}
	}
	return string(out)
}

// ParseCalls takes the calls out of an answer: what stands between <tool_call> and </tool_call>. An answer without a
// call, or with one that is no call, is text. The error says what is wrong with a call.
func ParseCalls(answer string) (text string, calls []Call, err error) {
	rest := answer
	for {
		before, after, found := strings.Cut(rest, "<tool_call>")
		text += before
		if !found {
			return strings.TrimRight(text, "\n"), calls, nil
		}
		body, next, closed := strings.Cut(after, "</tool_call>")
		if !closed {
			return answer, nil, fmt.Errorf("a tool call is not closed")
		}
		call, err := parseCall(body)
		if err != nil {
			return answer, nil, err
		}
		calls, rest = append(calls, call), strings.TrimPrefix(next, "\n")
	}
}

func parseCall(body string) (Call, error) {
	var c struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return Call{}, fmt.Errorf("a tool call is no JSON: %w", err)
	}
	if c.Name == "" {
		return Call{}, fmt.Errorf("a tool call names no function")
	}
	if args := bytes.TrimSpace(c.Arguments); len(args) == 0 || args[0] != '{' {
		return Call{}, fmt.Errorf("the call of %s has no object of arguments", c.Name)
	}
	return Call{Name: c.Name, Arguments: c.Arguments}, nil
}
