package exam

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"agora/engine"
	"agora/engine/native/ladder"
	"agora/mechanism/frontier"
	"agora/task"
	"agora/wire/openai"
)

// chain is a subnet of open models whose tempos are all known.
type chain struct {
	models []Listed
	items  int
	from   uint64 // first tempo that it tells of
	margin int64
}

func (c *chain) Sitting(_ context.Context, _ uint32, epoch uint64) (Sitting, error) {
	if epoch < c.from {
		return Sitting{}, ErrNoSitting
	}
	t := Sitting{Epoch: epoch, Height: int64(epoch) * 10, Seed: task.Seed{byte(epoch), 7}, Items: c.items, Models: c.models, Margin: c.margin}
	for i, m := range c.models {
		t.Servers = append(t.Servers, Server{UID: uint32(i), Digest: m.Digest}, Server{UID: uint32(100 + i), Digest: m.Digest})
	}
	return t, nil
}

// shipped lists chat models as if they had been published.
func shipped(names ...string) []Listed {
	var list []Listed
	for i, name := range names {
		card, ok := ladder.Named(name)
		if !ok {
			panic(name)
		}
		digest, err := hex.DecodeString(strings.TrimPrefix(card.Digest, "sha256:"))
		if err != nil {
			panic(err)
		}
		list = append(list, Listed{
			Model: frontier.Model{Digest: [32]byte(digest), Index: uint32(i), Parameters: uint64(card.Parameters), Bytes: uint64(card.Bytes)},
			Name:  "author/" + name, Format: "gguf",
		})
	}
	return list
}

func ends() (worst, best string) {
	names := ladder.Names()
	return names[0], names[len(names)-1]
}

func course(t *testing.T, c *chain, room *Room, path string) *Course {
	t.Helper()
	s, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a second time where the test did
	contest, err := ParseContest("exact:3+grammar:1")
	if err != nil {
		t.Fatal(err)
	}
	rules := frontier.DefaultRules()
	rules.Ready = 8
	return NewCourse(Config{NetUID: 1, Contest: contest, Rules: rules, Chain: c, Room: room, Store: s, Log: slog.New(slog.DiscardHandler)})
}

func everybody(Server) bool { return true }

func TestTwoExaminersFindTheSameBits(t *testing.T) {
	worst, best := ends()
	c := &chain{models: shipped(best, worst), items: 2}
	var votes [2][]uint32
	var boards [2][]Standing
	for i := range votes {
		own := course(t, c, NewRoom(&Shelf{}, 1+i), filepath.Join(t.TempDir(), "exam.db"))
		own.Begin(3)
		if own.Work(context.Background()) {
			t.Fatal(own.Progress().LastError)
		}
		own.Begin(4)
		if own.Work(context.Background()) {
			t.Fatal(own.Progress().LastError)
		}
		_, weights, whole, err := own.Vote(context.Background(), everybody, nil)
		if err != nil || !whole {
			t.Fatal(whole, err)
		}
		votes[i] = weights
		if boards[i], err = own.Standings(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(votes[0], votes[1]) || !reflect.DeepEqual(boards[0], boards[1]) {
		t.Errorf("%v and %v", votes[0], votes[1])
	}
	if v := votes[0]; v[0] != 65535 || v[1] != 65535 || v[2] != v[3] || v[2] >= v[0] { // two servers each
		t.Errorf("weights %v of the best and the worst", v)
	}
}

func TestNothingIsAskedTwice(t *testing.T) {
	worst, _ := ends()
	c := &chain{models: shipped(worst), items: 2}
	path, room := filepath.Join(t.TempDir(), "exam.db"), NewRoom(&Shelf{}, 1)
	own := course(t, c, room, path)
	own.Begin(2)
	own.Work(context.Background())
	own.Work(context.Background())
	asked, _ := room.Effort()
	if asked != 3*2*2 { // tempos 0 to 2, two items of two families
		t.Fatalf("%d questions", asked)
	}
	before, err := own.Standings(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := own.cfg.Store.Close(); err != nil {
		t.Fatal(err)
	}
	room = NewRoom(&Shelf{}, 1) // after a restart
	own = course(t, c, room, path)
	own.Begin(2)
	own.Work(context.Background())
	if asked, _ := room.Effort(); asked != 0 {
		t.Errorf("%d questions again", asked)
	}
	after, err := own.Standings(context.Background())
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("%v, %v after a restart, %v", before, after, err)
	}
	other := course(t, c, room, filepath.Join(t.TempDir(), "exam.db")) // a second validator of the process knows nothing
	other.Begin(2)
	other.Work(context.Background())
	if asked, _ := room.Effort(); asked != 12 {
		t.Errorf("%d questions for the first of two that share a room", asked)
	}
	third := course(t, c, room, filepath.Join(t.TempDir(), "exam.db"))
	third.Begin(2)
	third.Work(context.Background())
	if asked, _ := room.Effort(); asked != 12 {
		t.Errorf("%d questions for two that share a room", asked)
	}
}

func TestWhoLiesAboutItsSizeHasNothing(t *testing.T) {
	worst, best := ends()
	c := &chain{models: shipped(worst, best), items: 4}
	c.models[1].Parameters /= 8
	own := course(t, c, NewRoom(&Shelf{}, 1), filepath.Join(t.TempDir(), "exam.db"))
	own.Begin(3)
	own.Work(context.Background())
	list, err := own.Standings(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		liar := s.Listed.Digest == c.models[1].Digest
		if liar != strings.Contains(s.Fault, "its publication says") || liar && (s.Capability != 0 || s.Place != 0) || !liar && s.Place != 1 {
			t.Errorf("%s: place %d, capability %d, fault %q", s.Listed.Name, s.Place, s.Capability, s.Fault)
		}
	}
	if p := own.Progress(); p.Unsound != 1 || p.Behind != 0 {
		t.Errorf("%+v", p)
	}
}

// library gives one model that does as the test says.
type library struct {
	err   error
	model Subject
}

func (l library) Open(context.Context, Listed) (*Specimen, error) {
	if l.err != nil {
		return nil, l.err
	}
	return &Specimen{Subject: l.model, Parameters: 1, Close: func() error { return nil }}, nil
}

// puppet is a model that does as the test says.
type puppet struct {
	Subject
	chat func(ctx context.Context, r *openai.ChatRequest) error
}

func (p puppet) Info() engine.Info { return engine.Info{Model: "puppet"} }

func (p puppet) Tokens(string) ([]int32, int) { return nil, 0 }

func (p puppet) Work(tokens int) uint64 { return uint64(tokens) }

func (p puppet) Memory(tokens int) uint64 { return uint64(tokens) }

func (p puppet) ChatWork(*openai.ChatRequest) (uint64, error) { return 1, nil }

func (p puppet) Written([]int32) [][]byte { return nil }

func (p puppet) Chat(ctx context.Context, r *openai.ChatRequest, _ func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	return openai.Usage{}, engine.FinishStop, p.chat(ctx, r)
}

func TestModelsThatCannotAnswerHaveNothingWithAReason(t *testing.T) {
	for name, c := range map[string]struct {
		library library
		want    string
	}{
		"breaks":        {library{model: puppet{chat: func(context.Context, *openai.ChatRequest) error { panic("index out of range") }}}, "the engine broke: index out of range"},
		"works on":      {library{model: tall{puppet{}, MaxWork + 1}}, "multiplications"},
		"refuses":       {library{model: puppet{chat: func(context.Context, *openai.ChatRequest) error { return openai.Invalid("messages", "no") }}}, "no"},
		"does not load": {library{err: fmt.Errorf("%w: no such tensor", ErrFault)}, "no such tensor"},
	} {
		t.Run(name, func(t *testing.T) {
			m := Listed{Model: frontier.Model{Digest: [32]byte{1}, Parameters: 1}}
			room := NewRoom(c.library, 1)
			own := course(t, &chain{models: []Listed{m}, items: 1}, room, filepath.Join(t.TempDir(), "exam.db"))
			own.Begin(0)
			if own.Work(context.Background()) {
				t.Fatal(own.Progress().LastError)
			}
			if !own.board.Has(m.Digest, 0) {
				t.Fatal("no result")
			}
			list, err := own.Answers(m.Digest, 9)
			if err != nil {
				t.Fatal(err)
			}
			said := own.faults[m.Digest]
			for _, a := range list {
				said += a.Result.Reason
			}
			if !strings.Contains(said, c.want) {
				t.Errorf("%q", said)
			}
		})
	}
}

func TestWeightsThatNobodyGivesAreNoResult(t *testing.T) {
	c := &chain{models: []Listed{{Model: frontier.Model{Digest: [32]byte{1}}}}, items: 1}
	own := course(t, c, NewRoom(&Shelf{}, 1), filepath.Join(t.TempDir(), "exam.db"))
	own.Begin(0)
	if !own.Work(context.Background()) || own.board.Has([32]byte{1}, 0) {
		t.Error("a model without weights counts as examined")
	}
	if p := own.Progress(); p.Absent != 1 || p.LastError == "" {
		t.Errorf("%+v", p)
	}
}

func TestTemposThatTheChainForgotAreLeftOut(t *testing.T) {
	worst, _ := ends()
	c := &chain{models: shipped(worst), items: 1, from: 5}
	own := course(t, c, NewRoom(&Shelf{}, 1), filepath.Join(t.TempDir(), "exam.db"))
	own.Begin(7)
	if own.Work(context.Background()) {
		t.Fatal(own.Progress().LastError)
	}
	var have []uint64
	for epoch := range uint64(8) {
		if own.board.Has(c.models[0].Digest, epoch) {
			have = append(have, epoch)
		}
	}
	if !slices.Equal(have, []uint64{5, 6, 7}) {
		t.Errorf("%v", have)
	}
}

func TestModelIsAskedOnlyWhatCameAfterIt(t *testing.T) {
	worst, _ := ends()
	c := &chain{models: shipped(worst), items: 1}
	c.models[0].Published = 21 // within tempo 2
	own := course(t, c, NewRoom(&Shelf{}, 1), filepath.Join(t.TempDir(), "exam.db"))
	own.Begin(4)
	own.Work(context.Background())
	if own.board.Has(c.models[0].Digest, 2) || !own.board.Has(c.models[0].Digest, 3) {
		t.Error("items of the tempo in which it was published")
	}
}

func TestContests(t *testing.T) {
	for id, want := range map[string]string{
		"exact": "[{exact 1}]", "exact:3+grammar:1": "[{exact 3} {grammar 1}]", "grammar": "[{grammar 1}]",
	} {
		if c, err := ParseContest(id); err != nil || fmt.Sprint(c.Parts) != want {
			t.Errorf("%s: %v, %v", id, c.Parts, err)
		}
	}
	for _, id := range []string{"", "continuation", "exact:0", "exact:x", "exact+exact", "exact:1001", "+exact"} {
		if _, err := ParseContest(id); !errors.Is(err, ErrContest) {
			t.Errorf("%q: %v", id, err)
		}
	}
	c, _ := ParseContest("exact:3+grammar:1")
	if got := c.Score([]Result{{Score: 1_000_000}, {Score: 3}}); got != 750_000 {
		t.Errorf("score %d", got)
	}
}

// The margin is the subnet's, and a change of it holds from the tempo in which the chain tells it.
func TestTheMarginIsTheChains(t *testing.T) {
	worst, _ := ends()
	c := &chain{models: shipped(worst), items: 1, margin: 40_000}
	own := course(t, c, NewRoom(&Shelf{}, 1), filepath.Join(t.TempDir(), "exam.db"))
	for epoch, want := range []int64{40_000, 70_000} {
		c.margin = want
		own.Begin(uint64(epoch))
		if own.Work(t.Context()) {
			t.Fatal(own.Progress().LastError)
		}
		if got := own.board.Rules(); got.Margin != want || got.Ready != 8 {
			t.Errorf("in tempo %d: %+v, want a margin of %d", epoch, got, want)
		}
	}
}
