package openai

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestEventsAreReadAsTheyWereWritten(t *testing.T) {
	rec := httptest.NewRecorder()
	w := NewEventWriter(rec)
	if w.Started() {
		t.Fatal("started before the first event")
	}
	for _, v := range []any{map[string]int{"a": 1}, "line\nbreak"} {
		if err := w.Send(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Done(); err != nil || !w.Started() || !rec.Flushed {
		t.Fatal(err, w.Started(), rec.Flushed)
	}
	if got := rec.Header().Get("Content-Type"); got != "text/event-stream" {
		t.Fatal(got)
	}
	r := NewEventReader(rec.Body, 1024)
	for _, want := range []string{`{"a":1}`, `"line\nbreak"`} {
		if got, err := r.Next(); err != nil || string(got) != want {
			t.Fatalf("%s, %v", got, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
}

func TestErrorInsideAStreamHasOpenAIsShapeAndNoEnd(t *testing.T) {
	rec := httptest.NewRecorder()
	w := NewEventWriter(rec)
	if err := w.Fail(Errorf(http.StatusBadGateway, "the miner went away")); err != nil {
		t.Fatal(err)
	}
	r := NewEventReader(rec.Body, 1024)
	if got, err := r.Next(); err != nil || !strings.Contains(string(got), `"message":"the miner went away"`) {
		t.Fatalf("%s, %v", got, err)
	}
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
}

func TestEventReaderFollowsTheFormat(t *testing.T) {
	cases := map[string]struct {
		in   string
		want []string
		end  error
	}{
		"CRLF and comments": {": ping\r\nevent: x\r\nid: 1\r\ndata: a\r\n\r\ndata:b\n\ndata: [DONE]\n\n", []string{"a", "b"}, io.EOF},
		"several lines":     {"data: a\ndata: b\n\ndata: [DONE]\n\n", []string{"a\nb"}, io.EOF},
		"no last blank":     {"data: a\n\ndata: [DONE]\n", []string{"a"}, io.EOF},
		"no last line end":  {"data: a\n\ndata: [DONE]", []string{"a"}, io.EOF},
		"cut off":           {"data: a\n\n", []string{"a"}, io.ErrUnexpectedEOF},
		"cut in an event":   {"data: a\n\ndata: {\"x\"", []string{"a"}, io.ErrUnexpectedEOF},
		"other fields":      {"database: a\nretry: 5\n\ndata\n\ndata: [DONE]\n\n", []string{""}, io.EOF},
		"nothing":           {"", nil, io.ErrUnexpectedEOF},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := NewEventReader(strings.NewReader(c.in), 64)
			for _, want := range c.want {
				if got, err := r.Next(); err != nil || string(got) != want {
					t.Fatalf("%q, %v, want %q", got, err, want)
				}
			}
			if got, err := r.Next(); err != c.end {
				t.Fatalf("%q, %v, want %v", got, err, c.end)
			}
		})
	}
}

func TestEventReaderHoldsNoMoreThanItsLimit(t *testing.T) {
	const limit = 1 << 10
	endless := map[string]io.Reader{
		"one line":   io.MultiReader(strings.NewReader("data: "), repeat("x")),
		"many lines": repeat("data: xxxxxxxx\n"),
		"a comment":  io.MultiReader(strings.NewReader(":"), repeat("x")),
	}
	for name, r := range endless {
		t.Run(name, func(t *testing.T) {
			count := &counter{r: r}
			if _, err := NewEventReader(count, limit).Next(); !errors.Is(err, ErrEventTooLong) {
				t.Fatal(err)
			}
			if count.n > 16<<10 {
				t.Fatalf("%d bytes were read", count.n)
			}
		})
	}
}

func repeat(s string) io.Reader { return &repeater{s: s} }

type repeater struct {
	s string
	i int
}

func (r *repeater) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.s[r.i%len(r.s)]
		r.i++
	}
	return len(p), nil
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func FuzzEventReader(f *testing.F) {
	f.Add([]byte("data: a\n\ndata: [DONE]\n\n"))
	f.Add([]byte(": x\r\ndata: a\r\ndata: b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 256
		r := NewEventReader(bytes.NewReader(in), limit)
		for range len(in) + 1 { // every event takes at least one byte
			data, err := r.Next()
			if err != nil {
				return
			}
			if len(data) > limit {
				t.Fatalf("event of %d bytes", len(data))
			}
		}
		t.Fatal("more events than bytes")
	})
}
