package openai

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// kilobyte is a stream of about so much.
var kilobyte = []byte(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"` + strings.Repeat("word ", 160) + `"},"finish_reason":"stop"}]}` +
	"\n\n" + `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":160,"total_tokens":165}}` + "\n\ndata: [DONE]\n\n")

// BenchmarkStream reads a stream of a kilobyte to its end.
func BenchmarkStream(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s := NewStream(bytes.NewReader(kilobyte), 1<<20)
		err := error(nil)
		for err == nil {
			_, err = s.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

// BenchmarkJoin puts a plain answer together from the same stream.
func BenchmarkJoin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Join(NewStream(bytes.NewReader(kilobyte), 1<<20)); err != nil {
			b.Fatal(err)
		}
	}
}
