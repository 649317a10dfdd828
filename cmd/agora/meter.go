package main

import (
	"fmt"
	"io"
	"time"
)

// meterPause lies between two lines of a meter; what ends sooner says nothing.
const meterPause = 3 * time.Second

// meter tells how far something long is, a line every few seconds.
type meter struct {
	out         io.Writer
	began, last time.Time
}

func newMeter(out io.Writer) *meter {
	now := time.Now()
	return &meter{out: out, began: now, last: now}
}

func (m *meter) told(done, total int) {
	now := time.Now()
	if now.Sub(m.last) < meterPause || done == 0 || done == total {
		return
	}
	m.last = now
	spent := now.Sub(m.began)
	left := spent / time.Duration(done) * time.Duration(total-done)
	fmt.Fprintf(m.out, "%d of %d after %s, about %s left\n", done, total, spent.Round(time.Second), left.Round(time.Second))
}
