package localnet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"agora/localnet"
)

// seeds are the markets that are proved alive: one each time, ten in the nightly run.
func seeds() int {
	if os.Getenv("AGORA_NIGHTLY") != "" {
		return 10
	}
	return 1
}

// home is a short folder: a unix socket's path has at most about a hundred bytes.
func home(t *testing.T) string {
	dir, err := os.MkdirTemp("", "agora")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "market")
}

func TestTheLoopIsAlive(t *testing.T) {
	for i := range seeds() {
		t.Run(fmt.Sprintf("seed-%d", i), func(t *testing.T) { proveAlive(t, fmt.Sprintf("loop %d", i)) })
	}
}

func proveAlive(t *testing.T, seed string) {
	o := localnet.Defaults()
	o.Home, o.Seed, o.Progress = home(t), seed, t.Output()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- localnet.Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the market did not stop well: %v", err)
		}
	})
	awaitDescription(t, o.Home, ended)
	report, err := localnet.Check(ctx, o.Home, 12*time.Minute, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		if !f.OK {
			t.Errorf("%s: %s", f.Name, f.Detail)
		}
	}
}

// awaitDescription waits until the market is open: its description then names the process.
func awaitDescription(t *testing.T, home string, ended chan error) {
	t.Helper()
	for range 1800 {
		if d, err := localnet.ReadDescription(home); err == nil && d.PID != 0 {
			return
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("the market ended: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("the market did not open within three minutes")
}
