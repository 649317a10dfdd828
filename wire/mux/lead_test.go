package mux

import (
	"bytes"
	"context"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leader is whose reader leads, and whether anybody does.
func (l *lead) leader() (st *Stream, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.by.Load(), l.taken
}

// unread is a session that nobody reads, after a stream's only reader has taken what came, again and again.
func unread(t testing.TB, c Config) (s *Session, st *Stream, x stranger) {
	t.Helper()
	c.MaxIncoming = 1000
	s, x = meet(t, c)
	x.say(open(1), frame(kindPing, flagACK, 0, 0)) // whether it is there is asked first
	st, err := s.AcceptStream()
	require.NoError(t, err)
	eventually(t, func() bool { return s.rtt.Load() > 0 })
	leaves(t, s, st, x)
	return s, st, x
}

// leaves lets bytes come one by one until nobody leads.
func leaves(t testing.TB, s *Session, st *Stream, x stranger) {
	t.Helper()
	eventually(t, func() bool {
		for range 2 * aloneAfter {
			x.say(frame(kindData, 0, st.id, 1), []byte("x"))
			_, err := io.ReadFull(st, make([]byte, 1))
			require.NoError(t, err)
		}
		_, taken := s.lead.leader()
		return !taken
	})
}

// leading is a session that its only stream's reader reads; read is what he returns.
func leading(t testing.TB, c Config) (s *Session, st *Stream, x stranger, read chan error) {
	t.Helper()
	s, st, x = unread(t, c)
	read = make(chan error, 1)
	for {
		go func() { _, err := st.Read(make([]byte, 100)); read <- err }()
		led := false
		eventually(t, func() bool {
			by, taken := s.lead.leader()
			led = by == st
			return taken
		})
		if led {
			return s, st, x, read
		}
		x.say(frame(kindData, 0, st.id, 1), []byte("x")) // the keeper was first
		require.NoError(t, <-read)
		leaves(t, s, st, x)
	}
}

func TestALoneReaderReadsForHimself(t *testing.T) {
	checkNoLeak(t)
	s, st, x, read := leading(t, Config{})
	x.say(frame(kindData, 0, 1, 2), []byte("h"))
	within(t, "what has come of a frame is there at once", func() { require.NoError(t, <-read) })
	require.Nil(t, s.lead.by.Load())
	x.say([]byte("i"))
	within(t, "the rest follows", func() { _, err := io.ReadFull(st, make([]byte, 1)); require.NoError(t, err) })
}

// However it ends, who waits is told why, as when the keeper leads.
func TestALoneReaderIsFreed(t *testing.T) {
	for name, free := range map[string]struct {
		by  func(s *Session, st *Stream, x stranger)
		err error
	}{
		"by a reset":                {func(_ *Session, st *Stream, _ stranger) { st.Reset() }, ErrReset},
		"by closing":                {func(_ *Session, st *Stream, _ stranger) { st.Close() }, net.ErrClosed},
		"by a deadline":             {func(_ *Session, st *Stream, _ stranger) { _ = st.SetDeadline(time.Now().Add(20 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		"by one in the past":        {func(_ *Session, st *Stream, _ stranger) { _ = st.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"by the session's end":      {func(s *Session, _ *Stream, _ stranger) { s.Close() }, net.ErrClosed},
		"by its end with a code":    {func(s *Session, _ *Stream, _ stranger) { s.CloseWithError(7) }, &GoAway{Code: 7}},
		"by the other end's reset":  {func(_ *Session, _ *Stream, x stranger) { x.say(frame(kindWindow, flagRST, 1, 0)) }, ErrReset},
		"by the other end's end":    {func(_ *Session, _ *Stream, x stranger) { x.say(frame(kindData, flagFIN, 1, 0)) }, io.EOF},
		"by its word":               {func(_ *Session, _ *Stream, x stranger) { x.say(frame(kindGoAway, 0, 0, 9)) }, &GoAway{Code: 9, Remote: true}},
		"by its going":              {func(_ *Session, _ *Stream, x stranger) { hangUp(x) }, io.EOF},
		"in the middle of a header": {func(_ *Session, _ *Stream, x stranger) { x.say([]byte{version, kindData}); hangUp(x) }, io.ErrUnexpectedEOF},
		"by what breaks the rules":  {func(_ *Session, _ *Stream, x stranger) { x.say(frame(9, 0, 0, 0)) }, ErrProtocol},
		"by silence":                {nil, ErrKeepAlive},
	} {
		t.Run(name, func(t *testing.T) {
			checkNoLeak(t)
			c := Config{}
			if free.by == nil {
				c = Config{KeepAlive: 200 * time.Millisecond, WriteTimeout: 50 * time.Millisecond}
			}
			s, st, x, read := leading(t, c)
			if free.by != nil {
				free.by(s, st, x)
			}
			within(t, "the reader returns", func() {
				err := <-read
				if away, ok := free.err.(*GoAway); ok {
					require.Equal(t, away, err)
				} else {
					require.ErrorIs(t, err, free.err)
				}
			})
			require.Zero(t, s.lead.await(0), "nobody is thought to wait still")
		})
	}
}

// hangUp ends what a stranger says.
func hangUp(x stranger) { _ = x.Conn.(*net.TCPConn).CloseWrite() }

// Streams that wait for nothing soon are as none, and what comes for them comes.
func TestAnIdleReaderLeavesTheLeadToAnother(t *testing.T) {
	checkNoLeak(t)
	s, st, x, read := leading(t, Config{})
	idle := make(chan error, 5)
	for id := uint32(3); id <= 11; id += 2 {
		x.say(open(id))
		other, err := s.AcceptStream()
		require.NoError(t, err)
		go func() { idle <- other.Await() }()
	}
	x.say(frame(kindData, 0, 1, 1), []byte("x"))
	within(t, "his own comes", func() { require.NoError(t, <-read) })
	leaves(t, s, st, x)
	for id := uint32(3); id <= 11; id += 2 {
		x.say(frame(kindData, 0, id, 1), []byte("x"))
		within(t, "theirs comes, though nobody leads", func() { require.NoError(t, <-idle) })
	}
	eventually(t, func() bool { by, taken := s.lead.leader(); return taken && by == nil }) // as it is not one stream's alone any more
}

// One that waits idly is freed as any other.
func TestAnIdleReaderIsFreed(t *testing.T) {
	checkNoLeak(t)
	s, x := meet(t, Config{MaxIncoming: 10})
	for i, free := range []struct {
		by  func(st *Stream)
		err error
	}{
		{func(st *Stream) { x.say(frame(kindData, 0, st.id, 1), []byte("x")) }, nil},
		{func(st *Stream) { x.say(frame(kindData, flagFIN, st.id, 0)) }, io.EOF},
		{(*Stream).Reset, ErrReset},
		{func(st *Stream) { _ = st.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		{func(*Stream) { s.Close() }, net.ErrClosed},
	} {
		x.say(open(uint32(2*i + 1)))
		st, err := s.AcceptStream()
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- st.Await() }()
		free.by(st)
		within(t, "it returns", func() { require.ErrorIs(t, <-done, free.err) })
	}
}

// Who leads reads for all.
func TestALoneReaderReadsForOthers(t *testing.T) {
	checkNoLeak(t)
	s, st, x, read := leading(t, Config{})
	x.settle() // it is answered
	x.say(open(3))
	other, err := s.AcceptStream()
	require.NoError(t, err)
	wrote := make(chan error, 1)
	go func() { _, err := other.Write(make([]byte, window+1)); wrote <- err }()
	for got := 0; got < window; {
		_, payload, err := x.hear()
		require.NoError(t, err)
		got += len(payload)
	}
	x.say(frame(kindWindow, 0, 3, 1))
	within(t, "the window opens", func() { require.NoError(t, <-wrote) })
	go func() { _, err := other.Read(make([]byte, 1)); wrote <- err }()
	x.say(frame(kindData, 0, 3, 1), []byte("x"))
	within(t, "the other one's comes", func() { require.NoError(t, <-wrote) })
	by, _ := s.lead.leader()
	require.Equal(t, st, by)

	go func() { _, err := other.Read(make([]byte, 1)); wrote <- err }()
	eventually(t, func() bool { s.lead.mu.Lock(); defer s.lead.mu.Unlock(); return s.lead.waiting > 0 })
	x.say(frame(kindData, 0, 1, 1), []byte("x"))
	within(t, "his own comes", func() { require.NoError(t, <-read) })
	eventually(t, func() bool { by, taken := s.lead.leader(); return taken && by == nil }) // he has left, and the other one still waits
	x.say(frame(kindData, 0, 3, 1), []byte("x"))
	within(t, "the other one's still comes", func() { require.NoError(t, <-wrote) })
}

// While the only reader is away with what he read, somebody still notices all that comes.
func TestASessionIsNotLeftUnread(t *testing.T) {
	for name, notices := range map[string]func(t *testing.T, s *Session, st *Stream, x stranger){
		"a question": func(_ *testing.T, _ *Session, _ *Stream, x stranger) { x.settle() },
		"a new stream": func(t *testing.T, s *Session, _ *Stream, x stranger) {
			x.say(open(3))
			_, err := s.AcceptStream()
			require.NoError(t, err)
		},
		"a reset": func(t *testing.T, _ *Session, st *Stream, x stranger) {
			x.say(frame(kindWindow, flagRST, 1, 0))
			eventually(t, func() bool { _, err := st.writable(); return err != nil })
		},
		"the end":           func(_ *testing.T, s *Session, _ *Stream, x stranger) { x.Close(); <-s.Done() },
		"that it ends":      func(_ *testing.T, s *Session, _ *Stream, _ stranger) { s.Close() },
		"a reader's answer": func(t *testing.T, _ *Session, st *Stream, x stranger) { returns(t, st, x) },
		"one with a deadline": func(t *testing.T, _ *Session, st *Stream, x stranger) {
			_ = st.SetDeadline(time.Now().Add(patience))
			returns(t, st, x)
		},
		"a window": func(t *testing.T, _ *Session, st *Stream, x stranger) {
			wrote := make(chan error, 1)
			go func() { _, err := st.Write(make([]byte, window+1)); wrote <- err }()
			go func() { _, _ = io.Copy(io.Discard, x) }() // ends with the test
			x.say(frame(kindWindow, 0, 1, 1))
			require.NoError(t, <-wrote)
		},
		"an acknowledgement": func(t *testing.T, s *Session, _ *Stream, x stranger) {
			go func() { _, _ = io.Copy(io.Discard, x) }() // as above
			for range backlog {
				_, err := s.OpenStream(t.Context())
				require.NoError(t, err)
			}
			opened := make(chan error, 1)
			go func() { _, err := s.OpenStream(t.Context()); opened <- err }()
			x.say(frame(kindWindow, flagACK, 2, 0))
			require.NoError(t, <-opened)
		},
	} {
		t.Run(name, func(t *testing.T) {
			checkNoLeak(t)
			s, st, x := unread(t, Config{})
			within(t, name, func() { notices(t, s, st, x) })
		})
	}
}

func returns(t *testing.T, st *Stream, x stranger) {
	x.say(frame(kindData, 0, 1, 2), []byte("hi"))
	_, err := io.ReadFull(st, make([]byte, 2))
	require.NoError(t, err)
}

// What has come of a frame is there at once, and what follows belongs to it, whoever reads it.
func TestALeadChangesHandsInTheMiddleOfAFrame(t *testing.T) {
	checkNoLeak(t)
	_, st, x := unread(t, Config{})
	h, sent := frame(kindData, 0, 1, 6), []byte("abcdef")
	for _, piece := range [][]byte{h[:5], append(h[5:len(h):len(h)], sent[:2]...), sent[2:4]} {
		x.say(piece)
		time.Sleep(10 * unled) // the keeper comes
	}
	got := make([]byte, 6)
	n, err := st.Read(got)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	x.say(sent[4:])
	_, err = io.ReadFull(st, got[n:])
	require.NoError(t, err)
	require.Equal(t, sent, got)
	x.settle()
}

// Nobody who waits and no time lost may leave a session unread for good.
func TestTheKeeperComesBack(t *testing.T) {
	var l lead
	l.begin()
	require.True(t, l.turn())
	l.leave(false)
	st := new(Stream)
	require.True(t, l.take(st))
	require.False(t, l.take(st), "it is taken")
	require.Equal(t, 1, l.await(1))
	l.leave(false) // as somebody waits, the keeper is woken
	require.False(t, l.take(st), "who waits is first")
	require.Zero(t, l.await(-1)) // who does no more when the keeper looks
	within(t, "it is his turn", func() { require.True(t, l.turn()) })
	l.leave(true)
	require.False(t, l.turn())
	require.False(t, l.take(st))
}

// Streams talk to an echo, in turns and together, with pauses, resets and deadlines: all comes as it was sent, whoever leads.
func TestTheLeadChangesHandsUnderTraffic(t *testing.T) {
	checkNoLeak(t)
	a, b := ours(t, Config{MaxIncoming: 1000})
	go echo(endOfOurs(b))
	var all sync.WaitGroup
	failed := make(chan error, 3)
	for seed := range uint64(3) {
		all.Go(func() {
			r := mrand.New(mrand.NewPCG(seed, 3))
			for range 40 {
				if err := chat(a, r); err != nil {
					failed <- fmt.Errorf("seed %d: %w", seed, err)
					return
				}
				time.Sleep(time.Duration(r.IntN(int(20 * unled))))
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// chat says some things to an echo over a stream of its own, and ends it in one of several ways.
func chat(s *Session, r *mrand.Rand) error {
	st, err := s.OpenStream(context.Background())
	if err != nil {
		return err
	}
	defer st.Close()
	for range r.IntN(60) {
		sent := bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(1<<r.IntN(16)))
		wrote := make(chan error, 1)
		go func() { _, err := st.Write(sent); wrote <- err }()
		if r.IntN(4) == 0 {
			_ = st.SetReadDeadline(time.Now().Add(patience))
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(st, got); err != nil {
			return err
		}
		if err := <-wrote; err != nil {
			return err
		}
		if !bytes.Equal(sent, got) {
			return fmt.Errorf("of %d bytes others came back", len(sent))
		}
		_ = st.SetReadDeadline(time.Time{})
		if r.IntN(8) == 0 {
			time.Sleep(time.Duration(r.IntN(int(3 * unled))))
		}
	}
	if r.IntN(2) == 0 {
		return nil
	}
	time.AfterFunc(time.Duration(r.IntN(int(unled))), st.Reset)
	if _, err = st.Read(make([]byte, 1)); err != ErrReset {
		return fmt.Errorf("a reset read says %w", err)
	}
	return nil
}

// Who begins to wait calls the keeper, who need not wait for his timer: here it is stopped.
func TestTheKeeperIsCalledByWhoWaits(t *testing.T) {
	var l lead
	l.begin()
	require.True(t, l.turn())
	l.leave(false)
	l.ticker.Stop()
	turn := make(chan bool, 1)
	waits := func() {
		go func() { turn <- l.turn() }()
		time.Sleep(10 * unled) // he sleeps
	}
	waits()
	l.await(1)
	within(t, "nobody leads", func() { require.True(t, <-turn) })
	l.await(-1)
	l.leave(false)
	require.True(t, l.take(new(Stream)))
	waits()
	l.await(1)
	l.leave(false)
	within(t, "a reader has led", func() { require.True(t, <-turn) })
}

// A call ends one read, and leaves the deadline of reads as it was set, before it or meanwhile.
func TestACallLeavesTheDeadlineOfReads(t *testing.T) {
	x, _ := sockets(t)
	out := NewOutlet(x)
	read := func() error { _, err := out.Read(make([]byte, 1)); return err }
	out.call()
	require.NoError(t, out.SetReadDeadline(time.Now().Add(time.Hour)))
	within(t, "it is called", func() { require.ErrorIs(t, read(), os.ErrDeadlineExceeded) })
	require.True(t, out.called())
	require.NoError(t, out.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	out.call()
	require.ErrorIs(t, read(), os.ErrDeadlineExceeded)
	require.True(t, out.called())
	within(t, "its own deadline passes", func() { require.ErrorIs(t, read(), os.ErrDeadlineExceeded) })
	require.False(t, out.called())
}
