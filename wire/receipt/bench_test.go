package receipt

import "testing"

// BenchmarkAnswer reads an answer of a kilobyte that came in three chunks, and hashes it, as miner and gateway do for each.
func BenchmarkAnswer(b *testing.B) {
	text := make([]byte, 800)
	for i := range text {
		text[i] = "word "[i%5]
	}
	var h Heard
	for _, chunk := range []string{
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"` + string(text) + `"},"finish_reason":null}]}`,
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":160,"total_tokens":165}}`,
	} {
		h.Chunk([]byte(chunk))
	}
	b.ReportAllocs()
	for b.Loop() {
		choices, err := h.choices()
		if err != nil {
			b.Fatal(err)
		}
		AnswerHash(choices)
	}
}
