package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
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
	if got := eventsOf(t, NewEventReader(rec.Body, 1024)); got != `{"a":1}|"line\nbreak"|[DONE]` {
		t.Fatal(got)
	}
}

// eventsOf reads events to the end: "data|name=data|:comment".
func eventsOf(t *testing.T, r *EventReader) string {
	t.Helper()
	var all []string
	for {
		ev, err := r.Next()
		if err == io.EOF {
			return strings.Join(all, "|")
		}
		if err != nil {
			t.Fatal(err)
		}
		text := string(ev.Data)
		if ev.Comment {
			text = ":" + text
		}
		if ev.Name != "" {
			text = ev.Name + "=" + text
		}
		all = append(all, text)
	}
}

func TestErrorInsideAStreamHasOpenAIsShapeAndNoEnd(t *testing.T) {
	rec := httptest.NewRecorder()
	if err := NewEventWriter(rec).Fail(Errorf(http.StatusBadGateway, "the miner went away")); err != nil {
		t.Fatal(err)
	}
	if got := rec.Body.String(); !strings.HasPrefix(got, `data: {"error":{`) || strings.Contains(got, "[DONE]") {
		t.Fatal(got)
	}
	_, err := NewStream(rec.Body, 1024).Next()
	var told *Error
	if !errors.As(err, &told) || told.Message != "the miner went away" {
		t.Fatal(err)
	}
}

func TestEventReaderFollowsTheFormat(t *testing.T) {
	for in, want := range map[string]string{
		": ping\r\nevent: x\r\nid: 1\r\ndata: a\r\n\r\ndata:b\n\n": ":ping|x=a|b",
		"data: a\rdata: b\r\rdata: c\r\r":                          "a\nb|c",
		"data: a\ndata: b\n\n":                                     "a\nb",
		"data:  a \n\n":                                            " a ",
		"event: error\n: why\ndata: a\n\ndata: b\n\n":              ":why|error=a|b",
		"event: x\n\ndata: b\n\n":                                  "b",
		"data: a\n":                                                "a",
		"data: a":                                                  "a",
		"\ufeffdata: a\n\n":                                        "a",
		"database: a\nretry: 5\n\ndata\n\n":                        "",
		":\n:x\n\n::y\n":                                           ":|:x|::y",
		"\n\r\n\r\n":                                               "",
		"":                                                         "",
	} {
		for _, size := range []int{1, 2, 3, 1000} {
			if got := eventsOf(t, NewEventReader(&slow{in, size}, 64)); got != want {
				t.Errorf("%q in reads of %d: %q, want %q", in, size, got, want)
			}
		}
	}
}

// slow gives a text in reads of a few bytes.
type slow struct {
	text string
	size int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p, s.text[:min(s.size, len(s.text))])
	s.text = s.text[n:]
	return n, nil
}

// What is whole leaves at once, also where the line end may be half of CRLF.
func TestEventIsThereBeforeTheNextByte(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n", "\r\n\r"} {
		in, out := io.Pipe()
		go out.Write([]byte("data: a" + end))
		ev, err := NewEventReader(in, 64).Next()
		if err != nil || string(ev.Data) != "a" {
			t.Fatalf("%q: %s, %v", end, ev.Data, err)
		}
		in.Close()
	}
}

func TestBrokenTransportIsNoEnd(t *testing.T) {
	r := NewEventReader(io.MultiReader(strings.NewReader("data: a\n\ndata: [DONE]"), iotest.ErrReader(io.ErrUnexpectedEOF)), 64)
	if ev, err := r.Next(); err != nil || string(ev.Data) != "a" {
		t.Fatal(ev, err)
	}
	if ev, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Fatal(ev, err)
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
	f.Add([]byte("data: a\r\revent: error\rdata:b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 256
		r := NewEventReader(bytes.NewReader(in), limit)
		for range len(in) + 1 { // every event takes at least one byte
			ev, err := r.Next()
			if err != nil {
				return
			}
			if len(ev.Data) > limit+maxField {
				t.Fatalf("event of %d bytes", len(ev.Data))
			}
		}
		t.Fatal("more events than bytes")
	})
}

// FuzzChunk holds the chunks that are written without encoding/json to what that writes.
func FuzzChunk(f *testing.F) {
	f.Add("chatcmpl-1", "m", "assistant", "a\"\\<&>\u2028\xff\x00\n€", "stop", 1, int64(5))
	f.Add("", "", "", "", "", 0, int64(-1))
	f.Fuzz(func(t *testing.T, id, model, role, content, finish string, index int, created int64) {
		one := ChatChunkChoice{Index: index, Delta: Delta{Role: role, Content: content}}
		two := ChatChunkChoice{Delta: Delta{Content: role}, FinishReason: &finish, StopReason: model}
		for _, choices := range [][]ChatChunkChoice{{}, {one}, {two}, {one, two}} {
			c := ChatChunk{ID: id, Object: "chat.completion.chunk", Created: created, Model: model, Choices: choices}
			if len(choices) == 0 {
				c.Usage = &Usage{PromptTokens: index, CompletionTokens: int(created), TotalTokens: -index}
			}
			want, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			rec := httptest.NewRecorder()
			if err := NewEventWriter(rec).Add(&c); err != nil || !c.onlyText() {
				t.Fatal(err, c.onlyText())
			}
			got, event := strings.CutPrefix(rec.Body.String(), "data: ")
			got, end := strings.CutSuffix(got, "\n\n")
			if valid := utf8.ValidString(id + model + role + content + finish); !event || !end || valid && got != string(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			var read, meant ChatChunk // a byte that is no UTF-8 stands as the sign for that, or as its escape
			if err := errors.Join(json.Unmarshal([]byte(got), &read), json.Unmarshal(want, &meant)); err != nil || !cmp.Equal(read, meant) {
				t.Fatalf("got %q, want %q, %v", got, want, err)
			}
		}
	})
}

func TestChunksThatSayMoreAreLeftToEncodingJSON(t *testing.T) {
	n := 0
	for _, c := range []ChatChunk{
		{},
		{Choices: []ChatChunkChoice{}, Usage: &Usage{PromptDetails: &PromptDetails{}}},
		{Choices: []ChatChunkChoice{{Logprobs: &ChatLogprobs{}}}},
		{Choices: []ChatChunkChoice{{}, {Delta: Delta{ToolCalls: []ToolCall{{Index: &n, ID: "c"}}}}}},
	} {
		want, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		if err := NewEventWriter(rec).Add(&c); err != nil || c.onlyText() {
			t.Fatal(err, c.onlyText())
		}
		if got := rec.Body.String(); got != "data: "+string(want)+"\n\n" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
