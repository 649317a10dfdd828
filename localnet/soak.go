package localnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"
)

// Soak says how a market is watched that is left alone.
type Soak struct {
	For     time.Duration
	Settled time.Duration // from when on the live heap may not grow by more than a tenth
	Every   time.Duration // between two lines
	Out     io.Writer
	Heap    string // folder for profiles of this process's heap once settled and at the latest line, settled.pprof and latest.pprof; "" for none
}

// allowed is how much the live heap may grow between Settled and the end.
const allowed = 1.1

// ErrGrows says that a market takes more and more memory.
var ErrGrows = errors.New("the live heap grows")

// Watch prints a line of the vitals of the market on home every so often, and fails if its live heap grew. What a heap
// is worth is the median of its last eight lines.
func (s Soak) Watch(ctx context.Context, home string) error {
	if err := awaitOpen(ctx, home); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%8s %8s %10s %10s %10s %6s %10s\n", "minutes", "height", "heap MB", "RSS MB", "disk MB", "files", "goroutines")
	began := time.Now()
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	var heaps []float64
	settled := 0.0
	for {
		v, err := look(ctx, home)
		if err != nil {
			return err
		}
		spent := time.Since(began)
		fmt.Fprintf(s.Out, "%8.1f %8d %10.1f %10.1f %10.1f %6d %10d\n", spent.Minutes(), v.Height, mega(v.LiveHeap), mega(v.RSS), mega(v.Disk), v.OpenFiles, v.Goroutines)
		heaps = append(heaps, mega(v.LiveHeap))
		if settled == 0 && spent >= s.Settled {
			settled = lately(heaps)
			if err := s.profile("settled"); err != nil {
				return err
			}
		}
		if err := s.profile("latest"); err != nil {
			return err
		}
		if spent >= s.For {
			return grown(s.Out, settled, lately(heaps))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// profile leaves what the live heap is made of, where that is wanted: `go tool pprof -diff_base settled.pprof latest.pprof` shows what grew.
func (s Soak) profile(name string) error {
	if s.Heap == "" {
		return nil
	}
	f, err := os.Create(filepath.Join(s.Heap, name+".pprof"))
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}

// look asks for the vitals several times, and takes those with the smallest live heap: answers, examinations and audits that
// are under way come and go, and what is kept is there every time.
func look(ctx context.Context, home string) (least Vitals, err error) {
	const times, pause = 6, 300 * time.Millisecond
	for i := range times {
		v, err := AskVitals(ctx, home)
		if err != nil {
			return v, err
		}
		if i == 0 || v.LiveHeap < least.LiveHeap {
			least = v
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-time.After(pause):
		}
	}
	return least, nil
}

func grown(out io.Writer, before, after float64) error {
	fmt.Fprintf(out, "live heap %.1f MB once settled, %.1f MB at the end: %.2f times\n", before, after, after/before)
	if after > allowed*before {
		return fmt.Errorf("%w: from %.1f MB to %.1f MB, %.2f times", ErrGrows, before, after, after/before)
	}
	return nil
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }

// lately is the median of the last eight, the lower one of two.
func lately(list []float64) float64 {
	last := slices.Sorted(slices.Values(list[max(0, len(list)-8):]))
	return last[(len(last)-1)/2]
}

// awaitOpen waits until a market is open on home.
func awaitOpen(ctx context.Context, home string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("the market did not open within five minutes"))
	defer cancel()
	for {
		d, err := ReadDescription(home)
		if err == nil && d.PID != 0 {
			if _, err := AskVitals(ctx, home); err == nil {
				return nil
			}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
