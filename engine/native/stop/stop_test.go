package stop

import (
	"errors"
	"strings"
	"testing"

	"agora/engine"
)

// cut is the text up to the stop string at, empty where the text comes whole.
func cut(stop []string, parts ...string) (text, at string) {
	var b strings.Builder
	c := New(stop, func(t engine.Token) error { b.Write(t.Bytes); return nil })
	for _, p := range parts {
		if done, _ := c.Add(engine.Token{Bytes: []byte(p)}); done {
			return b.String(), c.At()
		}
	}
	c.Flush()
	return b.String(), c.At()
}

func TestAnswerEndsBeforeTheFirstStop(t *testing.T) {
	for _, c := range []struct {
		stop  []string
		parts []string
		want  string
		at    string
	}{
		{nil, []string{"a", "b"}, "ab", ""},
		{[]string{"b"}, []string{"a", "b", "c"}, "a", "b"},
		{[]string{"bc"}, []string{"a", "b", "cd"}, "a", "bc"},
		{[]string{"bc"}, []string{"ab", "x"}, "abx", ""},
		{[]string{"bc"}, []string{"ab"}, "ab", ""},
		{[]string{"cd", "b"}, []string{"abcd"}, "a", "b"},
		{[]string{"aab"}, []string{"a", "a", "a", "b"}, "a", "aab"},
		{[]string{"x"}, []string{"", "x"}, "", "x"},
		{[]string{"bc", "b"}, []string{"abc"}, "a", "bc"}, // of two at one place the first that is named
		{[]string{"bc", "b"}, []string{"a", "b", "c"}, "a", "b"},
	} {
		if got, at := cut(c.stop, c.parts...); got != c.want || at != c.at {
			t.Errorf("%q up to %q: %q, stopped at %q", c.parts, c.stop, got, at)
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
		got, at := cut([]string{stop1, stop2}, parts...)
		if at == "" && got != text {
			t.Errorf("%q cut as %q came out as %q", text, parts, got)
		}
		if !strings.HasPrefix(text[len(got):], at) {
			t.Errorf("%q stopped behind %q at %q", text, got, at)
		}
		if !strings.HasPrefix(text, got) || strings.Contains(got, stop1) || strings.Contains(got, stop2) {
			t.Errorf("%q up to %q or %q: %q", text, stop1, stop2, got)
		}
	})
}
