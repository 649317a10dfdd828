package exam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// wait is a model that could not be examined, though nothing is known against it: its weights cannot be had now, or this machine or its
// disk failed. It has no result, and is tried again.
type wait struct {
	reason string
	absent bool          // nobody gives its weights
	pause  time.Duration // until the next try
	until  time.Time
}

// longest bounds the pause between two tries of a model, and rarely that of one whose weights nobody gives: each try may fetch a large file
// that turns out to be another one. The pause begins with again and doubles.
const (
	longest = 64 * time.Second
	rarely  = 8 * time.Minute
)

// postpone lets a model wait, each time twice as long. What ctx, the store or another one's falsehood ended is no matter of the model.
func (c *Course) postpone(ctx context.Context, digest [32]byte, err error) {
	if ctx.Err() != nil || errors.Is(err, ErrStore) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w, now := c.waits[digest], c.clock()
	if w.until.After(now) { // of another tempo, tried at the same time
		return
	}
	most := longest
	if w.absent = errors.Is(err, ErrNotHere); w.absent {
		most = rarely
	}
	w.reason, w.pause = fmt.Sprintf("model %s: %v", short(digest), err), min(most, max(again, 2*w.pause))
	w.until = now.Add(w.pause)
	c.waits[digest] = w
}

// due are the jobs of models that need not wait now, and how many others there are.
func (c *Course) due(jobs []job) (now []job, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.clock()
	for _, j := range jobs {
		if c.waits[j.model.Digest].until.After(at) {
			waiting++
			continue
		}
		now = append(now, j)
	}
	return now, waiting
}

// keepWaits forgets models that no card names any more. The lock is held.
func (c *Course) keepWaits(models []Listed) {
	kept := map[[32]byte]wait{}
	for _, m := range models {
		if w, ok := c.waits[m.Digest]; ok {
			kept[m.Digest] = w
		}
	}
	c.waits = kept
}

// tellWaits adds the models that wait, and why the next of them does where the latest try says nothing. The lock is held.
func (c *Course) tellWaits(p *Progress) {
	var next wait
	for _, w := range c.waits {
		if w.absent {
			p.Absent++
		} else {
			p.Waiting++
		}
		if next.reason == "" || w.until.Before(next.until) {
			next = w
		}
	}
	p.LastError = cmp.Or(p.LastError, next.reason)
}
