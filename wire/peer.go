package wire

import (
	"context"
	"crypto/ed25519"
	"sync"
	"sync/atomic"
	"time"

	"agora/wire/mux"
)

// peer is one connected miner: its session and the streams that wait for the next request.
type peer struct {
	netuid   uint32
	key      ed25519.PublicKey
	session  *mux.Session
	since    time.Time
	opt      *Options
	inFlight atomic.Int64

	mu   sync.Mutex
	idle []*stream // oldest first; the newest is taken first, so that a quiet miner's streams run out of use
}

func (p *peer) describe() Peer {
	return Peer{NetUID: p.netuid, Key: p.key, Since: p.since, RemoteAddr: p.session.RemoteAddr().String(), InFlight: int(p.inFlight.Load())}
}

func (p *peer) place() place { return place{p.netuid, [ed25519.PublicKeySize]byte(p.key)} }

// end closes the session, saying why where the connection still carries a word.
func (p *peer) end(code uint32) {
	p.session.CloseWithError(code)
}

// take returns a waiting stream, or opens one, which costs no round trip.
func (p *peer) take(ctx context.Context) (s *stream, reused bool, err error) {
	if s := p.pop(); s != nil {
		return s, true, nil
	}
	s, err = p.fresh(ctx)
	return s, false, err
}

func (p *peer) fresh(ctx context.Context) (*stream, error) {
	conn, err := p.session.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return newStream(conn), nil
}

func (p *peer) pop() *stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	s := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return s
}

// put keeps a stream for the next request; where enough are waiting it is closed.
func (p *peer) put(s *stream) {
	s.since = time.Now()
	p.mu.Lock()
	room := len(p.idle) < p.opt.IdleStreams
	if room {
		p.idle = append(p.idle, s)
	}
	p.mu.Unlock()
	if !room {
		s.conn.Close()
	}
}

// expire closes the streams that have waited since before the given time.
func (p *peer) expire(before time.Time) {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && p.idle[n].since.Before(before) {
		n++
	}
	old := append([]*stream(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	clear(p.idle[len(p.idle):cap(p.idle)])
	p.mu.Unlock()
	for _, s := range old {
		s.conn.Close()
	}
}
