package batch

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"agora/engine/native/model"
	"agora/engine/native/store"
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

// Who is given up while a pass runs has ended before the pass has, and the others write on as if alone.
func TestACancelledAnswerLeavesThePassThatRuns(t *testing.T) {
	m := small(t)
	b := &Batcher{model: m, options: Options{}.withDefaults(), runner: m.NewRunner()}
	stays, leaves := &greedy{end: 5}, &greedy{}
	job := func(seed uint64, limit int, c Chooser) *Job {
		j := &Job{prompt: prompt(4, seed), limit: limit, chooser: c, canceled: make(chan struct{}), done: make(chan struct{})}
		b.begin(j)
		return j
	}
	one, other := job(1, 5, stays), job(2, 400, leaves)
	b.pass()
	inputs, jobs, _, _ := b.inputs()
	other.Cancel() // after the pass was drawn up
	logits, err := b.runner.Forward(inputs...)
	select {
	case <-other.Done():
	default:
		t.Fatal("it has not ended with the pass")
	}
	if err != nil || len(logits) != 1 || !errors.Is(other.Err(), ErrCanceled) {
		t.Fatalf("%d logits, %v, %v", len(logits), err, other.Err())
	}
	b.took(inputs, jobs, logits)
	for len(b.active) > 0 {
		b.pass()
	}
	wait(t, one)
	if len(leaves.ids) != 1 || !slices.Equal(stays.ids, alone(t, m, prompt(4, 1), 5)) || b.used != 0 {
		t.Errorf("%d tokens and %d bytes after it was given up, the other one wrote %v", len(leaves.ids), b.used, stays.ids)
	}
}

// Whatever a token costs, read or written, a pass lasts 50 ms at most, or has the fewest tokens there are.
func TestAPassLastsAsLongAsSomebodyShouldWait(t *testing.T) {
	for _, each := range []time.Duration{10 * time.Microsecond, 400 * time.Microsecond, 2 * time.Millisecond, 5 * time.Millisecond} {
		var p pace
		for range 50 {
			p.took(p.room(0), 0, time.Duration(p.room(0))*each)
		}
		if last := time.Duration(p.room(0)) * each; last > 50*time.Millisecond || p.room(0) > model.MaxPass || p.room(0) < 8 {
			t.Errorf("a token of %v: %d in a pass, %v", each, p.room(0), last)
		}
		for written := 1; written < 8; written++ {
			write := 40 * time.Millisecond / 8 // tokens that look back far, and cost more than those of prompts
			for i := range 200 {
				n := p.room(written)
				last := time.Duration(n)*each + time.Duration(written)*write
				if i > 20 && last > 50*time.Millisecond && n > 1 || n < 1 || n+written > model.MaxPass {
					t.Fatalf("%d written of %v beside prompts' of %v: %d of these in a pass, %v", written, write, each, n, last)
				}
				if i%3 == 0 {
					n = 0 // no prompt waits
				}
				p.took(n, written, time.Duration(n)*each+time.Duration(written)*write)
			}
		}
	}
}

// How long an answer's place is taken after it was given up, at any moment of reading 512 tokens, of writing, and of writing beside
// seven others, with a real model. 200 times: -benchtime 200x.
func BenchmarkCancel(b *testing.B) {
	s, err := store.Open("")
	if err != nil {
		b.Fatal(err)
	}
	e, err := s.Get(b.Context(), store.Wanted{From: "smollm2-135m"})
	if err != nil {
		b.Fatal(err)
	}
	m, err := model.Open(e.Path)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for _, c := range []struct {
		name           string
		tokens, beside int
	}{{"reading", 512, 0}, {"writing", 40, 0}, {"writing-beside-seven", 40, 7}} {
		b.Run(c.name, func(b *testing.B) { benchCancel(b, m, c.tokens, c.beside) })
	}
}

func benchCancel(b *testing.B, m *model.Model, tokens, beside int) {
	batcher := New(m, Options{})
	defer batcher.Close()
	others := make([]*Job, beside)
	for i := range others {
		others[i] = start(b, batcher, prompt(20, uint64(i)), 100*(i+1), &greedy{})
	}
	began := time.Now()
	wait(b, start(b, batcher, prompt(tokens, 1e6), 1, &greedy{}))
	whole, r := time.Since(began), rand.New(rand.NewPCG(1, 1)) // about as long as each prompt takes to read
	var took []time.Duration
	for seed := uint64(2e6); len(took) < b.N; seed++ {
		for i, o := range others {
			select {
			case <-o.Done():
				others[i] = start(b, batcher, prompt(20, seed<<8+uint64(i)), 700, &greedy{})
			default:
			}
		}
		j := start(b, batcher, prompt(tokens, seed), 700, &greedy{})
		moment := time.Duration(r.Float64() * float64(whole))
		if tokens < 512 {
			moment += whole
		}
		time.Sleep(moment)
		at := time.Now()
		j.Cancel()
		wait(b, j)
		if lasted := time.Since(at); tokens < 512 || j.Made() == 0 { // else it was not being read any more
			took = append(took, lasted)
		}
	}
	slices.Sort(took)
	for part, name := range map[int]string{50: "p50-ms", 99: "p99-ms", 100: "most-ms"} {
		b.ReportMetric(float64(took[(len(took)-1)*part/100])/1e6, name)
	}
}
