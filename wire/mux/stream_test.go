package mux

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-yamux/v5"
	"github.com/stretchr/testify/require"
)

// pair opens a stream and accepts it.
func pair(t testing.TB, opens, accepts end) (a, b stream) {
	t.Helper()
	a, err := opens.open()
	require.NoError(t, err)
	b, err = accepts.accept()
	require.NoError(t, err)
	return a, b
}

// within runs f and fails where it takes longer than patience.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
	}
}

func TestHalfClosedStreamsCarryTheOtherWay(t *testing.T) {
	eachPairing(t, Config{MaxIncoming: 1000}, func(t *testing.T, opens, accepts end) {
		a, b := pair(t, opens, accepts)
		_, err := a.Write([]byte("question"))
		require.NoError(t, err)
		require.NoError(t, a.CloseWrite())
		_, err = a.Write([]byte("more"))
		require.Error(t, err)
		got, err := io.ReadAll(b)
		require.NoError(t, err)
		require.Equal(t, "question", string(got))
		_, err = b.Write([]byte("answer"))
		require.NoError(t, err)
		require.NoError(t, b.Close())
		got, err = io.ReadAll(a)
		require.NoError(t, err)
		require.Equal(t, "answer", string(got))
	})
}

func TestAResetEndsTheOtherEnd(t *testing.T) {
	eachPairing(t, Config{MaxIncoming: 1000}, func(t *testing.T, opens, accepts end) {
		for _, opener := range []bool{true, false} {
			a, b := pair(t, opens, accepts)
			if !opener {
				a, b = b, a
			}
			_, err := a.Write([]byte("lost"))
			require.NoError(t, err)
			reset(a)
			within(t, "reading ends", func() {
				_, err = io.ReadAll(b)
				require.Error(t, err)
			})
			_, err = b.Write([]byte("x"))
			require.Error(t, err)
			_, err = a.Read(make([]byte, 1))
			require.Error(t, err)
		}
	})
}

func reset(st stream) {
	switch st := st.(type) {
	case *Stream:
		st.Reset()
	case *yamux.Stream:
		_ = st.Reset()
	}
}

func TestACodeIsHeardAtTheOtherEnd(t *testing.T) {
	eachPairing(t, Config{MaxIncoming: 1000}, func(t *testing.T, opens, accepts end) {
		a, b := pair(t, opens, accepts)
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
		_, err = a.Read(make([]byte, 1))
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond) // nothing is under way: what an end has not read when it closes takes its last word along
		opens.close(0x10)
		_, err = accepts.accept()
		require.Equal(t, uint32(0x10), remoteCode(err), "%v", err)
		within(t, "its streams end", func() {
			_, err = b.Read(make([]byte, 1))
			require.Error(t, err)
			_, err = a.Read(make([]byte, 1))
			require.Error(t, err)
		})
	})
}

func remoteCode(err error) uint32 {
	var ours *GoAway
	var theirs *yamux.GoAwayError
	switch {
	case errors.As(err, &ours) && ours.Remote:
		return ours.Code
	case errors.As(err, &theirs) && theirs.Remote:
		return theirs.ErrorCode
	}
	return 0
}

func TestAWriterWaitsForTheOtherEndToRead(t *testing.T) {
	eachPairing(t, Config{MaxIncoming: 1000}, func(t *testing.T, opens, accepts end) {
		a, b := pair(t, opens, accepts)
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		n, err := a.Write(make([]byte, 2*window))
		require.Equal(t, window, n)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())

		require.NoError(t, a.SetWriteDeadline(time.Time{}))
		wrote := make(chan error, 1)
		go func() { _, err := a.Write(make([]byte, window)); wrote <- err }()
		_, err = io.ReadFull(b, make([]byte, 2*window))
		require.NoError(t, err)
		require.NoError(t, <-wrote)
	})
}

func TestStreamsBeyondTheLimitAreReset(t *testing.T) {
	eachPairing(t, Config{MaxIncoming: 2}, func(t *testing.T, opens, accepts end) {
		if _, library := first(accepts.open()).(*yamux.Stream); library {
			t.Skip("the library's limit is the library's")
		}
		a, b := pair(t, opens, accepts)
		pair(t, opens, accepts)
		third, err := opens.open()
		require.NoError(t, err)
		within(t, "the third is reset", func() {
			_, err = third.Read(make([]byte, 1))
			require.Error(t, err)
		})
		a.Close()
		b.Close()
		pair(t, opens, accepts)
	})
}

func first(st stream, _ error) stream { return st }

func TestNoMoreAreOpenedThanMayWaitToBeAccepted(t *testing.T) {
	a, b := ours(t, Config{MaxIncoming: 1000})
	for range backlog {
		_, err := a.OpenStream(t.Context())
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := a.OpenStream(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	st, err := b.AcceptStream()
	require.NoError(t, err)
	within(t, "there is room for one more", func() {
		_, err = a.OpenStream(t.Context())
		require.NoError(t, err)
	})
	require.Equal(t, backlog+1, a.NumStreams())
	require.EqualValues(t, 1, st.StreamID())
}

// A stream that ends before it is accepted gives its place back.
func TestAStreamThatIsResetUnacceptedLeavesItsPlace(t *testing.T) {
	a, _ := ours(t, Config{MaxIncoming: 1000})
	for range 3 * backlog {
		st, err := a.OpenStream(t.Context())
		require.NoError(t, err)
		st.Reset()
	}
	require.Zero(t, a.NumStreams())
}

func TestDeadlinesEndAReadThatWaits(t *testing.T) {
	a, b := ours(t, Config{MaxIncoming: 1000})
	st, other := pair(t, endOfOurs(a), endOfOurs(b))
	require.NoError(t, st.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
	_, err := st.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = other.Write([]byte("x"))
	require.NoError(t, err)
	_, err = st.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it has passed for what has come too")
	require.NoError(t, st.SetReadDeadline(time.Now().Add(time.Hour)))
	_, err = st.Read(make([]byte, 1))
	require.NoError(t, err)

	done := make(chan error, 1)
	go func() { _, err := st.Read(make([]byte, 1)); done <- err }()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, st.SetReadDeadline(time.Unix(1, 0)))
	within(t, "one that is set meanwhile holds", func() { require.ErrorIs(t, <-done, os.ErrDeadlineExceeded) })
}

// A read into no room waits, too, so that its caller needs no buffer meanwhile.
func TestAReadOfNothingWaits(t *testing.T) {
	a, b := ours(t, Config{MaxIncoming: 1000})
	st, other := pair(t, endOfOurs(a), endOfOurs(b))
	require.NoError(t, st.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
	_, err := st.Read(nil)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, st.SetReadDeadline(time.Time{}))
	_, err = other.Write([]byte("x"))
	require.NoError(t, err)
	n, err := st.Read(nil)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestWindowsGrowWithTheRoundTrip(t *testing.T) {
	a, b := ours(t, Config{MaxIncoming: 1000})
	st, other := pair(t, endOfOurs(a), endOfOurs(b))
	eventually(t, func() bool { return b.rtt.Load() > 0 }) // it is measured once
	b.rtt.Store(int64(time.Hour))                          // as if each came from far
	go func() { _, _ = st.Write(make([]byte, 32<<20)) }()
	_, err := io.ReadFull(other, make([]byte, 32<<20))
	require.NoError(t, err)
	o := other.(*Stream)
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Equal(t, maxWindow, o.window)
	require.LessOrEqual(t, o.credit+o.unread, maxWindow)
}

func TestWindowsStayWhereTheRoundTripIsShort(t *testing.T) {
	a, b := ours(t, Config{MaxIncoming: 1000})
	st, other := pair(t, endOfOurs(a), endOfOurs(b))
	eventually(t, func() bool { return b.rtt.Load() > 0 }) // it is measured once
	b.rtt.Store(1)
	go func() { _, _ = st.Write(make([]byte, 4<<20)) }()
	_, err := io.ReadFull(other, make([]byte, 4<<20))
	require.NoError(t, err)
	require.Equal(t, window, other.(*Stream).window)
}

// Five thousand streams wait in a gateway: none holds memory for bytes while none wait.
func TestAnIdleStreamHoldsNoBuffer(t *testing.T) {
	a, b := ours(t, Config{MaxIncoming: 1000})
	st, other := pair(t, endOfOurs(a), endOfOurs(b))
	for _, n := range []int{1, 5000, 100_000} {
		go func() { _, _ = st.Write(make([]byte, n)) }()
		_, err := io.ReadFull(other, make([]byte, n))
		require.NoError(t, err)
	}
	require.Nil(t, other.(*Stream).got.first)
	for _, s := range []*Session{a, b} {
		eventually(t, func() bool { // the last word about a window may be on its way
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			return !s.w.writing && s.w.pending == nil && s.w.out.batch == nil && s.w.out.kept == nil
		})
	}
}

func TestTheEndOfASessionEndsAllThatWaits(t *testing.T) {
	checkNoLeak(t)
	for name, finish := range map[string]func(a, b *Session){
		"closed here":      func(a, _ *Session) { a.Close() },
		"closed there":     func(_, b *Session) { b.Close() },
		"with a code":      func(_, b *Session) { b.CloseWithError(0x12) },
		"connection broke": func(_, b *Session) { b.w.out.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := ours(t, Config{MaxIncoming: 1000})
			reads, _ := pair(t, endOfOurs(a), endOfOurs(b))
			writes, _ := pair(t, endOfOurs(a), endOfOurs(b))
			for range backlog {
				_, err := a.OpenStream(t.Context())
				require.NoError(t, err)
			}
			ended := make(chan error, 4)
			go func() { _, err := reads.Read(make([]byte, 1)); ended <- err }()
			go func() { _, err := writes.Write(make([]byte, 2*window)); ended <- err }()
			go func() { _, err := a.OpenStream(context.Background()); ended <- err }()
			go func() { _, err := a.AcceptStream(); ended <- err }()
			time.Sleep(20 * time.Millisecond)
			finish(a, b)
			for range 4 {
				within(t, "all end", func() { require.Error(t, <-ended) })
			}
			<-a.Done()
			_, err := a.OpenStream(t.Context())
			require.Error(t, err)
			require.Zero(t, a.NumStreams())
		})
	}
}
