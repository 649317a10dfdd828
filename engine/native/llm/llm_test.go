package llm

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"agora/engine"
	"agora/engine/native/batch"
	"agora/engine/native/gguf"
	"agora/engine/native/model"
	"agora/engine/native/modeltest"
	"agora/engine/native/sample"
	"agora/engine/native/tensor"
	"agora/wire/openai"
)

var (
	_ engine.Chatter   = (*Engine)(nil)
	_ engine.Completer = (*Engine)(nil)
	_ engine.Replayer  = (*Engine)(nil)
)

// small is a model of random weights behind ChatML.
func small(t testing.TB, o Options) *Engine {
	t.Helper()
	f, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: 1}))
	if err != nil {
		t.Fatal(err)
	}
	o.Name = "random"
	e, err := New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func request(t testing.TB, body string) *openai.ChatRequest {
	t.Helper()
	r, err := openai.DecodeChat([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const question = `"model":"random","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Say something about the rain."}]`

// answer collects what comes, by choice.
type answer struct {
	text   []string
	tokens [][]engine.Token
	ends   []engine.End
	usage  openai.Usage
	finish engine.Finish
}

func say(t testing.TB, e *Engine, r *openai.ChatRequest) (answer, error) {
	t.Helper()
	n := or(r.N, 1)
	a := answer{text: make([]string, n), tokens: make([][]engine.Token, n), ends: make([]engine.End, n)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	a.usage, a.finish, err = e.Chat(ctx, r, func(k engine.Token) error {
		if k.End != nil {
			a.ends[k.Choice] = *k.End
			return nil
		}
		a.text[k.Choice] += string(k.Bytes)
		a.tokens[k.Choice] = append(a.tokens[k.Choice], k)
		return nil
	})
	return a, err
}

func must(t testing.TB, e *Engine, body string) answer {
	t.Helper()
	a, err := say(t, e, request(t, body))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheSameSeedGivesTheSameAnswerAloneOrAmongOthers(t *testing.T) {
	e := small(t, Options{})
	const body = `{` + question + `,"max_tokens":40,"temperature":1,"seed":7}`
	first := must(t, e, body)
	several := must(t, e, `{`+question+`,"max_tokens":40,"temperature":1,"seed":7,"n":3}`)
	if several.text[0] != first.text[0] || several.text[1] == first.text[0] || several.text[2] == several.text[1] {
		t.Errorf("alone %q, of three %q", first.text, several.text)
	}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if i%2 == 0 {
				must(t, e, `{`+question+`,"max_tokens":30,"temperature":2}`)
				return
			}
			if a := must(t, e, body); a.text[0] != first.text[0] {
				t.Errorf("among others %q, alone %q", a.text[0], first.text[0])
			}
		})
	}
	all.Wait()
	if u := several.usage; u.CompletionTokens != 120 || u.TotalTokens != u.PromptTokens+120 {
		t.Errorf("usage %+v of three answers of 40 tokens", u)
	}
}

func TestAnAnswerEndsAtItsStop(t *testing.T) {
	e := small(t, Options{})
	whole := must(t, e, `{`+question+`,"max_tokens":60}`)
	if whole.finish != engine.FinishLength || whole.usage.CompletionTokens != 60 {
		t.Fatalf("the answer ends by %s after %d tokens", whole.finish, whole.usage.CompletionTokens)
	}
	text := strings.ToValidUTF8(whole.text[0], "")
	cut := text[len(text)/2 : len(text)/2+3]
	body, err := json.Marshal(map[string]any{"model": "random", "messages": []any{map[string]string{"role": "system", "content": "Be brief."}, map[string]string{"role": "user", "content": "Say something about the rain."}}, "max_tokens": 60, "stop": []string{cut}})
	if err != nil {
		t.Fatal(err)
	}
	stopped := must(t, e, string(body))
	before, _, found := strings.Cut(whole.text[0], cut)
	if !found {
		t.Skip("the middle of the answer is not text")
	}
	if stopped.finish != engine.FinishStop || stopped.text[0] != before {
		t.Errorf("stopped at %q: %q by %s, want %q", cut, stopped.text[0], stopped.finish, before)
	}
	if got := stopped.ends[0].Stopped; got != cut || whole.ends[0].Stopped != "" {
		t.Errorf("ended at %q and %q, want %q and none", got, whole.ends[0].Stopped, cut)
	}
}

func TestAnAnswerIsOfTheFormThatIsAsked(t *testing.T) {
	e := small(t, Options{})
	seen := map[string]bool{}
	for seed := range 20 {
		a := must(t, e, `{`+question+`,"temperature":2,"seed":`+string(rune('0'+seed%10))+`,"max_tokens":200,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":
			{"type":"object","properties":{"colour":{"enum":["red","green","blue"]},"sure":{"type":"boolean"},"word":{"type":"string","minLength":3,"maxLength":8}},"required":["colour","sure","word"]}}}}`)
		var v struct {
			Colour string
			Sure   *bool
			Word   string
		}
		if err := json.Unmarshal([]byte(a.text[0]), &v); err != nil || v.Sure == nil || !slices.Contains([]string{"red", "green", "blue"}, v.Colour) || utf8.RuneCountInString(v.Word) < 3 || utf8.RuneCountInString(v.Word) > 8 {
			t.Fatalf("%q: %v", a.text[0], err)
		}
		if a.finish != engine.FinishStop {
			t.Errorf("a whole answer ends by %s", a.finish)
		}
		seen[v.Word] = true
	}
	if len(seen) < 2 {
		t.Errorf("twenty answers at temperature 2 say %v", seen)
	}
}

func TestLogProbabilitiesAreTheModels(t *testing.T) {
	e := small(t, Options{})
	a := must(t, e, `{`+question+`,"max_tokens":10,"logprobs":true,"top_logprobs":5}`)
	if len(a.tokens[0]) != 10 {
		t.Fatalf("%d tokens", len(a.tokens[0]))
	}
	for i, k := range a.tokens[0] {
		if len(k.Top) != 5 || k.Top[0].Logprob != k.Logprob || k.Top[1].Logprob > k.Logprob {
			t.Errorf("token %d: %v among %v; a greedy one is the most probable", i, k.Logprob, k.Top)
		}
	}
	prompt, err := e.chatAsk(t.Context(), request(t, `{`+question+`}`))
	if err != nil {
		t.Fatal(err)
	}
	scores, err := e.Score(t.Context(), append(prompt.prompt, a.ends[0].IDs...))
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range a.tokens[0] {
		if got := scores[len(prompt.prompt)-1+i]; got != k.Logprob {
			t.Errorf("token %d scores %v, its log-probability was %v", i, got, k.Logprob)
		}
	}
}

func TestTheSecondTurnKnowsTheFirst(t *testing.T) {
	e := small(t, Options{})
	first := must(t, e, `{"model":"random","messages":[{"role":"user","content":"Say something about the rain, please."}],"max_tokens":20,"stop":["\n"]}`)
	body, err := json.Marshal(map[string]any{"model": "random", "max_tokens": 5, "messages": []any{
		map[string]string{"role": "user", "content": "Say something about the rain, please."},
		map[string]string{"role": "assistant", "content": strings.ToValidUTF8(first.text[0], "")},
		map[string]string{"role": "user", "content": "And the sun?"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	second := must(t, e, string(body))
	if second.usage.PromptDetails == nil || second.usage.PromptDetails.CachedTokens < first.usage.PromptTokens-1 {
		t.Errorf("%+v of a prompt that begins with %d known tokens", second.usage.PromptDetails, first.usage.PromptTokens)
	}
}

func TestRepliesAreReplayedExactly(t *testing.T) {
	e := small(t, Options{})
	for _, more := range []string{
		``, `,"temperature":1,"seed":1`, `,"temperature":0.7,"top_p":0.9,"seed":-2`, `,"temperature":1.5,"top_k":20,"min_p":0.01,"seed":3`,
		`,"temperature":1,"seed":4,"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":4}}}`,
	} {
		r := request(t, `{`+question+`,"max_tokens":90`+more+`}`)
		a, err := say(t, e, r)
		if err != nil {
			t.Fatal(err)
		}
		ids := a.ends[0].IDs
		seed := sample.SeedOf(0, or(r.Seed, 0))
		check := func(name string, ids []int32, seed sample.Seed, want engine.Verdict) {
			t.Helper()
			got, err := e.Replay(t.Context(), r, ids, seed)
			if err != nil || got.Differs != want.Differs || got.Ends != want.Ends || string(got.Content) != string(want.Content) && got.Right() || got.Finish != want.Finish {
				t.Errorf("%s%s: %+v, %v; want %+v", name, more, got, err, want)
			}
		}
		check("as it was", ids, seed, engine.Verdict{Differs: -1, Ends: true, Content: []byte(a.text[0]), Finish: a.finish})
		check("cut short", ids[:len(ids)-2], seed, engine.Verdict{Differs: -1, Ends: false})
		other := slices.Clone(ids)
		other[len(ids)/2]++
		check("another token", other, seed, engine.Verdict{Differs: len(ids) / 2})
		check("nothing", nil, seed, engine.Verdict{Differs: 0})
		if v, err := e.Replay(t.Context(), r, append(slices.Clone(ids), 5), seed); err != nil || v.Right() {
			t.Errorf("a token too many%s: %+v, %v", more, v, err)
		}
		if r.Temperature != nil {
			if v, err := e.Replay(t.Context(), r, ids, sample.SeedOf(1, 99)); err != nil || v.Differs < 0 {
				t.Errorf("another seed%s: %+v, %v", more, v, err)
			}
		}
	}
	if _, err := e.Replay(t.Context(), request(t, `{`+question+`}`), []int32{1 << 30}, sample.Seed{}); !errors.Is(err, model.ErrToken) {
		t.Errorf("a token that there is not: %v", err)
	}
}

func TestRequestsThatCannotBeAnsweredSayWhy(t *testing.T) {
	e := small(t, Options{Context: 100})
	for body, want := range map[string]struct{ code, says string }{
		`{"model":"random","messages":[{"role":"user","content":"` + strings.Repeat("long ", 100) + `"}]}`:                                            {openai.CodeContext, "reads at most 99"},
		`{` + question + `,"tools":[{"type":"function","function":{"name":"f"}}]}`:                                                                    {"", "does not call tools"},
		`{` + question + `,"response_format":{"type":"json_schema","json_schema":{"schema":{"pattern":"x"}}}}`:                                        {openai.CodeUnsupported, "pattern"},
		`{` + question + `,"response_format":{"type":"yaml"}}`:                                                                                        {openai.CodeUnsupported, "yaml"},
		`{` + question + `,"response_format":{"type":"json_schema"}}`:                                                                                 {"", "missing"},
		`{` + question + `,"tool_choice":"required"}`:                                                                                                 {openai.CodeUnsupported, "required"},
		`{` + question + `,"tool_choice":{"type":"function"}}`:                                                                                        {openai.CodeUnsupported, "forced"},
		`{` + question + `,"min_p":2}`:                                                                                                                {"", "min_p"},
		`{"model":"random","messages":[{"role":"user","content":"x"},{"role":"system","content":"y"}]}`:                                               {"", "may only be the first"},
		`{"model":"random","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}]}`: {"", "no JSON"},
	} {
		_, err := say(t, e, request(t, body))
		var refusal *openai.Error
		if !errors.As(err, &refusal) || refusal.Status != 400 || refusal.Code != want.code || !strings.Contains(refusal.Message, want.says) {
			t.Errorf("%.120s: %#v, want code %q and %q", body, err, want.code, want.says)
		}
	}
}

func TestACancelledAnswerComesBackAtOnce(t *testing.T) {
	e := small(t, Options{Batch: batch.Options{Slots: 1, Queue: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := e.Chat(ctx, request(t, `{`+question+`,"max_tokens":400}`), func(engine.Token) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if a := must(t, e, `{`+question+`,"max_tokens":3}`); a.usage.CompletionTokens != 3 {
		t.Errorf("the next answer has %d tokens", a.usage.CompletionTokens)
	}
	wrong := errors.New("the reader has gone")
	if _, _, err := e.Chat(t.Context(), request(t, `{`+question+`,"max_tokens":9}`), func(engine.Token) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("a reader that goes: %v", err)
	}
}

func TestATextIsContinued(t *testing.T) {
	e := small(t, Options{})
	r := &openai.CompletionRequest{Model: "random", Prompt: "Once upon a"}
	text := ""
	usage, finish, err := e.Complete(t.Context(), r, func(k engine.Token) error { text += string(k.Bytes); return nil })
	if err != nil || usage.CompletionTokens != 16 || finish != engine.FinishLength || text == "" {
		t.Errorf("%q, %+v, %s, %v; want 16 tokens", text, usage, finish, err)
	}
	if _, _, err := e.Complete(t.Context(), &openai.CompletionRequest{Model: "random"}, nil); err == nil {
		t.Error("an empty prompt is continued")
	}
}

func TestABaseModelOnlyContinues(t *testing.T) {
	f := &modeltest.File{}
	modeltest.Tokenizer(f)
	e := small(t, Options{})
	e.template, e.whyNot = nil, errors.New("the file has no chat template")
	if _, err := say(t, e, request(t, `{`+question+`}`)); err == nil || !strings.Contains(err.Error(), "no chat template") || !strings.Contains(err.Error(), "/v1/completions") {
		t.Errorf("a base model is asked: %v", err)
	}
	if can := e.describe(Options{}, told{}).Can; can&openai.CanChat != 0 || can&openai.CanComplete == 0 {
		t.Errorf("a base model can %v", can.Names())
	}
}

func TestTheCardSaysWhatTheFileIs(t *testing.T) {
	info := small(t, Options{Licence: "MIT"}).Info()
	if !strings.HasPrefix(info.Digest, "sha256:") || info.Precision != "Q4_1" || info.Licence != "MIT" || info.Context != 512 || !strings.Contains(info.Metadata, `"parameters":`) {
		t.Errorf("%+v", info)
	}
}

func TestAFoldersTemplateIsFound(t *testing.T) {
	for name, try := range map[string]struct{ jinja, config, want string }{
		"a file of its own":  {"{{ a }}", `{"chat_template":"{{ b }}"}`, "{{ a }}"},
		"in the tokenizer's": {"", `{"chat_template":"{{ b }}"}`, "{{ b }}"},
		"several":            {"", `{"chat_template":[{"name":"default","template":"x"}]}`, ""},
		"none":               {"", `{}`, ""},
		"no file at all":     {"", "", ""},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"chat_template.jinja": try.jinja, "tokenizer_config.json": try.config} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := folderTemplate(dir); err != nil || got != try.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, try.want)
		}
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("an empty folder is opened")
	}
}

// held stands in for a model that wants functions called: only what becomes of its text is looked at.
func TestCallsAreTakenOutOfTheText(t *testing.T) {
	for _, try := range []struct {
		parts  []string
		text   string
		calls  int
		finish engine.Finish
	}{
		{[]string{"Let me", " see", ".<tool", "_call>\n{\"name\":\"f\",\"arguments\":{\"a\":1}}", "\n</tool_call>"}, "Let me see.", 1, engine.FinishCalls},
		{[]string{"<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "<tool_call>{\"name\":\"g\",\"arguments\":{}}</tool_call>"}, "", 2, engine.FinishCalls},
		{[]string{"a <", "tool>", " b"}, "a <tool> b", 0, engine.FinishStop},
		{[]string{"<tool_call>", "never closed"}, "<tool_call>never closed", 0, engine.FinishStop},
	} {
		var text string
		var end engine.End
		o := &outlet{calls: true, emit: func(k engine.Token) error {
			text += string(k.Bytes)
			if k.End != nil {
				end = *k.End
			}
			return nil
		}}
		for _, p := range try.parts {
			if err := o.add(engine.Token{Bytes: []byte(p)}); err != nil {
				t.Fatal(err)
			}
		}
		finish := engine.FinishStop
		if err := o.end(&finish, "", nil); err != nil {
			t.Fatal(err)
		}
		if text != try.text || len(end.Calls) != try.calls || finish != try.finish || end.Finish != try.finish {
			t.Errorf("%q: text %q, %d calls, %s; want %q, %d, %s", try.parts, text, len(end.Calls), finish, try.text, try.calls, try.finish)
		}
	}
}

func TestScoresAreLogarithmsOfProbabilities(t *testing.T) {
	e := small(t, Options{})
	scores, err := e.Score(t.Context(), []int32{5, 6, 7, 8})
	if err != nil || len(scores) != 3 {
		t.Fatalf("%v, %v", scores, err)
	}
	for _, s := range scores {
		if s > 0 || math.IsNaN(s) || s < -100 {
			t.Errorf("a score of %v", s)
		}
	}
	if scores, err := e.Score(t.Context(), []int32{5}); err != nil || len(scores) != 0 {
		t.Errorf("one token: %v, %v", scores, err)
	}
}
