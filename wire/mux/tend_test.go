package mux

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASilentPeerEndsTheSession(t *testing.T) {
	checkNoLeak(t)
	began := time.Now()
	s, x := meet(t, Config{KeepAlive: 50 * time.Millisecond, WriteTimeout: 150 * time.Millisecond})
	go func() { // it reads, and says nothing
		for {
			if _, _, err := x.hear(); err != nil {
				return
			}
		}
	}()
	within(t, "the session ends", func() { <-s.Done() })
	require.ErrorIs(t, s.reason(), ErrKeepAlive)
	require.GreaterOrEqual(t, time.Since(began), 150*time.Millisecond)
}

func TestAPeerThatAnswersIsKept(t *testing.T) {
	a, b := ours(t, Config{KeepAlive: 20 * time.Millisecond, WriteTimeout: 500 * time.Millisecond})
	select {
	case <-a.Done():
		t.Fatal(a.reason())
	case <-b.Done():
		t.Fatal(b.reason())
	case <-time.After(300 * time.Millisecond):
	}
	require.Positive(t, a.rtt.Load())
	require.Positive(t, b.rtt.Load())
}

// The library asks and answers in the same way.
func TestTheLibraryAnswersAndIsAnswered(t *testing.T) {
	a, out, b, _ := secured(t)
	s := Client(a, out, Config{KeepAlive: 20 * time.Millisecond, WriteTimeout: time.Second})
	t.Cleanup(func() { s.Close() })
	other := library(t, b, false)
	rtt, err := other.Ping()
	require.NoError(t, err)
	require.Positive(t, rtt)
	select {
	case <-s.Done():
		t.Fatal(s.reason())
	case <-time.After(300 * time.Millisecond):
	}
	require.Positive(t, s.rtt.Load())
}

// An answer to another question, or to none, is no answer.
func TestAnswersToOtherQuestionsDoNotCount(t *testing.T) {
	s, x := meet(t, Config{KeepAlive: 50 * time.Millisecond, WriteTimeout: 200 * time.Millisecond})
	go func() {
		for {
			x.SetWriteDeadline(time.Now().Add(patience))
			pong := frame(kindPing, flagACK, 0, 12345)
			if _, err := x.Write(pong[:]); err != nil {
				return
			}
			time.Sleep(70 * time.Millisecond)
		}
	}()
	within(t, "the session ends", func() { <-s.Done() })
	require.ErrorIs(t, s.reason(), ErrKeepAlive)
}
