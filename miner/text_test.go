package miner

import (
	"strings"
	"testing"
)

func FuzzStitchLosesNothing(f *testing.F) {
	f.Add([]byte("a€b"), 2)
	f.Add([]byte{0xe2, 0x82, 0xff, 0xf0, 0x9f}, 1)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		step = max(1, min(step, 16))
		var s stitch
		var got strings.Builder
		for i := 0; i < len(text); i += step {
			got.WriteString(s.push(text[i:min(i+step, len(text))]))
			if held := s.Len() - s.sent; held > 3 {
				t.Fatalf("%d bytes held back", held)
			}
		}
		got.WriteString(s.rest())
		if got.String() != string(text) {
			t.Fatalf("%q became %q", text, got.String())
		}
	})
}
