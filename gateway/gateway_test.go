package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/require"

	"agora/wire"
)

// market is a gateway over real HTTP servers in the miners' place.
type market struct {
	*Gateway
	t      *testing.T
	url    string
	secret string
	logs   *safeBuffer

	mu       sync.Mutex
	servers  map[string]*httptest.Server // by hot key
	subnets  []Subnet
	requests map[uint32]int // by uid
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newMarket starts a gateway before an empty subnet 1 "chat" and subnet 2 "continuation".
func newMarket(t *testing.T, change func(*Config)) *market {
	m := &market{
		t: t, logs: &safeBuffer{}, servers: map[string]*httptest.Server{}, requests: map[uint32]int{},
		subnets: []Subnet{{NetUID: 1, Name: "chat"}, {NetUID: 2, Name: "continuation"}},
	}
	keys, err := OpenKeys(filepath.Join(t.TempDir(), "keys.json"))
	require.NoError(t, err)
	m.secret, _, err = keys.Create("test", Limits{})
	require.NoError(t, err)
	c := Config{
		Miners: m, Ranking: m, Keys: keys, KeyHelp: "run agora gateway keys create NAME",
		Log: slog.New(slog.NewTextHandler(m.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&c)
	}
	m.Gateway, err = New(c)
	require.NoError(t, err)
	m.url = open(t, m.Gateway)
	m.refresh()
	return m
}

// open serves a gateway on loopback until the test's end, and says where. Requests that are open then get five seconds.
func open(t testing.TB, g *Gateway) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := Server(g)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return "http://" + l.Addr().String()
}

func (m *market) Standings(context.Context) ([]Subnet, error) { return m.subnets, nil }

func (m *market) Connected(_ uint32, key ed25519.PublicKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.servers[string(key)] != nil
}

func (m *market) RoundTripper(_ uint32, key ed25519.PublicKey) http.RoundTripper {
	m.mu.Lock()
	defer m.mu.Unlock()
	return redirect{m.servers[string(key)]}
}

// redirect sends a request to a server whatever host it names.
type redirect struct{ to *httptest.Server }

func (d redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.to == nil {
		return nil, wire.ErrNotConnected
	}
	u, err := url.Parse(d.to.URL)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Host = u.Host
	return d.to.Client().Transport.RoundTrip(r)
}

// add puts a miner into a subnet (by index) and returns its uid.
func (m *market) add(subnet int, incentive uint16, model string, h http.HandlerFunc) uint32 {
	public, _, err := ed25519.GenerateKey(nil)
	require.NoError(m.t, err)
	s := &m.subnets[subnet]
	uid := uint32(len(s.Miners))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.requests[uid]++
		m.mu.Unlock()
		h(w, r)
	}))
	m.t.Cleanup(srv.Close)
	m.mu.Lock()
	m.servers[string(public)] = srv
	m.mu.Unlock()
	s.Miners = append(s.Miners, Miner{UID: uid, HotKey: public, Model: model, Incentive: incentive})
	m.refresh()
	return uid
}

// disconnect makes a miner of subnet 1 unreachable.
func (m *market) disconnect(uid uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.servers, string(m.subnets[0].Miners[uid].HotKey))
}

func (m *market) asked(uid uint32) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests[uid]
}

func (m *market) refresh() { require.NoError(m.t, m.Update(m.t.Context())) }

func (m *market) client(opts ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(m.url + "/v1"), option.WithAPIKey(m.secret), option.WithMaxRetries(0),
	}, opts...)...)
}

// post sends a raw body with the market's key and returns the answer, read to its end.
func (m *market) post(path, body string, change ...func(*http.Request)) (*http.Response, string) {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.url+path, strings.NewReader(body))
	require.NoError(m.t, err)
	r.Header.Set("Authorization", "Bearer "+m.secret)
	for _, c := range change {
		c(r)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(m.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(m.t, err)
	return resp, string(text)
}

const ask = `{"model":"chat","messages":[{"role":"user","content":"What is 12 + 30?"}]}`

// says answers every request with a text, as a stream, as miners are asked.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stream(w, text, true)
	}
}

// stream writes one event per word, and the end where it is wanted.
func stream(w http.ResponseWriter, text string, whole bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, word := range strings.SplitAfter(text, " ") {
		fmt.Fprintf(w, "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", word)
		w.(http.Flusher).Flush()
	}
	if whole {
		fmt.Fprint(w, finish, "data: {\"id\":\"c1\",\"choices\":[],\"usage\": {\"prompt_tokens\":5, \"completion_tokens\":2,\"total_tokens\":7}}\n\ndata: [DONE]\n\n")
	}
}

// finish is the chunk that ends an answer.
const finish = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"

func fails(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		http.Error(w, "secret detail", status)
	}
}

func chatOf(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "chat", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

func TestOfficialClientGetsAnAnswer(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 65535, "chat-l", says("It is 42."))
	client := m.client()
	var raw *http.Response
	got, err := client.Chat.Completions.New(t.Context(), chatOf("What is 12 + 30?"), option.WithResponseInto(&raw))
	require.NoError(t, err)
	require.Equal(t, "It is 42.", got.Choices[0].Message.Content)
	require.EqualValues(t, 7, got.Usage.TotalTokens)
	require.Equal(t, "0/"+wire.PeerID(m.subnets[0].Miners[0].HotKey), raw.Header.Get("X-Agora-Miner"))
	require.Equal(t, "chat-l", raw.Header.Get("X-Agora-Model"))
	require.Equal(t, "chat", raw.Header.Get("X-Agora-Subnet"))
	require.Equal(t, "chain", raw.Header.Get("X-Agora-Rank"))
	require.Regexp(t, `^\d+$`, raw.Header.Get("X-Agora-Overhead-Us"))
	require.Regexp(t, `^req_[0-9a-f]{32}$`, raw.Header.Get("X-Request-Id"))
}

func TestOfficialClientGetsAStream(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "chat-l", says("one two three four"))
	client := m.client()
	s := client.Chat.Completions.NewStreaming(t.Context(), chatOf("count"))
	acc := openai.ChatCompletionAccumulator{}
	chunks := 0
	for s.Next() {
		acc.AddChunk(s.Current())
		chunks++
	}
	require.NoError(t, s.Err())
	require.Equal(t, 6, chunks)
	require.Equal(t, "one two three four", acc.Choices[0].Message.Content)
}

func TestStreamReachesTheConsumerEventByEvent(t *testing.T) {
	m := newMarket(t, nil)
	next := make(chan struct{})
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%d\"}}]}\n\n", i)
			w.(http.Flusher).Flush()
			<-next
		}
		fmt.Fprint(w, finish)
	})
	client := m.client()
	s := client.Chat.Completions.NewStreaming(t.Context(), chatOf("count"))
	for i := range 3 {
		require.True(t, s.Next(), "event %d must come before the miner goes on", i)
		require.Equal(t, fmt.Sprint(i), s.Current().Choices[0].Delta.Content)
		next <- struct{}{}
	}
	require.True(t, s.Next())
	require.Equal(t, "stop", s.Current().Choices[0].FinishReason)
	require.False(t, s.Next())
	require.NoError(t, s.Err())
}

func TestDeadMinerMidStreamIsAnErrorNotASilentCut(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		stream(w, "half of ", false)
		fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{"content":"never whole`)
	})
	m.add(0, 0, "", says("not asked"))
	client := m.client()
	s := client.Chat.Completions.NewStreaming(t.Context(), chatOf("tell"))
	text := ""
	for s.Next() {
		text += s.Current().Choices[0].Delta.Content
	}
	require.Equal(t, "half of ", text)
	require.ErrorContains(t, s.Err(), "not complete")
	require.Zero(t, m.asked(1))
}

func TestConsumersLeavingCancelsTheMiner(t *testing.T) {
	m := newMarket(t, nil)
	began, cancelled := make(chan struct{}), make(chan struct{})
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stream(w, "go ", false)
		close(began)
		<-r.Context().Done()
		close(cancelled)
	})
	ctx, leave := context.WithCancel(t.Context())
	client := m.client()
	s := client.Chat.Completions.NewStreaming(ctx, chatOf("tell"))
	require.True(t, s.Next())
	<-began
	leave()
	select {
	case <-cancelled:
	case <-time.After(5 * time.Second):
		t.Fatal("the miner was not cancelled")
	}
	for s.Next() { // what was under way
	}
	require.True(t, errors.Is(s.Err(), context.Canceled), s.Err())
}
