package mux

import "time"

// remeasure is how often the round trip is measured.
const remeasure = 30 * time.Second

// tend asks the other end whether it is there when it has been silent, and measures the round trip, until the session ends.
func (s *Session) tend() {
	var measured time.Time
	for name := uint32(0); ; name++ {
		silent := time.Since(s.began)-time.Duration(s.heard.Load()) >= s.KeepAlive
		if silent || time.Since(measured) >= remeasure {
			if !s.measure(name) && silent {
				s.finish(ErrKeepAlive, codeNormal)
				return
			}
			measured = time.Now()
		}
		heard := s.began.Add(time.Duration(s.heard.Load()))
		if !s.sleep(min(time.Until(heard.Add(s.KeepAlive)), time.Until(measured.Add(remeasure)))) {
			return
		}
	}
}

// measure asks and says whether an answer came in time.
func (s *Session) measure(name uint32) bool {
	asked := time.Now()
	_ = s.w.control(frame(kindPing, flagSYN, 0, name)) // a session that cannot write ends
	late := time.NewTimer(s.WriteTimeout)
	defer late.Stop()
	for {
		select {
		case pong := <-s.pongs:
			if pong != name {
				continue
			}
			rtt := int64(time.Since(asked))
			if last := s.rtt.Load(); last > 0 {
				rtt = last/2 + rtt/2
			}
			s.rtt.Store(max(rtt, 1))
			return true
		case <-late.C:
			return false
		case <-s.done:
			return false
		}
	}
}

func (s *Session) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}

// ping answers a ping, or takes an answer. Where as much waits to be sent as may, it is not answered, so that pings cost no memory.
func (s *Session) ping(h *header) {
	if h.has(flagSYN) {
		s.w.pong(h.length())
		return
	}
	select {
	case s.pongs <- h.length():
	default: // nobody asked, or it comes twice
	}
}
