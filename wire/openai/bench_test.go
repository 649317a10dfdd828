package openai

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// BenchmarkStream reads a stream of a kilobyte to its end.
func BenchmarkStream(b *testing.B) {
	text := []byte(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"` + strings.Repeat("word ", 160) + `"},"finish_reason":"stop"}]}` +
		"\n\n" + `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":160,"total_tokens":165}}` + "\n\ndata: [DONE]\n\n")
	b.ReportAllocs()
	for b.Loop() {
		s := NewStream(bytes.NewReader(text), 1<<20)
		err := error(nil)
		for err == nil {
			_, err = s.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
