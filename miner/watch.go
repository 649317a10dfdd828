package miner

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Watch asks a backend now and then whether it is there. While it is not, the miner leaves its validators, which costs
// what an absence costs, and comes back by itself.
type Watch struct {
	Ask   func(ctx context.Context) error // nil where the backend would answer now
	Every time.Duration                   // between two questions; 3 s
	Log   *slog.Logger                    // slog.Default()

	mu     sync.Mutex
	since  time.Time // away since; zero while it is there
	reason error
	slow   int // questions in a row that timed out
}

// patience is how many questions in a row a busy backend may leave unanswered.
const patience = 3

// Run asks until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	if w.Every <= 0 {
		w.Every = 3 * time.Second
	}
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.look(ctx)
	}
}

func (w *Watch) look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, max(w.Every, 3*time.Second))
	defer cancel()
	err := w.Ask(asking)
	if ctx.Err() != nil {
		return
	}
	w.note(err)
}

// note takes an answer to the question. One that only timed out counts once it does so several times in a row.
func (w *Watch) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var late net.Error
	if errors.As(err, &late) && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		if w.slow++; w.slow < patience {
			return
		}
	} else {
		w.slow = 0
	}
	switch {
	case err != nil && w.since.IsZero():
		w.since = time.Now()
		w.log().Warn("the backend is away: leaving the validators until it is back, which costs no more than being absent", "err", err)
	case err == nil && !w.since.IsZero():
		w.log().Info("the backend is back: going to the validators again", "away", time.Since(w.since).Round(time.Second).String())
		w.since = time.Time{}
	}
	w.reason = err
}

func (w *Watch) log() *slog.Logger {
	if w.Log == nil {
		return slog.Default()
	}
	return w.Log
}

// Away says since when the backend is away and why; the zero time while it is there. A nil Watch is always there.
func (w *Watch) Away() (time.Time, error) {
	if w == nil {
		return time.Time{}, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		return w.since, nil
	}
	return w.since, w.reason
}

// absent tells whether the backend is away now.
func (w *Watch) absent() bool {
	since, _ := w.Away()
	return !since.IsZero()
}

// WhileThere is a directory that is empty while the backend is away.
func WhileThere(d Directory, w *Watch) Directory { return present{d, w} }

type present struct {
	Directory
	watch *Watch
}

// Validators implements Directory.
func (p present) Validators(ctx context.Context) ([]Endpoint, error) {
	if p.watch.absent() {
		return nil, nil
	}
	return p.Directory.Validators(ctx)
}
