package exam

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/mechanism/frontier"
	"agora/task"
	"agora/wire/openai"
)

// tall is a puppet that needs so many multiplications for whatever it is asked.
type tall struct {
	puppet
	work uint64
}

func (t tall) ChatWork(*openai.ChatRequest) (uint64, error) { return t.work, nil }

// A question is bounded by work, which follows from model and question alone: how long the machine takes for it has no part in it.
func TestAQuestionIsBoundedByItsWork(t *testing.T) {
	worst, _ := ends()
	e, err := ladder.Open(worst, llm.Options{Template: "chatml"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	contest, err := ParseContest("exact+grammar")
	if err != nil {
		t.Fatal(err)
	}
	item, err := contest.Item(t.Context(), Drawn{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range item {
		free := &metered{Subject: e, left: MaxWork, patience: time.Hour}
		want, err := q.Ask(t.Context(), free)
		if err != nil || want.Reason != "" {
			t.Fatal(want, err)
		}
		room := NewRoom(nil, 1)
		room.most = MaxWork - free.left // what it takes, to the last one
		if got, err := room.put(t.Context(), e, q); err != nil || got != want {
			t.Errorf("%s: with what it takes: %+v, %v; want %+v", q.Family, got, err, want)
		}
		room.most--
		got, err := room.put(t.Context(), e, q)
		if err != nil || got.Score != 0 || !strings.Contains(got.Reason, ErrWork.Error()) {
			t.Errorf("%s: with one multiplication less: %+v, %v", q.Family, got, err)
		}
	}
}

func TestWhatTakesTooMuchWorkHasNothingAndIsNotBegun(t *testing.T) {
	m := Listed{Model: frontier.Model{Digest: [32]byte{1}, Parameters: 1}}
	begun := false
	model := tall{puppet{chat: func(context.Context, *openai.ChatRequest) error { begun = true; return nil }}, MaxWork + 1}
	own := course(t, &chain{models: []Listed{m}, items: 1}, NewRoom(library{model: model}, 1), filepath.Join(t.TempDir(), "exam.db"))
	own.Begin(0)
	if own.Work(t.Context()) || begun {
		t.Fatal(begun, own.Progress().LastError)
	}
	list, err := own.Answers(m.Digest, 9)
	if err != nil || len(list) != 2 || !strings.Contains(list[0].Result.Reason, ErrWork.Error()) {
		t.Errorf("%+v, %v", list, err)
	}
}

// An engine that hangs, or a machine that stands still, is no score; the question is asked again.
func TestAStalledMachineIsNoScore(t *testing.T) {
	m := Listed{Model: frontier.Model{Digest: [32]byte{1}, Parameters: 1}}
	stalls := true
	model := puppet{chat: func(ctx context.Context, _ *openai.ChatRequest) error {
		if stalls {
			<-ctx.Done()
		}
		return ctx.Err()
	}}
	room := NewRoom(library{model: model}, 1)
	room.limit = 20 * time.Millisecond
	own, now := course(t, &chain{models: []Listed{m}, items: 1}, room, filepath.Join(t.TempDir(), "exam.db")), time.Now()
	own.clock = func() time.Time { return now }
	own.Begin(0)
	notExamined(t, own, m)
	if text := own.Progress().LastError; !strings.Contains(text, errLate.Error()) {
		t.Errorf("told is %q", text)
	}
	stalls, now, room.limit = false, now.Add(again), time.Hour
	if own.Work(t.Context()) || !own.board.Has(m.Digest, 0) {
		t.Errorf("it is not asked again: %s", own.Progress().LastError)
	}
}

// A store of a version that held the machine's faults against models forgets them, and nothing else.
func TestAnEarlierStoresFalseZerosAreForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exam.db")
	s, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	faulty, late, sound := [32]byte{1}, [32]byte{2}, [32]byte{3}
	file := func(digest [32]byte, epoch uint64, r Result, scores ...frontier.Score) {
		t.Helper()
		asked := []answered{{question: [32]byte{byte(epoch)}, result: r}}
		if err := s.file(1, Sitting{Epoch: epoch, Items: len(scores)}, digest, asked, scores); err != nil {
			t.Fatal(err)
		}
	}
	file(faulty, 1, Result{}, 0, 0)
	file(late, 1, Result{Reason: "no answer within 5m0s"}, 0, 7)
	file(late, 2, Result{Score: 5}, 5, 7)
	file(sound, 1, Result{Reason: "the engine broke"}, 0, 0)
	err = errors.Join(s.setFault(Listed{Model: frontier.Model{Digest: faulty}}, "open m.gguf: permission denied"), s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(metaBucket).Delete(rulesKey) // as an earlier version left it
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is to be forgotten
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = OpenStore(path); err != nil {
			t.Fatal(err)
		}
		own := NewCourse(Config{NetUID: 1, Store: s})
		have := map[byte]int{}
		for _, digest := range [][32]byte{faulty, late, sound} {
			list, err := own.Tempos(digest, 9)
			if err != nil {
				t.Fatal(err)
			}
			have[digest[0]] = len(list)
		}
		reason, err1 := s.Fault(Listed{Model: frontier.Model{Digest: faulty}})
		_, asked, err2 := s.Result(late, [32]byte{1})
		_, kept, err3 := s.Result(late, [32]byte{2})
		if text, _ := json.Marshal(have); string(text) != `{"1":0,"2":1,"3":1}` || reason != "" || asked || !kept || errors.Join(err1, err2, err3) != nil {
			t.Errorf("tempos left %s, fault %q, late result %v, sound one %v: %v", text, reason, asked, kept, errors.Join(err1, err2, err3))
		}
		file(sound, 1, Result{Reason: "the engine broke"}, 0, 0)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// fat is a puppet that needs so many bytes to read anything.
type fat struct {
	puppet
	memory uint64
}

func (f fat) Memory(int) uint64 { return f.memory }

func (f fat) Score(context.Context, []int32) ([]float64, error) { return []float64{-1}, nil }

// A model of a few megabytes could have so many keys and values for a token that reading a text ends every examiner.
func TestWhatTakesTooMuchMemoryHasNothingAndIsNotBegun(t *testing.T) {
	read := func(memory uint64) ([]float64, error) {
		return (&metered{Subject: fat{memory: memory}, left: MaxWork, patience: time.Hour}).Score(t.Context(), []int32{1, 2})
	}
	if scores, err := read(MaxMemory); err != nil || len(scores) != 1 {
		t.Errorf("with what there may be: %v, %v", scores, err)
	}
	if scores, err := read(MaxMemory + 1); !errors.Is(err, ErrMemory) || !own(err) || scores != nil {
		t.Errorf("with a byte more: %v, %v", scores, err)
	}
}

// An item has several questions: it may have something although the machine was too slow for one of them. And what others told may have
// been their machines' fault.
func TestAnEarlierStoresHalfAndTakenZerosAreForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exam.db")
	s, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	digest, seed := [32]byte{1}, task.Seed{9}
	late := []answered{{drawPassage(seed, 1).ID, Result{Reason: "no answer within 5m0s"}}}
	right := []answered{{drawPassage(task.Seed{8}, 1).ID, Result{Score: 5}}}
	err = errors.Join(
		s.file(1, Sitting{Epoch: 1, Seed: seed, Items: 2}, digest, late, []frontier.Score{7, 3}),
		s.file(1, Sitting{Epoch: 2, Seed: task.Seed{8}, Items: 2}, digest, right, []frontier.Score{7, 5}),
		s.take(1, Sitting{Epoch: 3, Items: 2}, digest, []frontier.Score{7, 0}),
		s.take(1, Sitting{Epoch: 4, Items: 2}, digest, []frontier.Score{7, 7}),
		s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Delete(rulesKey) }),
		s.Close())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = OpenStore(path); err != nil {
		t.Fatal(err)
	}
	var left []uint64
	err = s.scores(1, digest, func(epoch uint64, _ int64, _ []frontier.Score) error {
		left = append(left, epoch)
		return nil
	})
	if text, _ := json.Marshal(left); string(text) != "[2,4]" || err != nil {
		t.Errorf("left are tempos %s, %v", text, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Tokens may be long, and what is kept of each question of each tempo is kept for ever.
func TestOfLongAnswersTheBeginningIsKept(t *testing.T) {
	long := strings.Repeat("é", 1<<17)
	q := Question{ask: func(context.Context, Subject) (Result, error) {
		return Result{Score: 7, Answer: "a" + long, Reason: long}, nil
	}}
	r, err := NewRoom(nil, 1).put(t.Context(), puppet{}, q)
	if err != nil || r.Score != 7 || len(r.Answer) != toldText-1 || len(r.Reason) != toldText || !strings.HasPrefix(long, r.Answer[1:]) {
		t.Errorf("%d and %d bytes, score %d, %v", len(r.Answer), len(r.Reason), r.Score, err)
	}
}
