package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// kilobyte is a request and an answer of the usual size.
var kilobyte = strings.Repeat("x", 1024)

// roundTrip asks once, and is answered with as many bytes.
func roundTrip(ctx context.Context, rt http.RoundTripper, url, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(len(body)) {
		return fmt.Errorf("%d bytes, %w", n, err)
	}
	return nil
}

// benchmarkAsk asks over and over, one request at a time, or 32 at once.
func benchmarkAsk(b *testing.B, rt http.RoundTripper, url string) {
	ask := func() error { return roundTrip(b.Context(), rt, url, kilobyte) }
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			if err := ask(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("32", func(b *testing.B) {
		b.SetParallelism(16) // per core
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := ask(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkWire(b *testing.B) {
	h := openHub(b, everyone, Options{})
	connect(b, h, "a", echo)
	benchmarkAsk(b, h.RoundTripper(1, public25519(hotKey("a"))), "http://miner/")
}

// BenchmarkPlainTCP is what BenchmarkWire is to be compared with, in the same run: the standard library's client and
// server over an unencrypted connection of loopback.
func BenchmarkPlainTCP(b *testing.B) {
	web := httptest.NewServer(echo)
	defer web.Close()
	rt := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	defer rt.CloseIdleConnections()
	benchmarkAsk(b, rt, web.URL)
}
