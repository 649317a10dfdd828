package daemon

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/mechanism/frontier"
	"agora/scenario/stage"
	"agora/task/kit"
	"agora/task/shelf"
	"agora/task/wasm"
	"agora/validator"
	"agora/validator/exam"
)

// The markets of this test, in the order of their numbers.
const (
	judgeNet  = 1 + iota // whose best miner is a judge
	judgedNet            // whose task asks it
	openNet              // whose models a module examines
)

// tasked are markets of tasks that others wrote: one asks another subnet while it scores, one examines open models.
func tasked(t *testing.T, engines ...*llm.Engine) (c *contest, second []byte) {
	t.Helper()
	second, err := os.ReadFile("testdata/second.wasm") // of second.ts
	if err != nil {
		t.Fatal(err)
	}
	var published []modeltypes.Model
	var cards []subnettypes.ModelCard
	for _, e := range engines {
		card, _ := ladder.Named(e.Info().Digest)
		published = append(published, modeltypes.Model{
			Digest: card.Digest, Name: card.Name, Licence: card.Licence, Format: modeltypes.GGUF, Bytes: uint64(card.Bytes), Parameters: uint64(card.Parameters),
		})
		cards = append(cards, cardOf(e.Info()))
	}
	module := subnettypes.TaskModule
	c = openMarkets(t, Tasks{AllowPrivate: true, Hidden: time.Second}, 2,
		stage.Subnet{Name: "judge", Family: "exact"},
		stage.Subnet{Name: "judged", Family: module, Digest: spelled(second)},
		stage.Subnet{Name: "open", Family: module, Digest: spelled(kit.Sums()), Models: published, Cards: cards, Items: 36}, // one of a tempo
	)
	c.publishGateways()
	for _, code := range [][]byte{second, kit.Sums()} { // the others have it from there
		if err := shelf.Send(t.Context(), http.DefaultClient, "http://"+c.daemons[0].HTTP(), wasm.DigestOf(code), code); err != nil {
			t.Fatal(err)
		}
	}
	return c, second
}

func spelled(code []byte) string { return exam.SpellDigest(wasm.DigestOf(code)) }

// ladderModel is a model that ships.
func ladderModel(t *testing.T, name string) *llm.Engine {
	t.Helper()
	e, err := ladder.Open(name, llm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() }) // it was read only
	return e
}

// A module's items rank open models: voices that fetched it from each other come to equal scores, and so does whoever computes them
// again. Another module asks the best miner of another subnet while it scores, and its scores follow from what every voice tells.
func TestModulesExamineAndAskAlike(t *testing.T) {
	t.Parallel()
	names := ladder.Names()
	worst, best := ladderModel(t, names[0]), ladderModel(t, names[len(names)-1])
	c, second := tasked(t, worst, best)
	c.serve(judgeNet, 0, best)
	c.serve(judgedNet, 0, best)
	c.serve(judgedNet, 1, worst)
	c.serve(openNet, 0, worst)
	c.serve(openNet, 1, best)
	examinedAlike(c)
	judgedAlike(c, second)
}

// examinedAlike waits until every voice has examined both models in some tempos, and holds what they tell to an examination of its own.
func examinedAlike(c *contest) {
	c.t.Helper()
	told := make([]*Examination, voices)
	c.until("every voice has examined", func() bool {
		for i, d := range c.daemons {
			e, err := FetchExamination(c.t.Context(), "http://"+d.HTTP()+"/v1", openNet)
			if err != nil || len(e.Models) != 2 || min(e.Models[0].Items, e.Models[1].Items) < 12 {
				return false
			}
			told[i] = e
		}
		return true
	})
	own := again(c, openNet)
	for i, e := range told {
		if equal, err := e.Compare(own); err != nil || equal < 24 {
			c.t.Errorf("voice %d: %d scores are equal, %v", i, equal, err)
		}
		strong := slices.MaxFunc(e.Models, func(a, b Examined) int { return cmp.Compare(a.Capability, b.Capability) })
		if names := ladder.Names(); strong.Name != names[len(names)-1] || strong.Capability == 0 || strong.Answers[0].Family != exam.TaskFamily {
			c.t.Errorf("voice %d: %+v", i, e.Models)
		}
	}
}

// again is what `agora exam` does: it fetches the module from the voices, and examines on this machine.
func again(c *contest, netuid uint32) *exam.Course {
	c.t.Helper()
	ctx := c.t.Context()
	s, err := c.client.Subnet(ctx, netuid)
	if err != nil {
		c.t.Fatal(err)
	}
	contest, end, err := ContestOf(c.client, s)
	if err != nil {
		c.t.Fatal(err)
	}
	store, err := exam.OpenStore(filepath.Join(c.t.TempDir(), "exam.db"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := errors.Join(store.Close(), end()); err != nil {
			c.t.Error(err)
		}
	})
	schedule, err := c.client.Schedule(ctx, netuid)
	if err != nil {
		c.t.Fatal(err)
	}
	own := exam.NewCourse(exam.Config{
		NetUID: netuid, Contest: contest, Rules: frontier.DefaultRules(), Chain: validator.PublicModels(c.client),
		Room: exam.NewRoom(&exam.Shelf{}, 1), Store: store, Log: slog.New(slog.DiscardHandler),
	})
	own.Begin(schedule.Epoch)
	if own.Work(ctx) {
		c.t.Fatal(own.Progress().LastError)
	}
	return own
}

// nobody stands for the judge where its answers are evidence.
type nobody struct{}

// Ask implements wasm.Asker.
func (nobody) Ask(context.Context, [32]byte, []byte) ([]byte, error) {
	return nil, errors.New("nobody is asked")
}

// judgedAlike waits until every voice tells scores of both miners, and computes them again from what the judge said, without the judge.
func judgedAlike(c *contest, code []byte) {
	c.t.Helper()
	ctx := c.t.Context()
	host, err := wasm.NewHost(ctx, wasm.Config{Ask: nobody{}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = host.Close(context.Background()) }) // nothing is kept there
	m, err := host.Load(ctx, code)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range c.daemons {
		var list []shelf.Evidence
		c.until("a voice tells what the judge said of both", func() bool {
			list, err = shelf.FetchEvidence(ctx, http.DefaultClient, "http://"+d.HTTP(), m.Digest())
			scores := map[float64]bool{}
			for _, e := range list {
				scores[e.Score] = true
			}
			return err == nil && scores[0] && scores[1]
		})
		for _, e := range list {
			checkEvidence(c.t, m, e)
		}
	}
}

// checkEvidence computes a score again; with another answer of the judge, or without it, it is not the same.
func checkEvidence(t *testing.T, m *wasm.Module, e shelf.Evidence) {
	t.Helper()
	if err := e.Check(t.Context(), m); err != nil || len(e.Transcript) != 1 || e.Transcript[0].Model != (wasm.Digest{31: judgeNet}) {
		t.Errorf("%+v: %v", e, err)
	}
	forged := e
	forged.Transcript = []wasm.Exchange{e.Transcript[0]}
	forged.Transcript[0].Answer = append([]byte("no: "), append(e.Transcript[0].Answer, " 1000000"...)...)
	if err := forged.Check(t.Context(), m); !errors.Is(err, shelf.ErrDiffers) {
		t.Errorf("the judge said something else: %v", err)
	}
	forged.Transcript = nil
	if err := forged.Check(t.Context(), m); err == nil {
		t.Error("the judge said nothing, and the score stands")
	}
}
