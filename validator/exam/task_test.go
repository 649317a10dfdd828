package exam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"agora/mechanism/frontier"
	"agora/task"
	"agora/task/kit"
	"agora/task/wasm"
	"agora/task/wasm/assemble"
)

// examiner is a course over tasks that are modules, in a sandbox of its own.
func examiner(t *testing.T, c Chain, tasks Tasks) *Course {
	t.Helper()
	s, err := OpenStore(filepath.Join(t.TempDir(), "exam.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	rules := frontier.DefaultRules()
	rules.Ready = 8
	return NewCourse(Config{NetUID: 1, Contest: Judged(tasks), Rules: rules, Chain: c, Room: NewRoom(&Shelf{}, 1), Store: s, Log: slog.New(slog.DiscardHandler)})
}

// sandbox runs these modules.
func sandbox(t *testing.T, modules ...[]byte) Tasks {
	t.Helper()
	host, err := wasm.NewHost(t.Context(), wasm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	have := map[string]Task{}
	for _, code := range modules {
		if have[digestOf(code)], err = host.Load(t.Context(), code); err != nil {
			t.Fatal(err)
		}
	}
	return func(_ context.Context, digest string) (Task, error) {
		if have[digest] == nil {
			return nil, fmt.Errorf("no module %s", digest)
		}
		return have[digest], nil
	}
}

func digestOf(code []byte) string { return SpellDigest(wasm.DigestOf(code)) }

// tasked is a chain whose items a module draws: the first until a tempo, then the second.
type tasked struct {
	chain
	tasks [2]string
	until uint64
}

func (c *tasked) Sitting(ctx context.Context, netuid uint32, epoch uint64) (Sitting, error) {
	t, err := c.chain.Sitting(ctx, netuid, epoch)
	if t.Task = c.tasks[0]; epoch >= c.until {
		t.Task = c.tasks[1]
	}
	return t, err
}

// Two models are ranked by the items of a module, and two examiners, each with its own sandbox, find the same bits.
func TestAModulesItemsRankModelsAlike(t *testing.T) {
	worst, best := ends()
	c := &tasked{chain: chain{models: shipped(best, worst), items: 3}, tasks: [2]string{digestOf(kit.Sums()), digestOf(kit.Sums())}}
	var boards [2][]Standing
	var told [2][]Answer
	for i := range boards {
		own := examiner(t, c, sandbox(t, kit.Sums()))
		own.Begin(3)
		if own.Work(t.Context()) {
			t.Fatal(own.Progress().LastError)
		}
		var err error
		if boards[i], err = own.Standings(t.Context()); err != nil {
			t.Fatal(err)
		}
		if told[i], err = own.Answers(c.models[0].Digest, 5); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(boards[0], boards[1]) || !reflect.DeepEqual(told[0], told[1]) {
		t.Errorf("%+v and %+v", boards[0], boards[1])
	}
	strong, weak := boards[0][0], boards[0][1] // in the order of the list
	if weak.Listed.Name != "author/"+worst || strong.Listed.Name != "author/"+best || strong.Place != 1 || strong.Capability <= weak.Capability || strong.Items != 9 {
		t.Errorf("%+v and %+v", weak, strong)
	}
	if a := told[0]; len(a) != 5 || !strings.HasPrefix(a[0].Text, "What is ") || a[0].Family != TaskFamily || a[0].Result.Answer == "" {
		t.Errorf("told: %+v", a)
	}
}

// What was judged by the task before counts as it did, also for who comes later; one whose items are no chats has nothing for anybody.
func TestWhatTheTaskBeforeJudgedCounts(t *testing.T) {
	_, best := ends()
	next := assemble.Task(assemble.Point(assemble.ItemAt, len(assemble.Item)), []byte{0})
	c := &tasked{chain: chain{models: shipped(best), items: 3}, tasks: [2]string{digestOf(kit.Sums()), digestOf(next)}, until: 2}
	tasks := sandbox(t, kit.Sums(), next)
	there, late := examiner(t, c, tasks), examiner(t, c, tasks)
	for _, epoch := range []uint64{1, 3} {
		there.Begin(epoch)
		if there.Work(t.Context()) {
			t.Fatal(there.Progress().LastError)
		}
	}
	late.Begin(3)
	if late.Work(t.Context()) {
		t.Fatal(late.Progress().LastError)
	}
	a, err1 := there.Tempos(c.models[0].Digest, 9)
	b, err2 := late.Tempos(c.models[0].Digest, 9)
	if err1 != nil || err2 != nil || !reflect.DeepEqual(a, b) || len(a) != 4 {
		t.Fatalf("%v %v: %+v and %+v", err1, err2, a, b)
	}
	sum := func(t Tempo) (n frontier.Score) {
		for _, s := range t.Scores {
			n += s
		}
		return n
	}
	if sum(a[0])+sum(a[1]) != 0 || sum(a[2])+sum(a[3]) == 0 {
		t.Errorf("newest first: %+v", a)
	}
}

// lacking draws items and cannot score here.
type lacking struct{ Task }

func (lacking) Score(context.Context, []byte, []byte) (wasm.Verdict, error) {
	return wasm.Verdict{}, fmt.Errorf("%w: no memory", wasm.ErrHost)
}

// A task that is not here, and a machine that cannot score, are no result for a model.
func TestWhatAMachineLacksIsNoResult(t *testing.T) {
	worst, _ := ends()
	c := &tasked{chain: chain{models: shipped(worst), items: 1}, tasks: [2]string{digestOf(kit.Sums()), digestOf(kit.Sums())}}
	here := sandbox(t, kit.Sums())
	for name, tasks := range map[string]Tasks{
		"absent": func(context.Context, string) (Task, error) { return nil, errors.New("nobody has it") },
		"lacking": func(ctx context.Context, digest string) (Task, error) {
			own, err := here(ctx, digest)
			return lacking{own}, err
		},
	} {
		own := examiner(t, c, tasks)
		own.Begin(0)
		if !own.Work(t.Context()) || own.board.Has(c.models[0].Digest, 0) || own.Progress().LastError == "" {
			t.Errorf("%s: counts as examined", name)
		}
	}
}

// A task that is not here is asked for once in a round, however many tempos and models wait for it; those of another task are examined.
func TestATaskThatIsNotHereIsAskedForOnceInARound(t *testing.T) {
	worst, best := ends()
	c := &tasked{chain: chain{models: shipped(worst, best), items: 1}, tasks: [2]string{"sha256:away", digestOf(kit.Sums())}, until: 3}
	here, asked := sandbox(t, kit.Sums()), 0
	own := examiner(t, c, func(ctx context.Context, digest string) (Task, error) {
		if digest == "sha256:away" {
			asked++
			return nil, errors.New("nobody has it")
		}
		return here(ctx, digest)
	})
	own.Begin(4)
	if !own.Work(t.Context()) || asked != 1 {
		t.Errorf("asked for %d times", asked)
	}
	for _, m := range c.models {
		if own.board.Has(m.Digest, 2) || !own.board.Has(m.Digest, 3) || !own.board.Has(m.Digest, 4) {
			t.Errorf("%s: the other task's tempos are not those that are examined", m.Name)
		}
	}
	if p := own.Progress(); p.Behind != 6 || p.Waiting != 0 {
		t.Errorf("%+v", p)
	}
}

func TestATasksItemIsAskedWithinBounds(t *testing.T) {
	for body, want := range map[string]int{
		`{"model":"task","messages":[{"role":"user","content":"a"}]}`:                                            MaxTokens,
		`{"model":"task","max_tokens":20,"messages":[{"role":"user","content":"a"}]}`:                            20,
		`{"model":"task","max_tokens":9000,"messages":[{"role":"user","content":"a"}]}`:                          MaxTaskTokens,
		`{"model":"task","max_tokens":9,"max_completion_tokens":100,"messages":[{"role":"user","content":"a"}]}`: 100,
	} {
		text, limit, reason := asked(wasm.Item{Path: "/v1/chat/completions", Body: []byte(body)})
		if text != "a" || limit != want || reason != "" {
			t.Errorf("%s: %q, %d, %q", body, text, limit, reason)
		}
	}
	for _, item := range []wasm.Item{{Path: "/v1/embeddings", Body: []byte(`{"input":"a"}`)}, {Path: "/v1/chat/completions", Body: []byte(`{"model":"task"}`)}} {
		if _, _, reason := asked(item); reason == "" {
			t.Errorf("%s %s is put to a model", item.Path, item.Body)
		}
	}
	one := taskID(Drawn{task.Seed{1}, "a"}, 0)
	for _, other := range [][32]byte{taskID(Drawn{task.Seed{2}, "a"}, 0), taskID(Drawn{task.Seed{1}, "b"}, 0), taskID(Drawn{task.Seed{1}, "a"}, 1)} {
		if other == one {
			t.Error("two items have one name")
		}
	}
}
