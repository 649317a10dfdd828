package miner

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/require"

	"agora/engine"
	wireopenai "agora/wire/openai"
	"agora/wire/receipt"
)

// parrot is an engine that says the same tokens each time; act, if set, runs before them.
type parrot struct {
	tokens []engine.Token
	act    func(ctx context.Context) error
	fail   error // after the tokens
}

func (p *parrot) Info() engine.Info { return engine.Info{Model: "parrot-1", Engine: "test"} }

func (p *parrot) say(ctx context.Context, emit func(engine.Token) error) (wireopenai.Usage, engine.Finish, error) {
	if p.act != nil {
		if err := p.act(ctx); err != nil {
			return wireopenai.Usage{}, "", err
		}
	}
	for _, t := range p.tokens {
		if err := emit(t); err != nil {
			return wireopenai.Usage{}, "", err
		}
	}
	n := len(p.tokens)
	return wireopenai.Usage{PromptTokens: 3, CompletionTokens: n, TotalTokens: n + 3}, engine.FinishStop, p.fail
}

func (p *parrot) Chat(ctx context.Context, _ *wireopenai.ChatRequest, emit func(engine.Token) error) (wireopenai.Usage, engine.Finish, error) {
	return p.say(ctx, emit)
}

func (p *parrot) Complete(ctx context.Context, _ *wireopenai.CompletionRequest, emit func(engine.Token) error) (wireopenai.Usage, engine.Finish, error) {
	return p.say(ctx, emit)
}

// euro is "a€!" with the euro sign split between two tokens.
func euro() *parrot {
	top := []engine.Alternative{{Bytes: []byte("a"), Logprob: -0.1}, {Bytes: []byte{0xff}, Logprob: math.Inf(-1)}, {Bytes: []byte("c"), Logprob: -3}}
	return &parrot{tokens: []engine.Token{
		{Bytes: []byte("a"), Logprob: -0.1, Top: top},
		{Bytes: []byte{0xe2, 0x82}, Logprob: -1, Top: top},
		{Bytes: []byte{0xac}, Logprob: -0.5, Top: top},
		{Bytes: []byte("!"), Logprob: math.NaN(), Top: top},
	}}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func start(t *testing.T, e engine.Engine, opt Options) (*Server, *httptest.Server) {
	t.Helper()
	opt.Log = quiet()
	s := NewServer(e, opt)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web
}

func client(web *httptest.Server) openai.Client {
	return openai.NewClient(option.WithBaseURL(web.URL+"/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0))
}

func ask() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "chat",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Say it.")},
	}
}

func TestOfficialClientReadsAWholeChatAnswer(t *testing.T) {
	_, web := start(t, euro(), Options{})
	c := client(web)
	p := ask()
	p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(2)
	got, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	choice := got.Choices[0]
	if choice.Message.Content != "a€!" || choice.FinishReason != "stop" || got.Model != "parrot-1" || got.Usage.TotalTokens != 7 {
		t.Fatalf("%s", got.RawJSON())
	}
	probs := choice.Logprobs.Content
	if len(probs) != 4 || probs[1].Token != `bytes:\xe2\x82` || len(probs[1].Bytes) != 2 || probs[1].Bytes[1] != 0x82 {
		t.Fatalf("%+v", probs)
	}
	if top := probs[0].TopLogprobs; len(top) != 2 || top[1].Bytes[0] != 0xff || top[1].Logprob != lowest || probs[3].Logprob != lowest {
		t.Fatalf("%+v", probs)
	}
}

func TestOfficialClientReadsAStreamedChatAnswer(t *testing.T) {
	_, web := start(t, euro(), Options{})
	c := client(web)
	p := ask()
	p.Logprobs = openai.Bool(true)
	p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	defer stream.Close()
	var acc openai.ChatCompletionAccumulator
	var parts []string
	probs := 0
	for stream.Next() {
		chunk := stream.Current()
		if !acc.AddChunk(chunk) {
			t.Fatalf("chunk does not fit: %s", chunk.RawJSON())
		}
		for _, choice := range chunk.Choices {
			parts = append(parts, choice.Delta.Role+choice.Delta.Content)
			probs += len(choice.Logprobs.Content)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if text := acc.Choices[0].Message.Content; text != "a€!" || acc.Choices[0].FinishReason != "stop" || acc.Usage.CompletionTokens != 4 {
		t.Fatalf("%q %+v", text, acc.Usage)
	}
	if got := strings.Join(parts, "|"); got != "assistanta||€|!|" || probs != 4 {
		t.Fatalf("parts %q, %d logprobs", got, probs)
	}
}

func TestOfficialClientReadsACompletionWithItsDistribution(t *testing.T) {
	_, web := start(t, euro(), Options{})
	c := client(web)
	p := openai.CompletionNewParams{
		Model: "continuation", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("x")}, Logprobs: openai.Int(256),
	}
	got, err := c.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	choice := got.Choices[0]
	if choice.Text != "a€!" || choice.FinishReason != "stop" || len(choice.Logprobs.Tokens) != 4 {
		t.Fatalf("%s", got.RawJSON())
	}
	var raw wireopenai.CompletionResponse
	if err := json.Unmarshal([]byte(got.RawJSON()), &raw); err != nil {
		t.Fatal(err)
	}
	lp := raw.Choices[0].Logprobs
	if len(lp.TopBytes) != 4 || len(lp.TopBytes[0]) != 3 || lp.TopBytes[0][1].Bytes[0] != 0xff || lp.TopLogprobs[0][`bytes:\xff`] != lowest {
		t.Fatalf("%+v", lp)
	}
	stream := c.Completions.NewStreaming(t.Context(), p)
	defer stream.Close()
	var text strings.Builder
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text.WriteString(choice.Text)
		}
	}
	if stream.Err() != nil || text.String() != "a€!" {
		t.Fatal(text.String(), stream.Err())
	}
}

// A judge joins streams: whoever streams and whoever answers at once must be told the same of one engine.
func TestStreamAmountsToTheWholeAnswer(t *testing.T) {
	_, web := start(t, euro(), Options{})
	for _, one := range []struct{ path, body string }{
		{"/v1/chat/completions", `"messages":[{"role":"user","content":"Say it."}],"logprobs":true,"top_logprobs":3`},
		{"/v1/chat/completions", `"messages":[{"role":"user","content":"Say it."}]`},
		{"/v1/completions", `"prompt":"Say it.","logprobs":3`},
		{"/v1/completions", `"prompt":"Say it."`},
	} {
		_, whole, _ := post(t, web.URL+one.path, `{"model":"chat",`+one.body+`}`)
		_, stream, _ := post(t, web.URL+one.path, `{"model":"chat",`+one.body+`,"stream":true,"stream_options":{"include_usage":true}}`)
		joined, err := wireopenai.Join(wireopenai.NewStream(strings.NewReader(stream), 1<<20))
		if err != nil {
			t.Fatalf("%s: %v", stream, err)
		}
		if got, want := choices(t, joined), choices(t, []byte(whole)); got != want {
			t.Errorf("%s %s: joined\n%s\nwhole\n%s", one.path, one.body, got, want)
		}
	}
}

// choices are an answer's, in JSON without fields that are null.
func choices(t *testing.T, answer []byte) string {
	t.Helper()
	var fields struct{ Choices []map[string]any }
	if err := json.Unmarshal(answer, &fields); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	for _, c := range fields.Choices {
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	}
	text, err := json.Marshal(fields.Choices)
	if err != nil || len(fields.Choices) != 1 {
		t.Fatalf("%s: %v", answer, err)
	}
	return string(text)
}

// The end of an answer is no token of it.
func TestACompletionTellsOfItsTokensOnly(t *testing.T) {
	p := euro()
	p.tokens = append(p.tokens, engine.Token{End: &engine.End{Finish: engine.FinishStop, Stopped: "."}})
	_, web := start(t, p, Options{})
	for _, streamed := range []string{"", `,"stream":true`} {
		_, body, _ := post(t, web.URL+"/v1/completions", `{"model":"m","prompt":"x","logprobs":1`+streamed+`}`)
		if n := strings.Count(body, `"token_logprobs":[-`); streamed != "" && n != 4 {
			t.Errorf("%d chunks with a token: %s", n, body)
		}
		if streamed == "" && !strings.Contains(body, `"token_logprobs":[-0.1,-1,-0.5,-9999]`) {
			t.Error(body)
		}
		if strings.Contains(body, `"tokens":[""]`) || strings.Contains(body, `"!",""`) {
			t.Errorf("a token without bytes: %s", body)
		}
	}
}

func TestOfficialClientListsTheModel(t *testing.T) {
	_, web := start(t, euro(), Options{})
	c := client(web)
	page, err := c.Models.List(t.Context())
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != "parrot-1" {
		t.Fatal(page, err)
	}
}

func TestOfficialClientSeesErrorsAsOpenAIErrors(t *testing.T) {
	_, web := start(t, &parrot{act: func(context.Context) error { return errors.New("weights at /secret are gone") }}, Options{})
	c := client(web)
	bad := ask()
	bad.Temperature = openai.Float(3)
	cases := []struct {
		params openai.ChatCompletionNewParams
		status int
		param  string
	}{{bad, 400, "temperature"}, {ask(), 500, ""}}
	for _, k := range cases {
		_, err := c.Chat.Completions.New(t.Context(), k.params)
		var e *openai.Error
		if !errors.As(err, &e) || e.StatusCode != k.status || e.Param != k.param || e.Message == "" || strings.Contains(e.Message, "secret") {
			t.Fatalf("got %v", err)
		}
	}
}

func TestStreamThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	p := euro()
	p.fail = errors.New("out of memory")
	s, web := start(t, p, Options{})
	c := client(web)
	stream := c.Chat.Completions.NewStreaming(t.Context(), ask())
	defer stream.Close()
	for stream.Next() {
	}
	if stream.Err() == nil {
		t.Fatal("no error")
	}
	eventually(t, "it counts as failed", func() bool { return s.Stats().Failed == 1 })
}

// A client goes at once when it reads of a failure, often before the handler has returned.
func TestFailureIsTheMinersThoughTheAskerGoesThen(t *testing.T) {
	for name, c := range map[string]struct {
		rec  recorder
		want Outcomes
	}{
		"broke off":                    {recorder{status: 200, broken: true}, Outcomes{Failed: 1}},
		"the asker went and it ended":  {recorder{status: 200, abandoned: true}, Outcomes{Cancelled: 1}},
		"whole, and the asker is gone": {recorder{status: 200}, Outcomes{Served: 1}},
	} {
		if got := (ending{rec: &c.rec, whole: true}).outcome(true); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never came true: %s", what)
}

const body = `{"model":"m","messages":[{"role":"user","content":"x"}]}`

func post(t *testing.T, url, body string) (int, string, http.Header) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func TestRequestsBeyondCapacityAndQueueAreRefusedWith429(t *testing.T) {
	gate := make(chan struct{})
	p := euro()
	p.act = func(ctx context.Context) error { <-gate; return nil }
	s, web := start(t, p, Options{Capacity: 2, Queue: 3})
	url := web.URL + "/v1/chat/completions"
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if status, text, _ := post(t, url, body); status != 200 {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	eventually(t, "two are worked on and three wait", func() bool { st := s.Stats(); return st.InFlight == 2 && st.Waiting == 3 })
	status, text, header := post(t, url, body)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(text, "rate_limit_error") {
		t.Errorf("%d %s", status, text)
	}
	close(gate)
	wg.Wait()
	if got, want := s.Stats().Outcomes, (Outcomes{Served: 5, Refused: 1}); got != want {
		t.Fatalf("%+v", got)
	}
}

func TestSlowAnswerEndsAtTheDeadline(t *testing.T) {
	s, web := start(t, &parrot{act: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}, Options{Timeout: 30 * time.Millisecond})
	status, text, _ := post(t, web.URL+"/v1/completions", `{"model":"m","prompt":"x"}`)
	if status != http.StatusGatewayTimeout || !strings.Contains(text, "30ms") {
		t.Fatalf("%d %s", status, text)
	}
	if st := s.Stats(); st.Failed != 1 || st.InFlight != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestPanicCostsOneRequest(t *testing.T) {
	first := true
	p := euro()
	p.act = func(context.Context) error {
		if first {
			first = false
			panic("index out of range")
		}
		return nil
	}
	s, web := start(t, p, Options{Capacity: 1})
	url := web.URL + "/v1/chat/completions"
	if status, text, _ := post(t, url, body); status != 500 || !strings.HasPrefix(text, `{"error":`) || strings.Contains(text, "index") {
		t.Fatalf("%d %s", status, text)
	}
	if status, text, _ := post(t, url, body); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if got, want := s.Stats().Outcomes, (Outcomes{Served: 1, Failed: 1}); got != want {
		t.Fatalf("%+v", got)
	}
}

func TestConsumerThatLeavesStopsTheEngine(t *testing.T) {
	started, stopped := make(chan struct{}), make(chan struct{})
	s, web := start(t, &parrot{act: func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		close(stopped)
		return ctx.Err()
	}}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, web.URL+"/v1/chat/completions", strings.NewReader(body))
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-stopped
	eventually(t, "it counts as left, not as failed", func() bool { st := s.Stats(); return st.InFlight == 0 && st.Cancelled == 1 && st.Failed == 0 })
}

func TestRequestsAreCountedByKindAndOutcome(t *testing.T) {
	s, web := start(t, euro(), Options{})
	for _, one := range []struct{ path, body string }{
		{"/v1/chat/completions", body},
		{"/v1/chat/completions", `{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`},
		{"/v1/completions", `{"model":"m","prompt":"x"}`},
		{"/v1/completions", `{"model":"m","prompt":"x","temperature":3}`},
	} {
		post(t, web.URL+one.path, one.body)
	}
	const want = "chat: 1 served; chat, streamed: 1 served; completions: 1 served, 1 declined"
	eventually(t, "the counts are there", func() bool { return describe(s.Stats().Kinds) == want })
}

// TestBackendThatIsAwayCostsAnAbsence asks through a proxy whose backend goes and comes back.
func TestBackendThatIsAwayCostsAnAbsence(t *testing.T) {
	var gone atomic.Bool
	w := &Watch{Log: quiet(), Every: 5 * time.Millisecond, Ask: func(context.Context) error {
		if gone.Load() {
			return errors.New("connection refused")
		}
		return nil
	}}
	hub, at := openHub(t, "a")
	backend := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{}`)) })
	s := NewProxy(backend, Options{Log: quiet(), Backend: w})
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	run(t, WhileThere(Static{at}, w), s)
	me := pub(hotKey("miner"))
	eventually(t, "the miner is at its validator", func() bool { return hub.Connected(1, me) })
	gone.Store(true)
	eventually(t, "it leaves", func() bool { return !hub.Connected(1, me) })
	status, text, header := post(t, web.URL+"/v1/completions", `{"model":"m","prompt":"x"}`)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(text, "away") {
		t.Errorf("%d %s", status, text)
	}
	if since, why := w.Away(); since.IsZero() || why == nil {
		t.Error("it does not say that it is away")
	}
	gone.Store(false)
	eventually(t, "it comes back", func() bool { return hub.Connected(1, me) })
	if status, text, _ := post(t, web.URL+"/v1/completions", `{"model":"m","prompt":"x"}`); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if got, want := s.Stats().Outcomes, (Outcomes{Served: 1, Away: 1}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestABusyBackendIsNotAway(t *testing.T) {
	w := &Watch{Log: quiet()}
	for range patience - 1 {
		w.note(context.DeadlineExceeded)
	}
	if w.absent() {
		t.Fatal("away after a slow answer")
	}
	w.note(nil)
	for range patience - 1 {
		w.note(context.DeadlineExceeded)
	}
	if w.absent() {
		t.Fatal("slow answers with a good one between them count as a row")
	}
	if w.note(context.DeadlineExceeded); !w.absent() {
		t.Fatal("there although it answers nothing")
	}
}

// onlyText is an engine without chat.
type onlyText struct{ engine.Completer }

func (onlyText) Info() engine.Info { return engine.Info{Model: "text-only"} }

func TestWrongDoorsAnswerInOpenAIsShape(t *testing.T) {
	_, web := start(t, onlyText{euro()}, Options{MaxBody: 1 << 10})
	cases := []struct {
		path, body string
		status     int
		says       string
	}{
		{"/v1/chat/completions", body, 404, "use /v1/completions"},
		{"/v1/embeddings", "{}", 404, "there is no POST /v1/embeddings"},
		{"/v1/completions", "{", 400, "ends before"},
		{"/v1/completions", `{"model":"m","prompt":"` + strings.Repeat("x", 2<<10) + `"}`, 413, "1024 bytes"},
	}
	for _, c := range cases {
		status, text, _ := post(t, web.URL+c.path, c.body)
		if status != c.status || !strings.HasPrefix(text, `{"error":`) || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", c.path, status, text)
		}
	}
	resp, err := http.Get(web.URL + "/healthz")
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// stopped is an engine that one stop string has ended.
type stopped struct{}

func (stopped) Info() engine.Info { return engine.Info{Model: "stopped", Engine: "test"} }

func (stopped) Chat(_ context.Context, _ *wireopenai.ChatRequest, emit func(engine.Token) error) (wireopenai.Usage, engine.Finish, error) {
	err := errors.Join(emit(engine.Token{Bytes: []byte("Well")}), emit(engine.Token{End: &engine.End{Finish: engine.FinishStop, Stopped: "###"}}))
	return wireopenai.Usage{}, engine.FinishStop, err
}

// A validator of before would hold an answer that names what ended it to be one without a receipt.
func TestAnswersNameTheirStopStringToWhoReadsIt(t *testing.T) {
	s, _ := start(t, stopped{}, Options{})
	for _, c := range []struct {
		nonce, takes string
		named        bool
	}{{"", "", true}, {strings.Repeat("ab", 16), "", false}, {strings.Repeat("ab", 16), receipt.Together, true}} {
		for _, stream := range []string{"false", "true"} {
			r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model":"stopped","messages":[{"role":"user","content":"Go on."}],"stop":"###","stream":`+stream+`}`))
			r.Header.Set(receipt.NonceHeader, c.nonce)
			r.Header.Set(receipt.TakesHeader, c.takes)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			require.Contains(t, w.Body.String(), "Well")
			require.Equal(t, c.named, strings.Contains(w.Body.String(), `"stop_reason":"###"`), w.Body)
		}
	}
}
