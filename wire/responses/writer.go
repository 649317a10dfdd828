package responses

import (
	"encoding/json"
	"strings"

	"agora/wire/openai"
)

// Writer tells a chat's answer as a response: its chunks as events, or the whole as one object. It is used by one
// goroutine at a time.
//
// At most one message or thought is open; it ends where something else begins. Calls stay open to the end, since servers
// may give their parts in turns.
type Writer struct {
	response
	id     string
	pieces openai.Pieces
	now    int64
	seq    int
	events []byte
	finish string

	tells  bool              // log-probabilities
	untold []json.RawMessage // of them, that came without text

	begun bool
	open  any // *message or *thought that is being written
	at    int // its place in the output
	said  strings.Builder
	calls []*opened
}

// opened is a call that is being written.
type opened struct {
	*call
	at        int
	arguments strings.Builder
}

// NewWriter answers r. id makes the response's ids; now is in seconds since 1970.
func NewWriter(r *Request, id string, now int64) *Writer {
	return &Writer{
		response: newResponse(r, id, now), id: id, now: now, pieces: openai.Pieces{ID: id},
		tells: r.tellsLogprobs(), untold: []json.RawMessage{},
	}
}

// Chunk is what a chunk of the chat adds, as events; valid until the next call. The error is openai.ErrChunk.
func (w *Writer) Chunk(data []byte) ([]byte, error) {
	p, err := w.pieces.Read(data)
	if err != nil {
		return nil, err
	}
	w.events = w.events[:0]
	w.begin()
	if w.tells {
		w.untold = append(w.untold, p.Logprobs...)
	}
	w.think(p.Reasoning)
	w.say(p.Text, "output_text")
	w.say(p.Refusal, "refusal")
	for _, c := range p.Calls {
		w.callPart(c)
	}
	if p.Finish != "" {
		w.finish = p.Finish
	}
	if p.Usage != nil {
		w.Usage = usageOf(p.Usage, p.Cost)
	}
	return w.events, nil
}

// End are the events that end the stream.
func (w *Writer) End() []byte {
	w.events = w.events[:0]
	w.begin()
	w.complete()
	w.event("response."+w.Status, map[string]any{"response": &w.response})
	return w.events
}

// Fail are the events that end the stream early: the response with the error, for agents, and an error event, which
// every client raises.
func (w *Writer) Fail(e *openai.Error) []byte {
	w.events = w.events[:0]
	w.begin()
	code := e.Code
	if code == "" {
		code = e.Type
	}
	w.Status, w.Error = "failed", &fault{code, e.Message}
	w.event("response.failed", map[string]any{"response": &w.response})
	var param *string
	if e.Param != "" {
		param = &e.Param
	}
	inner := map[string]any{"type": e.Type, "code": code, "message": e.Message, "param": param}
	w.event("error", map[string]any{"code": code, "message": e.Message, "param": param, "error": inner})
	return w.events
}

// Whole is the response, JSON, for the plain answer of a chat.
func (w *Writer) Whole(answer []byte) ([]byte, error) {
	if _, err := w.Chunk(answer); err != nil {
		return nil, err
	}
	w.End()
	return json.Marshal(&w.response)
}

func (w *Writer) begin() {
	if w.begun {
		return
	}
	w.begun = true
	w.event("response.created", map[string]any{"response": &w.response})
	w.event("response.in_progress", map[string]any{"response": &w.response})
}

// complete closes what is open and says how the answer ended.
func (w *Writer) complete() {
	reason := map[string]string{"length": "max_output_tokens", "content_filter": "content_filter"}[w.finish]
	if reason != "" {
		w.Incomplete = &incomplete{reason}
	}
	w.closeOpen()
	for _, c := range w.calls {
		w.closeCall(c)
	}
	if w.Status = w.itemStatus(); w.Incomplete == nil {
		w.CompletedAt = &w.now
	}
}

// event writes one event; fields get its type and number.
func (w *Writer) event(name string, fields map[string]any) {
	fields["type"], fields["sequence_number"] = name, w.seq
	w.seq++
	data, err := json.Marshal(fields)
	if err != nil { // raw parts of the request, which was valid JSON
		panic(err)
	}
	w.events = append(append(append(append(append(w.events, "event: "...), name...), "\ndata: "...), data...), "\n\n"...)
}

// add puts an item into the output and returns its place.
func (w *Writer) add(it any) int {
	w.Output = append(w.Output, it)
	at := len(w.Output) - 1
	w.event("response.output_item.added", map[string]any{"output_index": at, "item": it})
	return at
}

// name is the id of the next item.
func (w *Writer) name(kind string) string { return kind + "_" + w.id + "_" + itoa(len(w.Output)) }
