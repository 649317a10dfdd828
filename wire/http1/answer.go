package http1

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Errors of reading answers, beside those of the connection and those that say what is wrong with an answer.
var (
	ErrNoAnswer = errors.New("http1: the connection ended before an answer")
	ErrLarge    = errors.New("http1: the answer's header is too large")

	errWait = errors.New("http1: no more has come")
)

// Answers reads the answers that come over one connection, one after another. It holds a buffer only while bytes are in it.
// Whatever it takes, net/http takes for the same answer.
type Answers struct{ in input }

// NewAnswers reads from a connection. Wait returns when its Read would not wait, and may return before that.
func NewAnswers(from io.Reader, wait func() error) *Answers {
	return &Answers{input{from: from, wait: wait}}
}

// Idle says that nothing has come that was not read.
func (a *Answers) Idle() bool { return a.in.r == a.in.w }

// answer is an answer with its body, in one piece of memory.
type answer struct {
	http.Response
	body AnswerBody
}

// Next reads the header of the next answer, which may be an informational one: r is what was asked, and limit how many bytes the
// header may have, which it lowers by those it has. The body is an *AnswerBody, or http.NoBody. ErrNoAnswer is of a connection on
// which no byte came.
func (a *Answers) Next(r *http.Request, limit *int) (*http.Response, error) {
	text, err := a.head(*limit)
	if err != nil {
		return nil, err
	}
	*limit -= len(text)
	w := &answer{}
	w.Request, w.body.in = r, &a.in
	line, rest, _ := strings.Cut(text, "\r\n")
	if err := w.first(line); err != nil {
		return nil, err
	}
	if w.Header, err = fieldsOf(rest); err != nil {
		return nil, err
	}
	if err = w.meaning(); w.Body == http.NoBody {
		a.in.release()
	}
	return &w.Response, err
}

// head reads the bytes of a header.
func (a *Answers) head(limit int) (string, error) {
	for next := 0; ; {
		waiting := a.in.waiting()
		end, from, err := endOfHead(waiting, next)
		switch {
		case err != nil:
			return "", err
		case end > limit || end == 0 && len(waiting) >= limit:
			return "", ErrLarge
		case end > 0:
			text := string(waiting[:end])
			a.in.r += end
			return text, nil
		}
		if err := a.in.fill(); err != nil {
			if len(waiting) == 0 {
				return "", fmt.Errorf("%w: %w", ErrNoAnswer, err)
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		next = from
	}
}

// first reads the status line.
func (w *answer) first(line string) error {
	proto, status, _ := strings.Cut(line, " ")
	switch proto {
	case protos[1]:
		w.ProtoMinor = 1
	case protos[0]:
	default:
		return errVersion
	}
	code, _, _ := strings.Cut(status, " ")
	n, ok := decimal(code)
	if !ok || len(code) != 3 || n < 100 || hasControl(status) {
		return errLine
	}
	w.Proto, w.ProtoMajor, w.Status, w.StatusCode = proto, 1, status, int(n)
	return nil
}

// meaning reads those header lines that say where the answer ends.
func (w *answer) meaning() error {
	w.Close = hasToken(w.Header["Connection"], "close") || w.ProtoMinor == 0 && !hasToken(w.Header["Connection"], "keep-alive")
	if w.Close && w.ProtoMinor > 0 {
		delete(w.Header, "Connection")
	}
	pragma(w.Header)
	length, err := lengthOf(w.Header, w.ProtoMinor)
	if err != nil {
		return err
	}
	isHead := w.Request != nil && w.Request.Method == http.MethodHead
	w.Body, w.ContentLength = http.NoBody, max(length, -1)
	switch {
	case isHead || !bodyAllowed(w.StatusCode):
		if length == chunked {
			return errEncoding
		}
		if !isHead {
			w.ContentLength = 0
		}
		return nil
	case length == 0:
		return nil
	case length == chunked:
		w.body.chunks, w.body.keep, w.TransferEncoding = true, &w.Trailer, chunkedOnly
		err = w.announced()
	case length == unknown:
		w.body.endless, w.Close = true, true
	default:
		w.body.left = length
	}
	w.Body = &w.body
	return err
}

var chunkedOnly = []string{"chunked"}

// announced notes the trailers that the answer announces.
func (w *answer) announced() error {
	lists := w.Header["Trailer"]
	delete(w.Header, "Trailer")
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name = http.CanonicalHeaderKey(strings.Trim(name, " \t")); name == "" {
				continue
			}
			if framing[name] && name != "Connection" {
				return errTrailer
			}
			if w.Trailer == nil {
				w.Trailer = http.Header{}
			}
			w.Trailer[name] = nil
		}
	}
	return nil
}

// AnswerBody is an answer's body on its connection. It is not closed: whoever reads it to its end can read the next answer.
type AnswerBody struct {
	frames
	err error // of all later reads
}

// Read reads the body. At its proper end, io.EOF, the answer's trailers are there.
func (b *AnswerBody) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if n, b.err = b.frames.read(p); b.err != nil {
		b.in.release()
	}
	return n, b.err
}

// Close does nothing.
func (b *AnswerBody) Close() error { return nil }

// AtEnd says, without waiting, whether nothing but the body's end is left, and then reads that. Where it says no, nothing is read.
func (b *AnswerBody) AtEnd() bool {
	if b.err != nil {
		return b.err == io.EOF
	}
	in, look := b.in, b.frames
	from := in.r
	var trailer http.Header
	if look.keep != nil {
		look.keep = &trailer
	}
	in.still = true
	var one [1]byte
	n, err := look.read(one[:])
	if in.still = false; n > 0 || err != io.EOF {
		in.r = from
		return false
	}
	if look.keep = b.keep; len(trailer) > 0 && *b.keep == nil {
		*b.keep = http.Header{}
	}
	for name, values := range trailer {
		(*b.keep)[name] = append((*b.keep)[name], values...)
	}
	b.frames, b.err = look, err
	b.in.release()
	return true
}
