package stop

import (
	"errors"
	"strings"
	"testing"

	"agora/engine"
)

func cut(stop []string, parts ...string) (text string, stopped bool) {
	var b strings.Builder
	c := New(stop, func(t engine.Token) error { b.Write(t.Bytes); return nil })
	for _, p := range parts {
		if done, _ := c.Add(engine.Token{Bytes: []byte(p)}); done {
			return b.String(), true
		}
	}
	c.Flush()
	return b.String(), false
}

func TestAnswerEndsBeforeTheFirstStop(t *testing.T) {
	for _, c := range []struct {
		stop    []string
		parts   []string
		want    string
		stopped bool
	}{
		{nil, []string{"a", "b"}, "ab", false},
		{[]string{"b"}, []string{"a", "b", "c"}, "a", true},
		{[]string{"bc"}, []string{"a", "b", "cd"}, "a", true},
		{[]string{"bc"}, []string{"ab", "x"}, "abx", false},
		{[]string{"bc"}, []string{"ab"}, "ab", false},
		{[]string{"cd", "b"}, []string{"abcd"}, "a", true},
		{[]string{"aab"}, []string{"a", "a", "a", "b"}, "a", true},
		{[]string{"x"}, []string{"", "x"}, "", true},
	} {
		if got, stopped := cut(c.stop, c.parts...); got != c.want || stopped != c.stopped {
			t.Errorf("%q up to %q: %q, %v", c.parts, c.stop, got, stopped)
		}
	}
}

func TestErrorOfTheListenerEndsTheAnswer(t *testing.T) {
	gone := errors.New("gone")
	c := New([]string{"zz"}, func(engine.Token) error { return gone })
	if _, err := c.Add(engine.Token{Bytes: []byte("a")}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// However a text is cut into tokens, what comes out is the text up to the first place where a stop begins.
func FuzzCutter(f *testing.F) {
	f.Add("hello world", "o w", "ld", uint64(5))
	f.Add("aaab", "aab", "x", uint64(0xffff))
	f.Fuzz(func(t *testing.T, text, stop1, stop2 string, cuts uint64) {
		if len(text) > 64 || stop1 == "" || stop2 == "" {
			return
		}
		var parts []string
		last := 0
		for i := range len(text) {
			if cuts>>i&1 == 1 {
				parts, last = append(parts, text[last:i]), i
			}
		}
		parts = append(parts, text[last:])
		got, stopped := cut([]string{stop1, stop2}, parts...)
		if !stopped && got != text {
			t.Errorf("%q cut as %q came out as %q", text, parts, got)
		}
		if !strings.HasPrefix(text, got) || strings.Contains(got, stop1) || strings.Contains(got, stop2) {
			t.Errorf("%q up to %q or %q: %q", text, stop1, stop2, got)
		}
	})
}
