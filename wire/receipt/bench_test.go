package receipt

import (
	"crypto/ed25519"
	"strconv"
	"testing"
)

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

// BenchmarkVerify checks signatures of a key that comes often, one by one and sixteen at once, and makes the key's table.
func BenchmarkVerify(b *testing.B) {
	k, text := key(1), make([]byte, 300)
	for _, n := range []int{1, 16} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			claims := make([]claim, n)
			for i := range claims {
				claims[i] = claim{key: public(k), text: text, signature: sign(k, text)}
			}
			for range often {
				verify(claims)
			}
			for b.Loop() {
				verify(claims)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/signature")
		})
	}
	b.Run("crypto", func(b *testing.B) {
		signature := sign(k, text)
		for b.Loop() {
			ed25519.Verify(public(k), text, signature)
		}
	})
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			newTable([32]byte(public(k)))
		}
	})
}
