package mux

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	unled      = time.Millisecond // for which nobody may lead, twice at most
	aloneAfter = 8                // times in a row that all that came was for one stream, and nobody else waited for anything, after which the keeper leaves
)

// lead is the right to read a session. Who leads reads for all. That is the keeper, unless again and again one reader of a stream is the
// only one who waits for anything, idle ones aside: then he reads for himself, which spares the waking of a goroutine, and often of a
// thread, for all that comes. When he has gone with it nobody leads until he comes back, another waits or, in two milliseconds, the keeper
// notices. Once something else comes the keeper leads again.
type lead struct {
	by atomic.Pointer[Stream] // whose reader leads; nil where it is the keeper, or nobody

	mu      sync.Mutex // guards what follows; no lock is taken under it
	keeper  sync.Cond  // there may be reason for him to lead
	taken   bool       // somebody leads
	over    bool       // everything is read
	due     bool       // the keeper is to lead: nobody has for too long, or he reads for more than one
	waiting int        // readers who neither lead nor are idle
	turns   int        // of leading so far
	ticker  *time.Timer
	ticking bool // it is set
	seen    int  // turns when it was
}

func (l *lead) begin() {
	l.keeper.L, l.due = &l.mu, true
	l.ticker = time.AfterFunc(time.Hour, l.tick)
	l.ticker.Stop()
}

// take takes the lead for a stream's reader, if nobody has it or waits. It is called with the stream's lock held.
func (l *lead) take(st *Stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken || l.over || l.due || l.waiting > 0 {
		return false
	}
	l.taken = true
	l.turns++
	l.by.Store(st)
	return true
}

// turn waits until the keeper is to lead. False says that everything is read.
func (l *lead) turn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.over && (l.taken || l.waiting == 0 && !l.due) {
		l.keeper.Wait()
	}
	l.taken, l.due = !l.over, false
	l.turns++
	return l.taken
}

// leave gives the lead back.
func (l *lead) leave(over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by.Store(nil)
	l.taken, l.over = false, over
	if over || l.due || l.waiting > 0 {
		l.keeper.Signal()
	}
	if !over && !l.ticking {
		l.watch()
	}
}

// watch looks after a while whether somebody leads. It is called with mu held.
func (l *lead) watch() {
	l.ticking, l.seen = true, l.turns
	l.ticker.Reset(unled)
}

func (l *lead) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ticking = false
	switch {
	case l.taken || l.over:
	case l.turns != l.seen:
		l.watch()
	default:
		l.due = true
		l.keeper.Signal()
	}
}

// await notes that n more readers wait, and returns how many do.
func (l *lead) await(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting += n
	if n > 0 && !l.taken {
		l.keeper.Signal()
	}
	return l.waiting
}

// share lets the keeper lead once who leads has left.
func (l *lead) share() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = true
}

// keep reads the session whenever nobody else does, to its end.
func (s *Session) keep() {
	for s.lead.turn() {
		s.read()
	}
	s.end(s.in.ended)
}

// leaves says whether who leads is to leave, as bytes have come for st: its reader with them, and the keeper where he is not needed.
func (s *Session) leaves(st *Stream, others int) bool {
	now := s.heard.Load()
	soon := now-s.in.last < int64(unled)
	if s.in.alone++; st != s.in.latest || others > 0 || !soon {
		s.in.alone = 0
	}
	s.in.last, s.in.latest = now, st
	switch s.lead.by.Load() {
	case st:
		return true
	case nil:
		return s.in.alone >= aloneAfter
	}
	s.lead.share()
	return false
}
