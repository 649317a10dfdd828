package responses

import (
	"encoding/json"

	"agora/wire/openai"
)

// think adds to the model's thinking.
func (w *Writer) think(more string) {
	if more == "" {
		return
	}
	t, ok := w.open.(*thought)
	if !ok {
		w.closeOpen()
		t = &thought{ID: w.name("rs"), Type: "reasoning", Summary: []any{}, Content: []*muse{}}
		w.open, w.at = t, w.add(t)
		t.Content = append(t.Content, &muse{Type: "reasoning_text"})
		w.inPart("response.content_part.added", t.ID, map[string]any{"part": t.Content[0]})
	}
	w.said.WriteString(more)
	w.inPart("response.reasoning_text.delta", t.ID, map[string]any{"delta": more})
}

// say adds to a message: its text, or its refusal, which is a part of its own.
func (w *Writer) say(more, kind string) {
	if more == "" {
		return
	}
	m, ok := w.open.(*message)
	if !ok || kindOf(m.Content[0]) != kind {
		w.closeOpen()
		m = &message{ID: w.name("msg"), Type: "message", Status: "in_progress", Role: "assistant", Content: []any{}}
		w.open, w.at = m, w.add(m)
		m.Content = append(m.Content, newPart(kind))
		w.inPart("response.content_part.added", m.ID, map[string]any{"part": m.Content[0]})
	}
	w.said.WriteString(more)
	fields := map[string]any{"delta": more}
	if p, ok := m.Content[0].(*outputText); ok {
		fields["logprobs"] = w.untold
		p.Logprobs, w.untold = append(p.Logprobs, w.untold...), []json.RawMessage{}
	}
	w.inPart("response."+kind+".delta", m.ID, fields)
}

func newPart(kind string) any {
	if kind == "refusal" {
		return &refusal{Type: kind}
	}
	return &outputText{Type: kind, Annotations: []any{}, Logprobs: []json.RawMessage{}}
}

func kindOf(part any) string {
	if _, ok := part.(*refusal); ok {
		return "refusal"
	}
	return "output_text"
}

// inPart writes an event of the part that is being written.
func (w *Writer) inPart(name, id string, fields map[string]any) {
	fields["item_id"], fields["output_index"], fields["content_index"] = id, w.at, 0
	w.event(name, fields)
}

// closeOpen ends the message or the thought that is being written.
func (w *Writer) closeOpen() {
	said := w.said.String()
	w.said.Reset()
	switch it := w.open.(type) {
	case *thought:
		it.Content[0].Text = said
		w.inPart("response.reasoning_text.done", it.ID, map[string]any{"text": said})
		w.inPart("response.content_part.done", it.ID, map[string]any{"part": it.Content[0]})
		w.event("response.output_item.done", map[string]any{"output_index": w.at, "item": it})
	case *message:
		w.closeMessage(it, said)
	}
	w.open = nil
}

func (w *Writer) closeMessage(m *message, said string) {
	switch p := m.Content[0].(type) {
	case *outputText:
		p.Text, p.Logprobs, w.untold = said, append(p.Logprobs, w.untold...), []json.RawMessage{}
		w.inPart("response.output_text.done", m.ID, map[string]any{"text": said, "logprobs": p.Logprobs})
	case *refusal:
		p.Refusal = said
		w.inPart("response.refusal.done", m.ID, map[string]any{"refusal": said})
	}
	w.inPart("response.content_part.done", m.ID, map[string]any{"part": m.Content[0]})
	m.Status = w.itemStatus()
	w.event("response.output_item.done", map[string]any{"output_index": w.at, "item": m})
}

// callPart adds to a call of a function.
func (w *Writer) callPart(p openai.CallPiece) {
	if p.Begins {
		w.closeOpen()
		c := &call{ID: w.name("fc"), Type: "function_call", Status: "in_progress", CallID: p.ID, Name: p.Name}
		w.calls = append(w.calls, &opened{call: c, at: w.add(c)})
	}
	c := w.calls[p.Number]
	if p.Arguments == "" {
		return
	}
	c.arguments.WriteString(p.Arguments)
	w.event("response.function_call_arguments.delta", map[string]any{"item_id": c.ID, "output_index": c.at, "delta": p.Arguments})
}

// itemStatus says whether an item that ends now is whole.
func (w *Writer) itemStatus() string {
	if w.Incomplete != nil {
		return "incomplete"
	}
	return "completed"
}

func (w *Writer) closeCall(c *opened) {
	c.Arguments = c.arguments.String()
	if c.Arguments == "" && w.Incomplete == nil {
		c.Arguments = "{}" // clients parse it
	}
	w.event("response.function_call_arguments.done", map[string]any{
		"item_id": c.ID, "output_index": c.at, "name": c.Name, "arguments": c.Arguments,
	})
	c.Status = w.itemStatus()
	w.event("response.output_item.done", map[string]any{"output_index": c.at, "item": c.call})
}
