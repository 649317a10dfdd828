package anthropic

import (
	"encoding/json"
	"slices"
	"strings"

	"agora/wire/openai"
)

// Writer tells a chat's answer as a message: its chunks as events, or the whole as one object. It is used by one
// goroutine at a time.
//
// A block of text or thinking ends where something else begins. Calls of tools end with the message, since servers may
// give their parts in turns.
type Writer struct {
	answer
	pieces openai.Pieces
	thinks bool // whether thinking is told
	stops  []string
	events []byte
	finish string

	begun bool
	open  any // *textBlock or *thinkingBlock that is being written
	said  strings.Builder
	tools []*opened
}

// opened is a call of a tool that is being written.
type opened struct {
	*toolBlock
	at    int
	input strings.Builder
}

// NewWriter answers r. id makes the message's ids.
func NewWriter(r *Request, id string) *Writer {
	return &Writer{
		answer: answer{ID: "msg_" + id, Type: "message", Role: "assistant", Model: r.Model, Content: []any{}},
		pieces: openai.Pieces{ID: id}, thinks: r.thinks(), stops: r.Stops,
	}
}

// Chunk is what a chunk of the chat adds, as events; valid until the next call. The error is openai.ErrChunk.
func (w *Writer) Chunk(data []byte) ([]byte, error) {
	p, err := w.pieces.Read(data)
	if err != nil {
		return nil, err
	}
	w.events = w.events[:0]
	if p.Usage != nil {
		w.Usage = usageOf(p.Usage, p.Cost)
	}
	w.begin()
	if w.thinks {
		w.think(p.Reasoning)
	}
	w.say(p.Text + p.Refusal)
	for _, c := range p.Calls {
		w.use(c)
	}
	if p.Finish != "" {
		w.finish = p.Finish
	}
	if slices.Contains(w.stops, p.Stopped) {
		w.StopSequence = &p.Stopped
	}
	return w.events, nil
}

// End are the events that end the stream.
func (w *Writer) End() []byte {
	w.events = w.events[:0]
	w.begin()
	w.close()
	for _, t := range w.tools {
		t.Input = inputOf(t.input.String())
		w.event("content_block_stop", map[string]any{"index": t.at})
	}
	why := stopReason(w.finish)
	if w.finish != "stop" {
		w.StopSequence = nil
	}
	switch {
	case why == "end_turn" && len(w.tools) > 0: // some servers say "stop" of calls too; who runs tools looks at nothing else
		why, w.StopSequence = "tool_use", nil
	case w.StopSequence != nil:
		why = "stop_sequence"
	}
	w.StopReason = &why
	w.event("message_delta", map[string]any{
		"delta": map[string]any{"stop_reason": why, "stop_sequence": w.StopSequence}, "usage": w.Usage,
	})
	w.event("message_stop", map[string]any{})
	return w.events
}

// Fail is the event that ends the stream early.
func (w *Writer) Fail(e *openai.Error) []byte {
	return append(append([]byte("event: error\ndata: "), Refuse(e)...), "\n\n"...)
}

// Whole is the message, JSON, for the plain answer of a chat.
func (w *Writer) Whole(chat []byte) ([]byte, error) {
	if _, err := w.Chunk(chat); err != nil {
		return nil, err
	}
	w.End()
	return json.Marshal(&w.answer)
}

func (w *Writer) begin() {
	if !w.begun {
		w.begun = true
		w.event("message_start", map[string]any{"message": &w.answer})
	}
}

func (w *Writer) event(name string, fields map[string]any) {
	fields["type"] = name
	data, err := json.Marshal(fields)
	if err != nil { // only our own objects, and input that was looked at
		panic(err)
	}
	w.events = append(append(append(append(append(w.events, "event: "...), name...), "\ndata: "...), data...), "\n\n"...)
}

// add puts a block into the content and returns its place.
func (w *Writer) add(b any) int {
	w.Content = append(w.Content, b)
	at := len(w.Content) - 1
	w.event("content_block_start", map[string]any{"index": at, "content_block": b})
	return at
}

func (w *Writer) think(more string) {
	if more == "" {
		return
	}
	if _, ok := w.open.(*thinkingBlock); !ok {
		w.close()
		b := &thinkingBlock{Type: "thinking"}
		w.add(b)
		w.open = b
	}
	w.delta(w.place(), "thinking_delta", "thinking", more)
	w.said.WriteString(more)
}

func (w *Writer) say(more string) {
	if more == "" {
		return
	}
	if _, ok := w.open.(*textBlock); !ok {
		w.close()
		b := &textBlock{Type: "text"}
		w.add(b)
		w.open = b
	}
	w.delta(w.place(), "text_delta", "text", more)
	w.said.WriteString(more)
}

// place is the index of the open block: what begins after it closes it, so it is the last.
func (w *Writer) place() int { return len(w.Content) - 1 }

func (w *Writer) delta(at int, kind, field, more string) {
	w.event("content_block_delta", map[string]any{"index": at, "delta": map[string]string{"type": kind, field: more}})
}

// close ends the block that is being written.
func (w *Writer) close() {
	switch b := w.open.(type) {
	case *textBlock:
		b.Text = w.said.String()
	case *thinkingBlock:
		b.Thinking = w.said.String()
	default:
		return
	}
	w.said.Reset()
	w.event("content_block_stop", map[string]any{"index": w.place()})
	w.open = nil
}

// use adds to a call of a tool.
func (w *Writer) use(p openai.CallPiece) {
	if p.Begins {
		w.close()
		b := &toolBlock{Type: "tool_use", ID: p.ID, Name: p.Name, Input: json.RawMessage("{}")}
		w.tools = append(w.tools, &opened{toolBlock: b, at: w.add(b)})
	}
	if t := w.tools[p.Number]; p.Arguments != "" {
		t.input.WriteString(p.Arguments)
		w.delta(t.at, "input_json_delta", "partial_json", p.Arguments)
	}
}

// inputOf is a call's input as an object: a model may write anything.
func inputOf(arguments string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(arguments), &object) != nil || object == nil {
		if arguments == "" {
			return json.RawMessage("{}")
		}
		text, err := json.Marshal(map[string]string{"arguments": arguments})
		if err != nil { // strings always marshal
			panic(err)
		}
		return text
	}
	return json.RawMessage(arguments)
}
