package ngram

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agora/engine"
	"agora/task"
	"agora/task/continuation"
	"agora/wire/openai"
)

var (
	_ engine.Engine    = (*Engine)(nil)
	_ engine.Completer = (*Engine)(nil)
)

func TestSameSeedSameTextAndNoSeedAnother(t *testing.T) {
	req := openai.CompletionRequest{Prompt: "sea: the ", MaxTokens: of(40), Seed: of(int64(7))}
	a, _, _ := complete(t, req)
	b, _, _ := complete(t, req)
	if a != b {
		t.Errorf("%q and %q from one seed", a, b)
	}
	req.Seed = nil
	if c, _, _ := complete(t, req); c == a {
		t.Errorf("%q again without a seed", c)
	}
}

// Run with GOAMD64=v3 and GOARCH=386 too: whoever re-scores an answer elsewhere must get the same bits.
func TestAnswerIsTheSameOnEveryMachine(t *testing.T) {
	var got []string
	for order := 1; order <= MaxOrder; order++ {
		sum := sha256.New()
		req := openai.CompletionRequest{Prompt: "hill: the ", MaxTokens: of(200), Temperature: of(0.7), TopP: of(0.95), Seed: of(int64(3)), Logprobs: of(256)}
		_, _, err := open(t, order).Complete(t.Context(), &req, func(k engine.Token) error {
			_, err := fmt.Fprintln(sum, struct {
				Bytes   []byte
				Logprob float64
				Top     []engine.Alternative
			}{k.Bytes, k.Logprob, k.Top})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, hex.EncodeToString(sum.Sum(nil)[:4]))
	}
	if diff := cmp.Diff(got, []string{"3c4a5cf2", "4c285362", "677d9d31", "0d2a99b9", "78e1f711", "45aa2e1e", "a1696103", "e38457c1"}); diff != "" {
		t.Error(diff)
	}
}

func TestTemperatureZeroIsTheMostProbableByte(t *testing.T) {
	text, usage, finish := complete(t, openai.CompletionRequest{Prompt: "sea: th", MaxTokens: of(1), Temperature: of(0.0)})
	if text != "e" || finish != engine.FinishLength || usage != (openai.Usage{PromptTokens: 7, CompletionTokens: 1, TotalTokens: 8}) {
		t.Errorf("%q %v %+v", text, finish, usage)
	}
}

func TestTemperatureAndNucleusNarrowTheChoice(t *testing.T) {
	rare := func(temperature, nucleus float64) (n int) {
		for seed := range int64(200) {
			text, _, _ := complete(t, openai.CompletionRequest{
				Prompt: "sea: the ", MaxTokens: of(1), Temperature: &temperature, TopP: &nucleus, Seed: &seed,
			})
			if !strings.Contains("sb", text) { // what follows most often
				n++
			}
		}
		return n
	}
	hot, normal, cold, narrow := rare(2, 1), rare(1, 1), rare(0.2, 1), rare(1, 0.01)
	if !(hot > normal && normal > cold) || narrow != 0 {
		t.Errorf("rare bytes: hot %d, normal %d, cold %d, narrow %d", hot, normal, cold, narrow)
	}
}

func TestStopStringIsNotPartOfTheAnswer(t *testing.T) {
	whole, _, _ := complete(t, openai.CompletionRequest{Prompt: "sea: the ", MaxTokens: of(60), Temperature: of(0.0)})
	stop := whole[20:23]
	at := strings.Index(whole, stop)
	text, usage, finish := complete(t, openai.CompletionRequest{
		Prompt: "sea: the ", MaxTokens: of(60), Temperature: of(0.0), Stop: openai.Stop{"zzz", "", stop},
	})
	if text != whole[:at] || finish != engine.FinishStop || usage.CompletionTokens != at {
		t.Errorf("%q %v %+v, want %q", text, finish, usage, whole[:at])
	}
}

func TestHeldBackBytesComeAtTheEndWhereNoStopCame(t *testing.T) {
	whole, _, _ := complete(t, openai.CompletionRequest{Prompt: "sea: the ", MaxTokens: of(10), Temperature: of(0.0)})
	text, _, finish := complete(t, openai.CompletionRequest{
		Prompt: "sea: the ", MaxTokens: of(10), Temperature: of(0.0), Stop: openai.Stop{whole[8:] + "!"},
	})
	if text != whole || finish != engine.FinishLength {
		t.Errorf("%q %v, want %q", text, finish, whole)
	}
}

func TestAlternativesAreSortedAndDeclareTheWholeDistribution(t *testing.T) {
	for order := 1; order <= MaxOrder; order++ {
		e := open(t, order)
		item := continuation.New().Item(task.Seed{8}, uint64(order))
		var req openai.CompletionRequest
		decodePrompt(t, item.Body, &req)
		var got engine.Token
		if _, _, err := e.Complete(t.Context(), &req, func(k engine.Token) error { got = k; return nil }); err != nil {
			t.Fatal(err)
		}
		p, sum := e.Model().Next([]byte(req.Prompt)), 0.0
		for i, a := range got.Top {
			if a.Logprob > 0 || i > 0 && a.Logprob > got.Top[i-1].Logprob {
				t.Fatalf("order %d: alternative %d has %v", order, i, a.Logprob)
			}
			sum += math.Exp(a.Logprob)
		}
		if rest := (1 - sum) / float64(256-len(got.Top)); math.Abs(rest-p[0]) > 1e-9 {
			t.Errorf("order %d: %v is left for each unnamed byte, the model gives it %v", order, rest, p[0])
		}
	}
}

func TestStreamEndsWithItsReader(t *testing.T) {
	e, gone, n := open(t, 3), errors.New("reader gone"), 0
	_, _, err := e.Complete(t.Context(), &openai.CompletionRequest{MaxTokens: of(100)}, func(engine.Token) error {
		if n++; n == 3 {
			return gone
		}
		return nil
	})
	if !errors.Is(err, gone) || n != 3 {
		t.Errorf("%v after %d tokens", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	_, _, err = e.Complete(ctx, &openai.CompletionRequest{MaxTokens: of(100)}, func(engine.Token) error { n++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%v after %d tokens", err, n)
	}
}

func TestBadRequestsSayWhatIsWrong(t *testing.T) {
	for want, req := range map[string]openai.CompletionRequest{
		"prompt":       {Prompt: openai.Prompt(strings.Repeat("a", maxPrompt+1))},
		"max_tokens":   {MaxTokens: of(maxTokens + 1)},
		"temperature":  {Temperature: of(-1.0)},
		"top_p":        {TopP: of(0.0)},
		"logprobs":     {Logprobs: of(257)},
		"n is 2":       {N: of(2)},
		"stop strings": {Stop: make(openai.Stop, 5)},
	} {
		_, _, err := open(t, 1).Complete(t.Context(), &req, func(engine.Token) error { return nil })
		if !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestUnknownModelsAreNamed(t *testing.T) {
	for _, name := range []string{"", "ngram-0", "ngram-9", "ngram-x", "3", "chat-s"} {
		if _, err := Open(name); err == nil {
			t.Errorf("%q opened", name)
		}
	}
}

func FuzzComplete(f *testing.F) {
	f.Add("sea: the ", 5, 0.0, 1.0, int64(1), "the", 3)
	f.Add("\xff\x00", 4096, 2.0, 0.5, int64(-1), "", 256)
	f.Fuzz(func(t *testing.T, prompt string, n int, temperature, nucleus float64, seed int64, stop string, top int) {
		req := openai.CompletionRequest{
			Prompt: openai.Prompt(prompt), MaxTokens: &n, Temperature: &temperature, TopP: &nucleus, Seed: &seed,
			Stop: openai.Stop{stop}, Logprobs: &top,
		}
		count := 0
		usage, finish, err := open(t, 3).Complete(t.Context(), &req, func(k engine.Token) error {
			if count++; !(k.Logprob <= 0) || math.IsInf(k.Logprob, 0) || len(k.Bytes) != 1 || len(k.Top) > top {
				t.Fatalf("token %+v", k)
			}
			return nil
		})
		if errors.Is(err, ErrRequest) {
			return
		}
		if err != nil || usage.CompletionTokens != count || count > n || finish == engine.FinishLength && count != n {
			t.Fatalf("%d tokens of %d, %+v, %q, %v", count, n, usage, finish, err)
		}
	})
}

func open(t testing.TB, order int) *Engine {
	t.Helper()
	e, err := Open("ngram-" + string(rune('0'+order)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// complete runs one request through the order 5 model.
func complete(t *testing.T, req openai.CompletionRequest) (string, openai.Usage, engine.Finish) {
	t.Helper()
	var text []byte
	usage, finish, err := open(t, 5).Complete(t.Context(), &req, func(k engine.Token) error {
		text = append(text, k.Bytes...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text), usage, finish
}

// decodePrompt reads an item's prompt and number of alternatives.
func decodePrompt(t testing.TB, body []byte, req *openai.CompletionRequest) {
	t.Helper()
	var fields struct {
		Prompt      string
		Logprobs    int
		MaxTokens   int `json:"max_tokens"`
		Temperature *float64
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	req.Prompt, req.Logprobs, req.MaxTokens = openai.Prompt(fields.Prompt), &fields.Logprobs, &fields.MaxTokens
	req.Temperature = fields.Temperature
}

func of[T any](v T) *T { return &v }
