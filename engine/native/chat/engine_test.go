package chat

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"agora/engine"
	"agora/task"
	"agora/task/exact"
	"agora/wire/openai"
)

func ptr[T any](v T) *T { return &v }

func question(text string) *openai.ChatRequest {
	return &openai.ChatRequest{Messages: []openai.Message{{Role: "user", Content: openai.Content(text)}}}
}

func open(t testing.TB, name string) *Engine {
	t.Helper()
	e, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func best(t testing.TB) *Engine { return open(t, Models()[len(Models())-1]) }

func answer(t testing.TB, e *Engine, req *openai.ChatRequest) (string, openai.Usage, engine.Finish) {
	t.Helper()
	var b strings.Builder
	usage, finish, err := e.Chat(context.Background(), req, func(tok engine.Token) error {
		b.Write(tok.Bytes)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), usage, finish
}

func TestTheBestModelsAdd(t *testing.T) {
	for _, c := range Cards() {
		if c.Accuracy < 0.7 {
			continue
		}
		e := open(t, c.Name)
		for _, text := range []string{
			"What is 12 + 30?", "what is 12 + 30", "12+30", "12 + 30", "What's 12 + 30?", "What is 12 plus 30?", "Hi! What is 12 + 30?", "Add 12 and 30.",
		} {
			if got, _, _ := answer(t, e, question(text)); got != "42" {
				t.Errorf("%s: %q gives %q", c.Name, text, got)
			}
		}
	}
}

func TestTheBestModelKnowsItsLimits(t *testing.T) {
	e := best(t)
	for text, want := range map[string]string{"Hello!": "Ask me a short question", "Who are you?": "Ask me a short question", "What is the meaning of life?": "I do not know."} {
		if got, _, _ := answer(t, e, question(text)); !strings.HasPrefix(got, want) {
			t.Errorf("%q gives %q", text, got)
		}
	}
}

// The cards' order and spacing hold on fresh questions, drawn from the whole space as a validator draws.
func TestTheLadderRisesOnFreshQuestions(t *testing.T) {
	const n = 300
	last := -1.0
	for _, c := range Cards() {
		e, right := open(t, c.Name), 0
		for i := range uint64(n) {
			q := exact.At(task.Seed{0xf, 0xe, 0xd}, i)
			if text, _, _ := answer(t, e, question(q.Text)); q.Check(text) {
				right++
			}
		}
		share := float64(right) / n
		t.Logf("%s: %.3f of %d, card %.3f", c.Name, share, n, c.Accuracy)
		if share <= last+0.03 {
			t.Errorf("%s is right on %.3f, the one below it on %.3f", c.Name, share, last)
		}
		if math.Abs(share-c.Accuracy) > 0.1 { // over three standard errors
			t.Errorf("%s is right on %.3f, its card says %.3f", c.Name, share, c.Accuracy)
		}
		last = share
	}
}

func TestCardsDescribeTheFilesThatShip(t *testing.T) {
	if len(Models()) < 6 {
		t.Fatalf("the ladder has %d rungs, want at least 6", len(Models()))
	}
	last, total := -1.0, 0
	for _, c := range Cards() {
		e := open(t, c.Name)
		file, err := files.ReadFile("weights/" + c.Name + ".bin")
		if err != nil {
			t.Fatal(err)
		}
		total += len(file)
		if e.Info().Digest != c.Digest || e.Shape().Parameters() != c.Parameters {
			t.Errorf("%s: card has %s and %d parameters, file %s and %d", c.Name, c.Digest, c.Parameters, e.Info().Digest, e.Shape().Parameters())
		}
		if c.Questions < 1000 || c.Steps < 1 || c.Accuracy < last+0.08 && last >= 0 {
			t.Errorf("%s: %d questions, %d steps, accuracy %v after %v", c.Name, c.Questions, c.Steps, c.Accuracy, last)
		}
		last = c.Accuracy
	}
	if total > 3<<20 {
		t.Errorf("weights take %d bytes, at most 3 MiB are embedded", total)
	}
}

func TestUnknownModelIsNamed(t *testing.T) {
	if _, err := Open("../vocab"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if _, ok := Card("chat-none"); ok {
		t.Error("a card of no model")
	}
}

func TestAnswerDependsOnTheLastUserMessageAlone(t *testing.T) {
	e := best(t)
	req := &openai.ChatRequest{Messages: []openai.Message{
		{Role: "user", Content: "What is 1 + 1?"},
		{Role: "assistant", Content: "2"},
		{Role: "user", Content: "What is 12 + 30?"},
		{Role: "assistant", Content: "It is"},
	}}
	if got, _, _ := answer(t, e, req); got != "42" {
		t.Errorf("got %q", got)
	}
}

func TestSeedDecidesTheSample(t *testing.T) {
	e := open(t, Models()[1])
	differ := false
	for seed := range int64(10) {
		req := question("What colour is Ann's hat?")
		req.Temperature, req.Seed, req.TopP = ptr(1.5), ptr(seed), ptr(0.95)
		a, _, _ := answer(t, e, req)
		if b, _, _ := answer(t, e, req); a != b {
			t.Errorf("seed %d gives %q and %q", seed, a, b)
		}
		req.Seed = ptr(seed + 1)
		c, _, _ := answer(t, e, req)
		differ = differ || a != c
	}
	if !differ {
		t.Error("all seeds give the same answer")
	}
}

func TestLittleTopPIsGreedy(t *testing.T) {
	e := best(t)
	req := question("Reverse the word 'stone'.")
	want, _, _ := answer(t, e, req)
	req.Temperature, req.TopP = ptr(2.0), ptr(1e-9)
	if got, _, _ := answer(t, e, req); got != want {
		t.Errorf("top_p 1e-9 gives %q, greedy %q", got, want)
	}
}

func TestLimitStopAndUsage(t *testing.T) {
	e := best(t)
	req := question("Repeat after me: stone river bridge")
	full, usage, finish := answer(t, e, req)
	if full != "stone river bridge" || finish != engine.FinishStop || usage.CompletionTokens != 3 || usage.TotalTokens != usage.PromptTokens+3 {
		t.Fatalf("%q %v %+v", full, finish, usage)
	}
	req.MaxTokens = ptr(2)
	if got, usage, finish := answer(t, e, req); got != "stone river" || finish != engine.FinishLength || usage.CompletionTokens != 2 {
		t.Errorf("two tokens: %q %v %+v", got, finish, usage)
	}
	req.MaxTokens, req.Stop = nil, openai.Stop{"ver b"}
	if got, _, finish := answer(t, e, req); got != "stone ri" || finish != engine.FinishStop {
		t.Errorf("with stop: %q %v", got, finish)
	}
}

func TestLogprobsAreADistribution(t *testing.T) {
	e := best(t)
	req := question("What is 12 + 30?")
	req.Logprobs, req.TopLogprobs = true, ptr(maxTop)
	_, _, err := e.Chat(context.Background(), req, func(tok engine.Token) error {
		sum, last := 0.0, 0.0
		for _, a := range tok.Top {
			if a.Logprob > last {
				t.Errorf("alternatives rise: %v after %v", a.Logprob, last)
			}
			sum, last = sum+math.Exp(a.Logprob), a.Logprob
		}
		if len(tok.Top) != maxTop || sum > 1+1e-6 || sum < 0.99 {
			t.Errorf("%d alternatives hold %v", len(tok.Top), sum)
		}
		if string(tok.Top[0].Bytes) != string(tok.Bytes) || tok.Top[0].Logprob != tok.Logprob {
			t.Errorf("greedy token %q is not the best alternative %q", tok.Bytes, tok.Top[0].Bytes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRequestsThatCannotBeAnsweredSayWhy(t *testing.T) {
	e := best(t)
	for name, change := range map[string]func(*openai.ChatRequest){
		"no message":       func(r *openai.ChatRequest) { r.Messages = nil },
		"no user":          func(r *openai.ChatRequest) { r.Messages[0].Role = "system" },
		"long question":    func(r *openai.ChatRequest) { r.Messages[0].Content = openai.Content(strings.Repeat("1", 200)) },
		"endless question": func(r *openai.ChatRequest) { r.Messages[0].Content = openai.Content(strings.Repeat("1", 1<<20)) },
		"temperature":      func(r *openai.ChatRequest) { r.Temperature = ptr(2.1) },
		"no temperature":   func(r *openai.ChatRequest) { r.Temperature = ptr(math.NaN()) },
		"top_p":            func(r *openai.ChatRequest) { r.TopP = ptr(0.0) },
		"max_tokens":       func(r *openai.ChatRequest) { r.MaxTokens = ptr(0) },
		"n":                func(r *openai.ChatRequest) { r.N = ptr(2) },
		"top_logprobs":     func(r *openai.ChatRequest) { r.Logprobs, r.TopLogprobs = true, ptr(257) },
		"no logprobs":      func(r *openai.ChatRequest) { r.TopLogprobs = ptr(3) },
		"many stops":       func(r *openai.ChatRequest) { r.Stop = make(openai.Stop, 5) },
		"empty stop":       func(r *openai.ChatRequest) { r.Stop = openai.Stop{""} },
	} {
		req := question("What is 12 + 30?")
		change(req)
		_, _, err := e.Chat(context.Background(), req, func(engine.Token) error { return nil })
		var refused *openai.Error
		if !errors.As(err, &refused) || refused.Status != 400 || refused.Param == "" || len(refused.Message) < 25 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCancelledRequestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, _, err := best(t).Chat(ctx, question("Repeat after me: stone river bridge"), func(engine.Token) error {
		n++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d tokens, %v", n, err)
	}
}

func TestManyAtOnceAnswerAsOneAlone(t *testing.T) {
	e := best(t)
	var wg sync.WaitGroup
	for i := range uint64(16) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			text := exact.At(task.Seed{2}, i%4).Text
			want, _, _ := answer(t, open(t, e.Info().Model), question(text))
			for range 5 {
				if got, _, _ := answer(t, e, question(text)); got != want {
					t.Errorf("%q gives %q, alone %q", text, got, want)
				}
			}
		}()
	}
	wg.Wait()
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"model":"chat","messages":[{"role":"user","content":"What is 12 + 30?"}]}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":"hi"}],"temperature":2,"top_p":0.1,"seed":-1,"stop":["a"],"max_tokens":1,"logprobs":true,"top_logprobs":256}`))
	e := open(f, Models()[0])
	f.Fuzz(func(t *testing.T, body []byte) {
		var req openai.ChatRequest
		if json.Unmarshal(body, &req) != nil {
			return
		}
		made := 0
		usage, finish, err := e.Chat(context.Background(), &req, func(tok engine.Token) error {
			made++
			if tok.Logprob > 0 || math.IsNaN(tok.Logprob) {
				t.Fatalf("log-probability %v", tok.Logprob)
			}
			return nil
		})
		if err != nil {
			var refused *openai.Error
			if !errors.As(err, &refused) || refused.Status != 400 {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		if made > usage.CompletionTokens || usage.TotalTokens > e.Info().Context+1 || finish == "" {
			t.Fatalf("%d tokens, %+v, %q", made, usage, finish)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	for _, name := range Models() {
		b.Run(name, func(b *testing.B) {
			e, tokens := open(b, name), 0
			for i := 0; b.Loop(); i++ {
				_, usage, _ := answer(b, e, question(exact.At(task.Seed{1}, uint64(i%200)).Text))
				tokens += usage.TotalTokens
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
