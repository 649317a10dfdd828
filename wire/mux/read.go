package mux

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// end ends the session for what ended its reading: the other end's word before all, then what kept this end from writing.
func (s *Session) end(err error) {
	code := uint32(codeNormal)
	if errors.Is(err, ErrProtocol) {
		code = codeProtocol
	}
	var away *GoAway
	if failed := s.w.failed(); failed != nil && !errors.As(err, &away) {
		err = failed
	}
	s.finish(err, code)
}

// receive reads frames until the connection or the session ends, and says why. It never waits for the other end to read.
func (s *Session) receive() error {
	var h header
	for {
		if _, err := io.ReadFull(s.conn, h[:]); err != nil {
			return err
		}
		s.heard.Store(int64(time.Since(s.began)))
		if err := s.handle(&h); err != nil {
			return err
		}
	}
}

func (s *Session) handle(h *header) error {
	if h[0] != version {
		return fmt.Errorf("%w: version %d", ErrProtocol, h[0])
	}
	switch h[1] {
	case kindData:
		return s.data(h)
	case kindWindow:
		return s.more(h)
	case kindPing:
		s.ping(h)
		return nil
	case kindGoAway:
		return &GoAway{Code: h.length(), Remote: true}
	}
	return fmt.Errorf("%w: a frame of kind %d", ErrProtocol, h[1])
}

// data takes a frame's payload into its stream.
func (s *Session) data(h *header) error {
	st, err := s.addressed(h)
	if err != nil {
		return err
	}
	n := int(h.length())
	if st == nil {
		if n > maxWindow {
			return fmt.Errorf("%w: %d bytes for stream %d, which is not open", ErrProtocol, n, h.stream())
		}
		return s.discard(n)
	}
	if !st.spend(n) {
		return fmt.Errorf("%w: %d bytes for stream %d are more than its window", ErrProtocol, n, st.id)
	}
	if err := s.payload(st, n); err != nil {
		return err
	}
	st.flags(h)
	return nil
}

// payload reads n bytes for a stream.
func (s *Session) payload(st *Stream, n int) error {
	for n > 0 {
		c := takeChunk(n)
		m, err := s.conn.Read(c.b[:min(n, len(c.b))])
		n -= m
		st.deliver(c, m)
		if err != nil && n > 0 {
			return unexpected(err)
		}
	}
	return nil
}

// discard reads what nobody waits for any more: a stream's last bytes may be under way when it ends.
func (s *Session) discard(n int) error {
	_, err := io.CopyN(io.Discard, s.conn, int64(n))
	return unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// more takes a window update.
func (s *Session) more(h *header) error {
	st, err := s.addressed(h)
	if err != nil || st == nil {
		return err
	}
	if !h.has(flagRST) && !st.enlarge(h.length()) { // with a reset the length is a code
		return fmt.Errorf("%w: a window beyond all of stream %d", ErrProtocol, st.id)
	}
	st.flags(h)
	return nil
}

// addressed is the stream that a frame is for, which may be new; nil where there is none, or none any more.
func (s *Session) addressed(h *header) (*Stream, error) {
	id := h.stream()
	s.mu.Lock()
	st := s.streams[id]
	s.mu.Unlock()
	if !h.has(flagSYN) {
		return st, nil
	}
	if st != nil || id == 0 || !s.theirs(id) {
		return nil, fmt.Errorf("%w: stream %d cannot be opened", ErrProtocol, id)
	}
	st = s.admit(id)
	if st == nil {
		_ = s.w.control(frame(kindWindow, flagRST, id, 0)) // a session that cannot write ends
	}
	return st, nil
}

// admit takes a stream that the other end opens, if there is room for it.
func (s *Session) admit(id uint32) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || s.incoming >= s.MaxIncoming {
		return nil
	}
	st := newStream(s, id)
	select {
	case s.accepted <- st:
		s.incoming++
		s.streams[id] = st
		return st
	default:
		return nil
	}
}
