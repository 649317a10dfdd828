package batch

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"agora/engine/native/gguf"
	"agora/engine/native/model"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

func small(t testing.TB) *model.Model {
	t.Helper()
	f, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Width: 64, Seed: 1}))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func prompt(n int, seed uint64) []int32 {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(3 + r.IntN(250))
	}
	return out
}

// greedy writes n tokens and keeps them.
type greedy struct {
	ids  []int32
	end  int           // ends after so many, if not 0
	gate chan struct{} // waits for it before every token, if not nil
}

func (g *greedy) Choose(_ int, logits []float32) (int32, bool) {
	if g.gate != nil {
		<-g.gate
	}
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	g.ids = append(g.ids, int32(best))
	return int32(best), len(g.ids) == g.end
}

// alone is what the model writes by itself, one token at a time.
func alone(t testing.TB, m *model.Model, prompt []int32, n int) []int32 {
	t.Helper()
	r, s := m.NewRunner(), m.NewSequence()
	g := &greedy{}
	next := prompt
	for i := range n {
		logits, err := r.Forward(model.Input{Sequence: s, Tokens: next, Logits: 1})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := g.Choose(i, logits[0])
		next = []int32{id}
	}
	return g.ids
}

func wait(t testing.TB, j *Job) {
	t.Helper()
	select {
	case <-j.Done():
	case <-time.After(time.Minute):
		t.Fatal("an answer does not end")
	}
}

func start(t testing.TB, b *Batcher, prompt []int32, limit int, c Chooser) *Job {
	t.Helper()
	j, err := b.Start(prompt, limit, c)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestAnswersTogetherAreAsEachAlone(t *testing.T) {
	m := small(t)
	b := New(m, Options{Slots: 5, Queue: 100})
	defer b.Close()
	var jobs []*Job
	var writers []*greedy
	for i := range 20 {
		g := &greedy{}
		writers = append(writers, g)
		jobs = append(jobs, start(t, b, prompt(5+13*i%90, uint64(i%7)), 10+i, g))
	}
	for i, j := range jobs {
		wait(t, j)
		if want := alone(t, m, prompt(5+13*i%90, uint64(i%7)), 10+i); j.Err() != nil || !slices.Equal(writers[i].ids, want) {
			t.Errorf("answer %d is %v, %v; alone it is %v", i, writers[i].ids, j.Err(), want)
		}
	}
}

func TestTheNextTurnDoesNotReadTheFirstAgain(t *testing.T) {
	m := small(t)
	b := New(m, Options{})
	defer b.Close()
	first := prompt(100, 1)
	g := &greedy{}
	wait(t, start(t, b, first, 20, g))
	second := append(append(slices.Clone(first), g.ids...), prompt(30, 2)...)
	h := &greedy{}
	j := start(t, b, second, 10, h)
	wait(t, j)
	if j.Cached() != 119 { // the last token of an answer is chosen, not read
		t.Errorf("%d tokens of the second turn were kept, want 119", j.Cached())
	}
	if want := alone(t, m, second, 10); !slices.Equal(h.ids, want) {
		t.Errorf("the second turn is %v, from the beginning it is %v", h.ids, want)
	}
	again := start(t, b, first, 5, &greedy{})
	wait(t, again)
	if again.Cached() != 99 {
		t.Errorf("%d tokens of the same prompt were kept, want all but one", again.Cached())
	}
}

func TestACancelledAnswerGivesItsPlaceBack(t *testing.T) {
	b := New(small(t), Options{Slots: 1})
	defer b.Close()
	slow := &greedy{gate: make(chan struct{}, 1)}
	slow.gate <- struct{}{}
	j := start(t, b, prompt(10, 1), 400, slow)
	waiting := start(t, b, prompt(10, 2), 3, &greedy{})
	dropped := start(t, b, prompt(10, 3), 3, &greedy{})
	dropped.Cancel()
	j.Cancel()
	close(slow.gate)
	for _, one := range []*Job{j, waiting, dropped} {
		wait(t, one)
	}
	if !errors.Is(j.Err(), ErrCanceled) || !errors.Is(dropped.Err(), ErrCanceled) || waiting.Err() != nil {
		t.Errorf("cancelled: %v and %v, the one behind: %v", j.Err(), dropped.Err(), waiting.Err())
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	m := small(t)
	b := New(m, Options{Slots: 1, Queue: 1, Memory: int64(3 * m.PageBytes())})
	gate := &greedy{gate: make(chan struct{})}
	first := start(t, b, prompt(5, 1), 3, gate)
	gate.gate <- struct{}{} // it has the slot
	second := start(t, b, prompt(5, 2), 3, &greedy{})
	for name, try := range map[string]struct {
		n, limit int
		want     error
	}{
		"a third":              {5, 3, ErrBusy},
		"beyond the context":   {500, 20, ErrTooLong},
		"more than the memory": {200, 5, ErrTooLarge},
	} {
		if _, err := b.Start(prompt(try.n, 3), try.limit, &greedy{}); !errors.Is(err, try.want) {
			t.Errorf("%s: %v, want %v", name, err, try.want)
		}
	}
	if _, err := b.Start(nil, 5, &greedy{}); err == nil {
		t.Error("an empty prompt is taken")
	}
	close(gate.gate)
	wait(t, first)
	wait(t, second)
	b.Close()
	if _, err := b.Start(prompt(5, 1), 3, &greedy{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseEndsWhatIsInTheMaking(t *testing.T) {
	b := New(small(t), Options{Slots: 1})
	jobs := []*Job{start(t, b, prompt(10, 1), 500, &greedy{}), start(t, b, prompt(10, 2), 500, &greedy{})}
	b.Close()
	for _, j := range jobs {
		wait(t, j)
		if !errors.Is(j.Err(), ErrClosed) {
			t.Errorf("the answer ended with %v", j.Err())
		}
	}
}

func TestMemoryStaysBounded(t *testing.T) {
	m := small(t)
	memory := int64(20 * m.PageBytes())
	b := New(m, Options{Slots: 3, Queue: 200, Memory: memory})
	var jobs []*Job
	for i := range 60 {
		jobs = append(jobs, start(t, b, prompt(20+i*5, uint64(i)), 20, &greedy{}))
	}
	for _, j := range jobs {
		wait(t, j)
		if j.Err() != nil {
			t.Fatal(j.Err())
		}
	}
	b.Close()
	sum := int64(0)
	for _, k := range b.kept.texts {
		sum += int64(k.seq.Bytes())
	}
	if sum != b.kept.bytes || sum > memory || b.used != 0 {
		t.Errorf("%d bytes are kept, %d counted, of %d; %d are reserved", sum, b.kept.bytes, memory, b.used)
	}
}

// An answer whose numbers overflow ends alone.
func TestOneThatFailsDoesNotTakeTheOthersAlong(t *testing.T) {
	m := small(t)
	b := New(m, Options{Slots: 4})
	defer b.Close()
	bad := &stray{}
	good := &greedy{}
	j := start(t, b, prompt(10, 1), 30, bad)
	k := start(t, b, prompt(10, 2), 30, good)
	wait(t, j)
	wait(t, k)
	if !errors.Is(j.Err(), model.ErrToken) || k.Err() != nil {
		t.Errorf("the stray one ended with %v, the other with %v", j.Err(), k.Err())
	}
	if want := alone(t, m, prompt(10, 2), 30); !slices.Equal(good.ids, want) {
		t.Errorf("the other is %v, alone it is %v", good.ids, want)
	}
}

// stray chooses a token that there is not.
type stray struct{}

func (*stray) Choose(position int, _ []float32) (int32, bool) {
	if position == 3 {
		return math.MaxInt32, false
	}
	return 5, false
}

func TestManyStartAndCancelAtOnce(t *testing.T) {
	b := New(small(t), Options{Slots: 4, Queue: 8})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for range 20 {
				j, err := b.Start(prompt(1+r.IntN(60), uint64(r.IntN(3))), 1+r.IntN(10), &greedy{})
				if errors.Is(err, ErrBusy) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if r.IntN(3) == 0 {
					j.Cancel()
				}
				<-j.Done()
			}
		})
	}
	all.Wait()
	b.Close()
	if b.used != 0 || len(b.active) != 0 {
		t.Errorf("%d bytes and %d places are still taken", b.used, len(b.active))
	}
}
