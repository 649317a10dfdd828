//go:build unix

package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestServesApart is the miner of BenchmarkApart, in a process of its own, until its input ends.
func TestServesApart(t *testing.T) {
	addr := os.Getenv("WIRE_APART")
	if addr == "" {
		t.Skip("it is for BenchmarkApart")
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	c := ServeConfig{Key: hotKey("a"), NetUID: 1, Validator: public25519(hotKey("validator")), Addr: addr, Handler: echo, AllowPrivate: true, Log: quiet()}
	if err := Serve(ctx, c); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkApart asks a miner in another process, and reports the processor time that both ends take for a request, and the median of how
// long it takes.
func BenchmarkApart(b *testing.B) {
	for _, c := range []struct{ atOnce, size int }{{1, 1 << 10}, {1, 32 << 10}, {4, 1 << 10}, {32, 1 << 10}} {
		b.Run(fmt.Sprintf("%d at once of %d KiB", c.atOnce, c.size>>10), func(b *testing.B) {
			h := openHub(b, everyone, Options{})
			self, err := os.Executable()
			if err != nil {
				b.Fatal(err)
			}
			miner := exec.Command(self, "-test.run", "^TestServesApart$")
			miner.Env = append(os.Environ(), "WIRE_APART="+h.Addr())
			in, err := miner.StdinPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := miner.Start(); err != nil {
				b.Fatal(err)
			}
			key := public25519(hotKey("a"))
			eventually(b, "the hub lists the miner", func() bool { return h.Connected(1, key) })
			before := processorTime(b)
			b.ResetTimer()
			took := askApart(b, h.RoundTripper(1, key), c.atOnce, strings.Repeat("x", c.size))
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/n, "hub-µs/op")
			in.Close()
			_ = miner.Wait() // a test binary says by its status what its output says too
			b.ReportMetric(float64((miner.ProcessState.UserTime()+miner.ProcessState.SystemTime()).Microseconds())/n, "miner-µs/op")
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		})
	}
}

// askApart asks b.N times, and sorts how long each took.
func askApart(b *testing.B, rt http.RoundTripper, atOnce int, body string) []time.Duration {
	took := make([]time.Duration, b.N)
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			for n := i; n < b.N; n += atOnce {
				began := time.Now()
				if err := roundTrip(b.Context(), rt, "http://miner/", body); err != nil {
					b.Error(err)
				}
				took[n] = time.Since(began)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// processorTime is what this process has taken.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
