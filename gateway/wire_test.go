package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/stretchr/testify/require"

	"agora/engine"
	"agora/miner"
	"agora/wire"
	wireopenai "agora/wire/openai"
)

// calculator is an engine that adds two numbers and knows how sure it is.
type calculator struct {
	name  string
	wait  chan struct{} // where set, it says one word and waits for the channel or the end of the request
	ended chan struct{}
}

func (c calculator) Info() engine.Info { return engine.Info{Model: c.name, Engine: "test"} }

func (c calculator) Chat(ctx context.Context, req *wireopenai.ChatRequest, emit func(engine.Token) error) (wireopenai.Usage, engine.Finish, error) {
	var a, b int
	question := string(req.Messages[len(req.Messages)-1].Content)
	if _, err := fmt.Sscanf(question, "What is %d + %d?", &a, &b); err != nil {
		return wireopenai.Usage{}, "", wireopenai.Invalid("messages", "I only add")
	}
	words := []string{"It ", "is ", fmt.Sprint(a + b), "."}
	limit, finish := len(words), engine.FinishStop
	if req.MaxTokens != nil && *req.MaxTokens < limit {
		limit, finish = *req.MaxTokens, engine.FinishLength
	}
	for i, w := range words[:limit] {
		t := engine.Token{Bytes: []byte(w), Logprob: math.Log(.9), Top: []engine.Alternative{{Bytes: []byte(w), Logprob: math.Log(.9)}}}
		if err := emit(t); err != nil {
			return wireopenai.Usage{}, "", err
		}
		if i == 0 && c.wait != nil {
			select {
			case <-c.wait:
			case <-ctx.Done():
				close(c.ended)
				return wireopenai.Usage{}, "", ctx.Err()
			}
		}
	}
	return wireopenai.Usage{PromptTokens: 6, CompletionTokens: limit, TotalTokens: 6 + limit}, finish, nil
}

// network is a gateway over a real hub, with real miner servers connected to it.
type network struct {
	*Gateway
	t       testing.TB
	hub     *wire.Hub
	key     ed25519.PrivateKey
	url     string
	secret  string
	home    string // of what signs keeps
	subnets []Subnet
	stop    []context.CancelFunc
}

func (n *network) Standings(context.Context) ([]Subnet, error) { return n.subnets, nil }

func newNetwork(t testing.TB, engines ...engine.Engine) *network {
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	hub, err := wire.Listen("127.0.0.1:0", key, func(uint32, ed25519.PublicKey) error { return nil }, wire.Options{Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { hub.Close() })
	n := &network{t: t, hub: hub, key: key, subnets: []Subnet{{NetUID: 1, Name: "chat"}}}
	for _, e := range engines {
		n.join(e, quiet)
	}
	keys, err := OpenKeys(filepath.Join(t.TempDir(), "keys.json"))
	require.NoError(t, err)
	n.secret, _, err = keys.Create("test", Limits{PerMinute: 1e9, Burst: 1e6, InFlight: 1000, Tokens: 1e9})
	require.NoError(t, err)
	n.Gateway, err = New(Config{Miners: hub, Ranking: n, Keys: keys, Log: quiet})
	require.NoError(t, err)
	require.NoError(t, n.Update(t.Context()))
	n.url = open(t, n.Gateway)
	return n
}

// join connects a miner; those that join first are ranked higher.
func (n *network) join(e engine.Engine, log *slog.Logger) {
	n.serve(e.Info().Model, miner.NewServer(e, miner.Options{Log: log, Capacity: 64, Queue: 1000}), log)
}

func (n *network) serve(model string, h http.Handler, log *slog.Logger) {
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(n.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		err := wire.Serve(ctx, wire.ServeConfig{
			Key: key, NetUID: n.subnets[0].NetUID, Validator: n.key.Public().(ed25519.PublicKey), Addr: n.hub.Addr(), Handler: h, AllowPrivate: true, Log: log,
			OnChange: func(connected bool, _ error) {
				if connected {
					up <- struct{}{}
				}
			},
		})
		if err != nil {
			n.t.Error(err)
		}
	}()
	stop := func() { cancel(); <-done }
	n.t.Cleanup(stop)
	n.stop = append(n.stop, stop)
	<-up
	require.Eventually(n.t, func() bool { return n.hub.Connected(n.subnets[0].NetUID, public) }, 5*time.Second, time.Millisecond)
	s := &n.subnets[0]
	uid := len(s.Miners)
	s.Miners = append(s.Miners, Miner{UID: uint32(uid), HotKey: public, Model: model, Incentive: uint16(60_000 >> uid)})
}

func (n *network) client() openai.Client {
	return openai.NewClient(option.WithBaseURL(n.url+"/v1"), option.WithAPIKey(n.secret), option.WithMaxRetries(0))
}

func TestMarketAnswersOverTheWire(t *testing.T) {
	n := newNetwork(t, calculator{name: "best"}, calculator{name: "second"})
	client := n.client()
	p := chatOf("What is 12 + 30?")
	p.Logprobs, p.TopLogprobs = param.NewOpt(true), param.NewOpt[int64](1)
	p.Temperature, p.Seed = param.NewOpt(0.0), param.NewOpt[int64](7)
	got, err := client.Chat.Completions.New(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "It is 42.", got.Choices[0].Message.Content)
	require.Equal(t, "best", got.Model)
	require.Equal(t, "stop", got.Choices[0].FinishReason)
	require.EqualValues(t, 10, got.Usage.TotalTokens)
	require.Len(t, got.Choices[0].Logprobs.Content, 4)
	require.InDelta(t, math.Log(.9), got.Choices[0].Logprobs.Content[2].TopLogprobs[0].Logprob, 1e-9)

	p.Model, p.MaxTokens = "second", param.NewOpt[int64](2)
	got, err = client.Chat.Completions.New(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "It is ", got.Choices[0].Message.Content)
	require.Equal(t, "second", got.Model)
	require.Equal(t, "length", got.Choices[0].FinishReason)

	_, err = client.Chat.Completions.New(t.Context(), chatOf("Tell me a story."))
	require.Contains(t, message(err), "I only add")
	_, err = client.Completions.New(t.Context(), openai.CompletionNewParams{Model: "chat", Prompt: openai.CompletionNewParamsPromptUnion{OfString: param.NewOpt("x")}})
	require.Contains(t, message(err), "nobody who serves \"chat\" answers /v1/completions; nobody here does")
}

// message is what the official client read of a refusal.
func message(err error) string {
	var e *openai.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return fmt.Sprint(err)
}

func TestStreamWithUsageOverTheWire(t *testing.T) {
	n := newNetwork(t, calculator{name: "best"})
	client := n.client()
	p := chatOf("What is 1 + 1?")
	p.StreamOptions.IncludeUsage = param.NewOpt(true)
	s := client.Chat.Completions.NewStreaming(t.Context(), p)
	acc := openai.ChatCompletionAccumulator{}
	for s.Next() {
		acc.AddChunk(s.Current())
	}
	require.NoError(t, s.Err())
	require.Equal(t, "It is 2.", acc.Choices[0].Message.Content)
	require.EqualValues(t, 10, acc.Usage.TotalTokens)
}

func TestStoppedMinerOverTheWire(t *testing.T) {
	n := newNetwork(t, calculator{name: "best"}, calculator{name: "second"})
	client := n.client()
	for i, want := range []string{"best", "second"} {
		got, err := client.Chat.Completions.New(t.Context(), chatOf("What is 12 + 30?"))
		require.NoError(t, err)
		require.Equal(t, want, got.Model)
		if i == 0 {
			n.stop[0]() // the very next request must succeed, through the next one
		}
	}
}

func TestMinerStoppedMidStreamOverTheWire(t *testing.T) {
	c := calculator{name: "best", wait: make(chan struct{}), ended: make(chan struct{})}
	n := newNetwork(t, c)
	client := n.client()
	s := client.Chat.Completions.NewStreaming(t.Context(), chatOf("What is 1 + 1?"))
	require.True(t, s.Next())
	go n.stop[0]()
	for s.Next() {
	}
	require.Error(t, s.Err(), "half an answer must not look whole")
}

func TestLeavingConsumerStopsTheEngineOverTheWire(t *testing.T) {
	for name, streaming := range map[string]bool{"stream": true, "whole": false} {
		t.Run(name, func(t *testing.T) {
			c := calculator{name: "best", wait: make(chan struct{}), ended: make(chan struct{})}
			n := newNetwork(t, c)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			body, err := json.Marshal(map[string]any{
				"model": "chat", "stream": streaming, "messages": []any{map[string]any{"role": "user", "content": "What is 1 + 1?"}},
			})
			require.NoError(t, err)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/v1/chat/completions", bytes.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+n.secret)
			if !streaming {
				time.AfterFunc(50*time.Millisecond, leave)
			}
			resp, err := http.DefaultClient.Do(r)
			if streaming {
				require.NoError(t, err)
				defer resp.Body.Close()
				_, err = resp.Body.Read(make([]byte, 1))
				require.NoError(t, err)
				leave()
			}
			select {
			case <-c.ended:
			case <-time.After(10 * time.Second):
				t.Fatal("the engine still works")
			}
		})
	}
}

func TestNinetyFivePercentGoToTheTop(t *testing.T) {
	n := newNetwork(t, calculator{name: "best"}, calculator{name: "second"}, calculator{name: "third"})
	client := n.client()
	const asks = 100
	best := 0
	for i := range asks {
		got, err := client.Chat.Completions.New(t.Context(), chatOf(fmt.Sprintf("What is %d + 1?", i)))
		require.NoError(t, err)
		if got.Model == "best" {
			best++
		}
	}
	require.Equal(t, asks, best)
}

// BenchmarkGateway compares a request through the gateway to the same request sent straight to the same HTTP handler,
// in turns, so that both see the same machine. added-us is the difference of the medians.
func BenchmarkGateway(b *testing.B) {
	answer := []byte(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"` +
		strings.Repeat("x", 800) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}` + "\n\ndata: [DONE]\n\n")
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(answer)
	})
	direct := httptest.NewServer(echo)
	b.Cleanup(direct.Close)
	for _, size := range []int{1 << 10, 32 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			n := newNetwork(b)
			n.serve("m", echo, slog.New(slog.DiscardHandler))
			require.NoError(b, n.Update(b.Context()))
			body := []byte(`{"model":"chat","messages":[{"role":"user","content":"` + strings.Repeat("word ", size/5) + `"}]}`)
			var through, straight []time.Duration
			for b.Loop() {
				straight = append(straight, timed(b, direct.URL, n.secret, body))
				through = append(through, timed(b, n.url, n.secret, body))
			}
			b.ReportMetric(float64(median(straight).Microseconds()), "direct-us")
			b.ReportMetric(float64((median(through) - median(straight)).Microseconds()), "added-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func timed(b *testing.B, url, secret string, body []byte) time.Duration {
	r, err := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	began := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return time.Since(began)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// Consumers that leave at any moment cost nothing that stays.
func TestLeavingConsumersLeaveNothingBehind(t *testing.T) {
	n := newNetwork(t, calculator{name: "best"})
	body := `{"model":"chat","stream":true,"messages":[{"role":"user","content":"What is 1 + 1?"}]}`
	dice := rand.New(rand.NewPCG(1, 2))
	client := &http.Client{Transport: &http.Transport{}}
	for range 200 {
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(dice.IntN(1500))*time.Microsecond, leave)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/v1/chat/completions", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+n.secret)
		if resp, err := client.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		leave()
	}
	client.CloseIdleConnections()
	require.Eventually(t, func() bool {
		for _, p := range n.hub.Peers() {
			if p.InFlight > 0 {
				return false
			}
		}
		return len(n.slots) == 0 && n.healthOf(n.subnets[0].Miners[0].HotKey).idle()
	}, 10*time.Second, 5*time.Millisecond)
	official := n.client()
	got, err := official.Chat.Completions.New(t.Context(), chatOf("What is 2 + 3?"))
	require.NoError(t, err)
	require.Equal(t, "It is 5.", got.Choices[0].Message.Content)
}
