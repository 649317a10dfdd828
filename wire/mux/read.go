package mux

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// input is what is known of the frame that comes, and of those before it. It belongs to who leads.
type input struct {
	head header
	got  int     // bytes of head
	st   *Stream // whose payload comes; nil where nobody waits for it any more
	left int     // bytes of payload

	last   int64   // when a stream's bytes came last, as heard
	latest *Stream // whose they were
	alone  int     // times in a row that they were the same one's, and nobody else waited for anything
	ended  error   // why no more comes
}

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

// read reads frames for who leads, until he leaves: something has come for him, or he was called, or nothing more will come. It never waits
// for the other end to read.
func (s *Session) read() {
	leaves, err := false, error(nil)
	for !leaves && err == nil {
		leaves, err = s.part()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && s.w.out.called() {
		err = nil
	}
	s.in.ended = err
	s.lead.leave(err != nil)
}

// part reads what has come of a frame's head or payload, and says whether who leads is to leave.
func (s *Session) part() (leaves bool, err error) {
	if s.in.got < len(s.in.head) {
		return false, s.readHead()
	}
	c := takeChunk(s.in.left)
	n, err := s.conn.Read(c.b[:min(s.in.left, len(c.b))])
	if s.in.left -= n; s.in.left == 0 {
		err = nil // the next one finds it
	}
	return s.payload(c, n), unexpected(err)
}

func (s *Session) readHead() error {
	n, err := s.conn.Read(s.in.head[s.in.got:])
	if s.in.got += n; s.in.got == len(s.in.head) {
		s.heard.Store(int64(time.Since(s.began)))
		return s.handle(&s.in.head)
	}
	if s.in.got > 0 {
		err = unexpected(err)
	}
	return err
}

// handle takes a frame but for its payload.
func (s *Session) handle(h *header) error {
	if h[0] != version {
		return fmt.Errorf("%w: version %d", ErrProtocol, h[0])
	}
	if h[1] == kindData {
		return s.data(h)
	}
	s.in.got = 0
	switch h[1] {
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

// data lets a frame's payload come.
func (s *Session) data(h *header) error {
	st, err := s.addressed(h)
	if err != nil {
		return err
	}
	n := int(h.length())
	if st == nil && n > maxWindow {
		return fmt.Errorf("%w: %d bytes for stream %d, which is not open", ErrProtocol, n, h.stream())
	}
	if st != nil && !st.spend(n) {
		return fmt.Errorf("%w: %d bytes for stream %d are more than its window", ErrProtocol, n, st.id)
	}
	if s.in.st, s.in.left = st, n; n == 0 {
		s.ends()
	}
	return nil
}

// payload takes the first n bytes of a chunk for the frame's stream, where there is one: a stream's last bytes may be under way when it ends.
func (s *Session) payload(c *chunk, n int) (leaves bool) {
	if st := s.in.st; n == 0 || st == nil {
		c.give()
	} else if others, taken := st.deliver(c, n); taken {
		leaves = s.leaves(st, others)
	}
	if s.in.left == 0 {
		s.ends()
	}
	return leaves
}

// ends ends the frame whose payload has come.
func (s *Session) ends() {
	s.in.got = 0
	if s.in.st != nil {
		s.in.st.flags(&s.in.head)
		s.in.st = nil
	}
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
