package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/engine"
	"agora/engine/native/gguf"
	"agora/engine/native/llm"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/gateway"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// small is a model of random weights; another seed is another model.
func small(t testing.TB, seed uint64, types ...tensor.Type) *llm.Engine {
	t.Helper()
	if types == nil {
		types = []tensor.Type{tensor.Q41}
	}
	f, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: "llama", Types: types, Embedding: tensor.Q80, Output: true, Width: 64, Seed: seed}))
	if err != nil {
		t.Fatal(err)
	}
	e, err := llm.New(f, llm.Options{Name: "random"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

var digest = [32]byte{1}

// served is an answer of a server that runs e and signs for the digest.
func served(t testing.TB, e engine.Chatter, n int, options string) gateway.Checked {
	t.Helper()
	if !strings.Contains(options, "max_tokens") {
		options += `,"max_tokens":12`
	}
	body := fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":"Say something about %d."}]%s}`, n, options)
	req, err := openai.DecodeChat([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	a := &receipt.Answer{Receipt: receipt.Receipt{Digest: digest, Nonce: [16]byte{byte(n), byte(n >> 8)}}}
	a.Receipt.Request = receipt.RequestHash(a.Receipt.Nonce, []byte(body))
	a.Choices, a.Tokens = make([]receipt.Choice, asked(req)), make([][]int32, asked(req))
	ctx := engine.WithDraw(t.Context(), engine.Draw{Nonce: a.Receipt.Nonce, Request: a.Receipt.Request})
	used, _, err := e.Chat(ctx, req, func(k engine.Token) error {
		c := &a.Choices[k.Choice]
		c.Content += string(k.Bytes)
		if k.End != nil {
			c.Finish, a.Tokens[k.Choice] = string(k.End.Finish), k.End.IDs
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Receipt.Prompt = uint32(used.PromptTokens)
	return gateway.Checked{NetUID: 1, Miner: gateway.Miner{UID: 3, Registered: 5}, Body: []byte(body), Path: "/v1/chat/completions", Answer: a}
}

var forms = []string{``, `,"temperature":1`, `,"temperature":0.7,"top_p":0.9,"n":2`, `,"temperature":1,"seed":4`, `,"stop":["a"],"temperature":1.2`}

func TestTheModelsOwnAnswersAreRight(t *testing.T) {
	e := small(t, 1)
	for n := range 40 {
		c := served(t, e, n, forms[n%len(forms)])
		if err := Replay(t.Context(), e, 512, c.Body, c.Answer); err != nil {
			t.Errorf("%s: %v", c.Body, err)
		}
	}
}

func TestWhatIsNotTheModelsIsFound(t *testing.T) {
	e, other, coarse := small(t, 1), small(t, 2), small(t, 1, tensor.Q40)
	for name, c := range map[string]struct {
		checked gateway.Checked
		change  func(*receipt.Answer)
		says    string
	}{
		"another model":               {served(t, other, 1, ""), nil, "is another"},
		"another quantisation":        {served(t, coarse, 1, `,"max_tokens":60`), nil, "is another"},
		"an answer cut short":         {served(t, e, 1, `,"max_tokens":40`), func(a *receipt.Answer) { a.Tokens[0] = a.Tokens[0][:9] }, "too early"},
		"a text of its own":           {served(t, e, 1, ""), func(a *receipt.Answer) { a.Choices[0].Content = "Buy now!" }, "something else"},
		"another finish_reason":       {served(t, e, 1, ""), func(a *receipt.Answer) { a.Choices[0].Finish = "content_filter" }, "something else"},
		"thoughts that are not":       {served(t, e, 1, ""), func(a *receipt.Answer) { a.Choices[0].Reasoning = "Hm." }, "something else"},
		"tokens that it did not read": {served(t, e, 1, ""), func(a *receipt.Answer) { a.Receipt.Prompt += 100 }, "tokens of the prompt"},
		"more than was asked for":     {served(t, e, 1, `,"max_tokens":10`), func(a *receipt.Answer) { a.Tokens[0] = append(a.Tokens[0], 7) }, "were allowed"},
		"a token that is not":         {served(t, e, 1, ""), func(a *receipt.Answer) { a.Tokens[0][2] = 1 << 30 }, "choice 0"},
		"no tokens":                   {served(t, e, 1, ""), func(a *receipt.Answer) { a.Tokens = nil }, "not told"},
		"a choice too few":            {served(t, e, 1, `,"n":2,"temperature":1`), func(a *receipt.Answer) { a.Tokens, a.Choices = a.Tokens[:1], a.Choices[:1] }, "1 choices"},
		"a draw of its own":           {served(t, e, 1, `,"temperature":1`), func(a *receipt.Answer) { a.Receipt.Nonce[15]++ }, "is another"},
	} {
		if c.change != nil {
			c.change(c.checked.Answer)
		}
		err := Replay(t.Context(), e, 512, c.checked.Body, c.checked.Answer)
		if !errors.Is(err, ErrFalse) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want one that says %q", name, err, c.says)
		}
	}
}

func TestARequestThatTheModelRefusesIsVoid(t *testing.T) {
	e := small(t, 1)
	c := served(t, e, 1, "")
	for name, body := range map[string]string{
		"no JSON":             `{`,
		"a duplicate key":     `{"model":"m","model":"n","messages":[{"role":"user","content":"x"}]}`,
		"a prompt too long":   `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("long ", 20_000) + `"}]}`,
		"an option not known": `{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":9}`,
	} {
		if err := Replay(t.Context(), e, 512, []byte(body), c.Answer); !errors.Is(err, ErrVoid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// shelf has one model, or none.
type shelf struct{ m engine.Replayer }

func (s shelf) Replayer(context.Context, *receipt.Receipt) (engine.Replayer, func(), error) {
	if s.m == nil {
		return nil, nil, ErrNotHere
	}
	return s.m, func() {}, nil
}

// clock is a market of one voice in a tempo that tests set.
type clock struct{ tempo uint64 }

func (c *clock) Tempo(uint32) uint64           { return c.tempo }
func (c *clock) Part(uint32) float64           { return 1 }
func (c *clock) Owner(ServerID) (string, bool) { return "agora1owner", true }

func auditor(t testing.TB, path string, m engine.Replayer, at *clock) *Auditor {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.db.NoSync = true // the machine does not stop in between
	a := New(shelf{m}, at, s, slog.New(slog.DiscardHandler))
	a.die = func() float64 { return 0 } // draws everything
	return a
}

// give offers an answer and runs its audit, if it is drawn, as Run does.
func give(t testing.TB, a *Auditor, c gateway.Checked) {
	t.Helper()
	a.Offer(c)
	select {
	case d := <-a.work:
		a.settle(t.Context(), d)
	default:
	}
}

// A server of a shorter context than the model's ends where its card says, and may do so no earlier.
func TestAServersContextIsItsLimit(t *testing.T) {
	f, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: 1}))
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := llm.New(f, llm.Options{Context: 96})
	if err != nil {
		t.Fatal(err)
	}
	defer narrow.Close()
	e := small(t, 1)
	for n := range 20 {
		c := served(t, narrow, n, `,"max_tokens":null,"temperature":1`)
		if err := Replay(t.Context(), e, 96, c.Body, c.Answer); err != nil {
			t.Errorf("%s: %v", c.Body, err)
		}
		if c.Answer.Choices[0].Finish != "length" {
			continue
		}
		if err := Replay(t.Context(), e, 512, c.Body, c.Answer); !errors.Is(err, ErrFalse) {
			t.Errorf("cut by a server that says it reads 512 tokens: %v", err)
		}
		if err := Replay(t.Context(), e, 0, c.Body, c.Answer); !errors.Is(err, ErrVoid) {
			t.Errorf("cut by a server that does not say: %v", err)
		}
	}
}

// Honest servers are never closed: 10,000 audits here, a million in the nightly form.
func TestHonestServersStayOpen(t *testing.T) {
	n := 10_000
	if os.Getenv("AGORA_NIGHTLY") != "" {
		n = 1_000_000
	}
	e := small(t, 1)
	at := &clock{}
	a := auditor(t, filepath.Join(t.TempDir(), "audits.db"), e, at)
	answers := make([]gateway.Checked, 40)
	for i := range answers {
		answers[i] = served(t, e, i, forms[i%len(forms)])
	}
	for i := range n {
		at.tempo = uint64(i / Newcomer) // so few a tempo that all are audited
		c := answers[i%len(answers)]
		c.Miner.UID = uint32(i / 1000)
		give(t, a, c)
	}
	if got := a.Counts(); got.False != 0 || got.Right < uint64(n)/3 {
		t.Errorf("%+v of %d answers", got, n)
	}
}

func TestALiarsGateClosesAndStaysClosedOverARestart(t *testing.T) {
	e, other := small(t, 1), small(t, 2)
	path := filepath.Join(t.TempDir(), "audits.db")
	at := &clock{tempo: 7}
	a := auditor(t, path, e, at)
	id := ServerID{1, 3, 5}
	for n := range Newcomer {
		give(t, a, served(t, e, n, ""))
	}
	give(t, a, served(t, other, 1, ""))
	if !a.Open(id, digest) {
		t.Error("one failure closes it")
	}
	give(t, a, served(t, other, 2, ""))
	if a.Open(id, digest) {
		t.Error("two failures leave it open")
	}
	if last := a.Standing(id, digest).Last; len(last) != 20 || !last[19].Closed || last[19].Outcome != False {
		t.Errorf("%+v", last)
	}
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	a = auditor(t, path, e, at)
	if moved := (ServerID{1, 9, 50}); a.Open(id, digest) || a.Open(moved, digest) {
		t.Error("after a restart, or under another key of its owner, it is open")
	}
	if s := a.Standing(ServerID{1, 9, 50}, digest); !s.Closed || !strings.Contains(s.Why, "is another") {
		t.Errorf("%+v", s)
	}
	if other := [32]byte{2}; a.Standing(id, other).Closed {
		t.Error("the owner's other models are closed too")
	}
	at.tempo += Closed
	if a.Standing(id, digest).Closed {
		t.Error("it never opens")
	}
	if a.Open(id, digest) {
		t.Error("it is paid without having shown a right answer since")
	}
	give(t, a, served(t, e, 1, ""))
	if !a.Open(id, digest) {
		t.Error("a right answer does not open it")
	}
}

func TestWhatIsNotKnownIsHeldAgainstNobody(t *testing.T) {
	e := small(t, 1)
	a := auditor(t, filepath.Join(t.TempDir(), "audits.db"), nil, &clock{})
	for n := range Newcomer {
		give(t, a, served(t, e, n, ""))
	}
	unsigned := served(t, e, 1, "")
	unsigned.Err = receipt.ErrSignature
	give(t, a, unsigned)
	if got := a.Counts(); got.Unknown != Newcomer || got.False != 0 || got.Answers != Newcomer {
		t.Errorf("%+v", got)
	}
	if s := a.Standing(ServerID{1, 3, 5}, digest); s.Closed || s.Open {
		t.Errorf("%+v: nothing is known against it, nothing for it", s)
	}
}

// elsewhere is a library of a model that servers run on another engine.
type elsewhere struct{ *llm.Engine }

func (l elsewhere) Replayer(context.Context, *receipt.Receipt) (engine.Replayer, func(), error) {
	return nil, nil, ErrEngine
}

func (l elsewhere) Gauger(context.Context, *receipt.Receipt) (engine.Gauger, func(), error) {
	return l.Engine, func() {}, nil
}

func TestAServerOnAnotherEngineIsNearAndNeverPaid(t *testing.T) {
	e, other := small(t, 1), small(t, 2)
	path := filepath.Join(t.TempDir(), "audits.db")
	at := &clock{tempo: 7}
	a := auditor(t, path, e, at)
	a.library = elsewhere{e}
	distance := func(of engine.Chatter, uid uint32) float64 {
		for n := range 8 {
			c := served(t, of, n, `,"temperature":0`)
			c.Miner.UID, c.Answer.Tokens = uid, nil
			give(t, a, c)
		}
		s := a.Standing(ServerID{1, uid, 5}, digest)
		if s.Open || s.Closed || s.Near.Answers != 8 || s.Last[7].Outcome != Near || !strings.Contains(s.Why, "another engine") {
			t.Errorf("%+v", s)
		}
		return s.Near.Distance()
	}
	if own, foreign := distance(e, 3), distance(other, 4); own >= foreign/2 {
		t.Errorf("its model is %g away, another %g", own, foreign)
	}
	warm := served(t, e, 1, `,"temperature":1`)
	warm.Miner.UID = 5
	give(t, a, warm)
	if s := a.Standing(ServerID{1, 5, 5}, digest); s.Near.Answers != 0 || s.Last[0].Outcome != Unknown {
		t.Errorf("at a temperature: %+v", s)
	}
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	if s := auditor(t, path, e, at).Standing(ServerID{1, 3, 5}, digest); s.Near.Answers != 8 || s.Open {
		t.Errorf("after a restart: %+v", s)
	}
}

func TestOutcomesOfTheLatestAnswersAreKnown(t *testing.T) {
	a := New(nil, nil, nil, slog.New(slog.DiscardHandler))
	nonce := func(i int) (n [16]byte) {
		binary.BigEndian.PutUint64(n[:], uint64(i))
		return n
	}
	const all = 5 * maxNamed / 2
	for i := range all {
		a.name(nonce(i), outcomes[i%len(outcomes)])
	}
	known := 0
	for i := range all {
		o, is := a.Outcome(nonce(i))
		if want := outcomes[i%len(outcomes)]; is && o != want || !is && i >= all-maxNamed/2 {
			t.Fatalf("the outcome of answer %d of %d is %q, %t, want %q", i, all, o, is, want)
		}
		if is {
			known++
		}
	}
	if known > maxNamed {
		t.Errorf("%d outcomes are kept, at most %d may be", known, maxNamed)
	}
}
