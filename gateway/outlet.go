package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"agora/wire/openai"
)

const (
	maxComments = 40  // of a miner that pass without a chunk between them: some clients give up at 150 in all
	maxComment  = 256 // bytes of one
)

// outlet is the way to one consumer. It may be written to by the request and by its keep-alive, one at a time.
type outlet struct {
	w     http.ResponseWriter
	id    string // of the request
	ctl   http.ResponseController
	limit time.Duration // for the consumer to take a part
	gap   time.Duration // between comments while there is nothing to say
	leave func()        // ends the request

	failing func(*openai.Error) []byte // how an error is told in a stream that is out

	mu       sync.Mutex // guards what follows, and w
	hello    func()
	tick     *time.Timer // nil where nothing is kept alive
	last     time.Time   // of the last byte
	begun    bool        // the header is out
	closed   bool
	comments int // in a row
}

func newOutlet(w http.ResponseWriter, id string, g *Gateway, leave context.CancelFunc) outlet {
	// Over the longest request, no more comments than clients bear.
	return outlet{w: w, id: id, ctl: *http.NewResponseController(w), limit: g.WriteTimeout, gap: max(g.KeepAlive, g.Total/100), leave: leave, failing: errorEvent}
}

// keepAlive writes a comment whenever a stream has been silent for the gap, so that no proxy takes it for dead. Before the
// first one the header goes out, with what hello sets.
func (o *outlet) keepAlive(hello func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hello, o.last = hello, time.Now()
	o.tick = time.AfterFunc(o.gap, o.beat)
}

// speak lets errors from now on be told by a voice that is in the middle of an answer.
func (o *outlet) speak(v voice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failing = v.Fail
}

func (o *outlet) beat() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if wait := o.gap - time.Since(o.last); wait > 0 {
		o.tick.Reset(wait)
		return
	}
	if !o.begun {
		o.hello()
		o.start(http.StatusOK)
	}
	if o.put([]byte(": the model is at work\n\n"), true) != nil {
		o.leave()
		return
	}
	o.tick.Reset(o.gap)
}

// close ends the keep-alive. Afterwards the connection's next request has its own time.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.tick != nil {
		o.tick.Stop()
	}
	_ = o.ctl.SetWriteDeadline(time.Time{})
}

// declare sets headers, or says who answers in a comment where they are out.
func (o *outlet) declare(set func(), miner string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.begun {
		set()
		return
	}
	_ = o.put([]byte(": x-agora-miner "+miner+"\n\n"), true)
}

// begin writes the header unless it is out.
func (o *outlet) begin(status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.begun {
		o.start(status)
	}
}

func (o *outlet) start(status int) {
	o.begun = true
	o.w.WriteHeader(status)
}

// data writes one event. Lines inside JSON are only white space.
func (o *outlet) data(data []byte, flush bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.comments = 0
	line := make([]byte, 0, len(data)+8)
	line = append(append(append(line, "data: "...), bytes.ReplaceAll(data, []byte("\n"), []byte(" "))...), "\n\n"...)
	return o.put(line, flush)
}

// comment passes a miner's comment on, unless too many came in a row.
func (o *outlet) comment(text []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.comments++; o.comments > maxComments {
		return nil
	}
	return o.put([]byte(": "+string(text[:min(len(text), maxComment)])+"\n\n"), true)
}

// write gives the consumer events as they are, or a part of a plain answer.
func (o *outlet) write(part []byte, flush bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.comments = 0
	return o.put(part, flush)
}

// put gives the consumer a part, and a bounded time to take it.
func (o *outlet) put(part []byte, flush bool) error {
	o.last = time.Now()
	_ = o.ctl.SetWriteDeadline(o.last.Add(o.limit)) // writers of tests have no deadlines
	if _, err := o.w.Write(part); err != nil {
		return err
	}
	if !flush {
		return nil
	}
	return o.ctl.Flush()
}

// fail answers with an error: by status while nothing is out, else in the stream. It returns the status that was given.
func (o *outlet) fail(e *openai.Error, wait time.Duration) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun {
		_ = o.put(o.failing(e), true)
		return http.StatusOK
	}
	o.begun = true
	refuse(o.w, e, wait)
	return e.Status
}

// event writes an error into a stream that is out.
func (o *outlet) event(e *openai.Error) { _ = o.write(o.failing(e), true) }

// errorEvent is an error in the one form that every client notices: an event of its own, without a name, its "error"
// member first and no choices beside it.
func errorEvent(e *openai.Error) []byte {
	text, err := json.Marshal(e)
	if err != nil { // strings always marshal
		panic(err)
	}
	return []byte("data: " + string(text) + "\n\n")
}
