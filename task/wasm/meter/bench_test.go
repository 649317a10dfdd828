package meter_test

import (
	"os"
	"testing"

	"agora/task/wasm/meter"
)

// AGORA_MODULE names the module that is rewritten; else it is the small one.
func BenchmarkRewrite(b *testing.B) {
	file := "../../kit/sums/sums.wasm"
	if named := os.Getenv("AGORA_MODULE"); named != "" {
		file = named
	}
	code, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(code)))
	for b.Loop() {
		if _, err := meter.Rewrite(code); err != nil {
			b.Fatal(err)
		}
	}
}
