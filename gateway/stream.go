package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"agora/gateway/peek"
	"agora/wire/openai"
)

// minBuffer is what a stream's buffer begins with, in bytes; it grows to MaxEvent where an event needs it.
const minBuffer = 8 << 10

// errConsumer marks a stream that ended because the consumer no longer takes it.
var errConsumer = errors.New("gateway: the consumer left")

// beginStream waits for a stream's first event. A stream that begins with an error has not begun.
func (a *answer) beginStream() error {
	if !strings.HasPrefix(a.resp.Header.Get("Content-Type"), "text/event-stream") {
		return errKind
	}
	buf := make([]byte, 0, minBuffer)
	for peek.Events(buf) == 0 {
		var err error
		if buf, err = a.readSome(buf); err != nil {
			return err
		}
	}
	if bytes.HasPrefix(buf, []byte(`data: {"error"`)) {
		return statusError(http.StatusBadGateway)
	}
	a.begun.Store(true)
	a.part = buf
	return nil
}

// readSome appends what the miner sends next.
func (a *answer) readSome(buf []byte) ([]byte, error) {
	if len(buf) == cap(buf) {
		if len(buf) >= a.MaxEvent {
			return buf, errTooLarge
		}
		buf = append(make([]byte, 0, min(2*cap(buf), a.MaxEvent)), buf...)
	}
	n, err := a.resp.Body.Read(buf[len(buf):cap(buf)])
	buf = buf[:len(buf)+n]
	switch {
	case n > 0 || err == nil:
		return buf, nil // an error comes again with the next read
	case err == io.EOF:
		return buf, errCut
	}
	return buf, a.why(errors.Join(errCut, err))
}

// pass hands the stream on, whole events only, each as soon as it is there. A stream that ends without [DONE] gets an
// event that says so: a consumer must not take half an answer for a whole one.
func (a *answer) pass() error {
	err := a.passEvents()
	if err == nil || errors.Is(err, errConsumer) || a.gone() {
		return nil
	}
	text, jsonErr := json.Marshal(openai.Errorf(http.StatusBadGateway,
		"the answer is not complete: the miner stopped in the middle of it; ask again").WithCode("miner_died"))
	if jsonErr != nil { // strings always marshal
		panic(jsonErr)
	}
	_ = a.emit([]byte("data: " + string(text) + "\n\n"))
	return err
}

func (a *answer) passEvents() error {
	buf := a.part
	for {
		if end := peek.Events(buf); end > 0 {
			a.watch.Stop() // a slow consumer is not the miner's fault
			if a.emit(buf[:end]) != nil {
				return errConsumer
			}
			a.count(buf[:end])
			if peek.IsDone(buf[:end]) {
				return nil
			}
			buf = buf[:copy(buf, buf[end:])]
		}
		a.watch.Reset(a.Stall)
		var err error
		if buf, err = a.readSome(buf); err != nil {
			return err
		}
	}
}
