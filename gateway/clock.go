package gateway

import (
	"sync/atomic"
	"time"
)

// clock tells the time by which keys end: the latest of this machine's, of the database that gateways share and of the chain's last
// block. So a gateway whose own clock is late honours no key beyond its end; one whose clock is early ends keys early.
type clock struct {
	own          func() time.Time // this machine's; nil is time.Now
	store, chain atomic.Pointer[reading]
}

// reading is what another clock said, and when; what has passed since is measured by what no setting of the clock moves.
type reading struct{ said, at time.Time }

// hear takes what another clock says in the place of what it said before. at is this machine's time before it was asked.
func hear(of *atomic.Pointer[reading], said, at time.Time) {
	if !said.IsZero() {
		of.Store(&reading{said, at})
	}
}

// now is the time by which keys end.
func (c *clock) now() time.Time {
	now := time.Now()
	latest := now
	if c.own != nil {
		latest = c.own()
	}
	for _, r := range [...]*reading{c.store.Load(), c.chain.Load()} {
		if r == nil {
			continue
		}
		if there := r.said.Add(now.Sub(r.at)); there.After(latest) {
			latest = there
		}
	}
	return latest
}
