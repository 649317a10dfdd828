package batch

import (
	"errors"
	"testing"
	"time"

	"agora/engine/native/model"
)

// stepped writes tokens, and says so and waits before each.
type stepped struct {
	greedy
	at, next chan struct{}
}

func newStepped() *stepped { return &stepped{at: make(chan struct{}), next: make(chan struct{})} }

func (s *stepped) Choose(position int, logits []float32) (int32, bool) {
	s.at <- struct{}{}
	<-s.next
	return s.greedy.Choose(position, logits)
}

// Of a prompt that is being read nothing is read after the pass in which it was given up: not a step more than one pass, which
// lasts as long as TestAPassLastsAsLongAsSomebodyShouldWait says.
func TestACancelledPromptIsReadNoFurther(t *testing.T) {
	b := New(small(t), Options{Slots: 2})
	defer b.Close()
	beside := newStepped()
	other := start(t, b, prompt(4, 1), 400, beside)
	<-beside.at
	long := start(t, b, prompt(400, 2), 3, &greedy{})
	for read := 0; read == 0; { // until a pass has read some of it
		beside.next <- struct{}{}
		<-beside.at
		read = len(long.read)
	}
	before := len(long.read)
	long.Cancel()
	beside.next <- struct{}{}
	<-beside.at
	select {
	case <-long.Done():
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
	if more := len(long.read) - before; !errors.Is(long.Err(), ErrCanceled) || more > model.MaxPass || len(long.read) == 400 {
		t.Errorf("%d tokens were read after it, %v", more, long.Err())
	}
	other.Cancel()
	beside.next <- struct{}{}
	wait(t, other)
}

// Of an answer that is being written no token is chosen after the one that was being chosen.
func TestACancelledAnswerIsWrittenNoFurther(t *testing.T) {
	b := New(small(t), Options{Slots: 1})
	defer b.Close()
	w := newStepped()
	j := start(t, b, prompt(4, 1), 400, w)
	for range 3 {
		<-w.at
		w.next <- struct{}{}
	}
	<-w.at
	j.Cancel()
	w.next <- struct{}{}
	wait(t, j)
	if len(w.ids) != 4 || !errors.Is(j.Err(), ErrCanceled) {
		t.Errorf("%d tokens, %v", len(w.ids), j.Err())
	}
}

// Whatever a token costs, a pass takes as many as last 50 ms together, or the fewest there are.
func TestAPassLastsAsLongAsSomebodyShouldWait(t *testing.T) {
	for _, each := range []time.Duration{10 * time.Microsecond, 400 * time.Microsecond, 2 * time.Millisecond, 5 * time.Millisecond} {
		p := pace{perPass: firstPass}
		for range 50 {
			p.took(p.perPass, time.Duration(p.perPass)*each)
		}
		if last := time.Duration(p.perPass) * each; last > 50*time.Millisecond || p.perPass > model.MaxPass || p.perPass < 8 {
			t.Errorf("a token of %v: %d in a pass, %v", each, p.perPass, last)
		}
	}
}
