package gateway

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

func with(key, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

// refusing is a market in which everything can go wrong, with a revoked key.
func refusing(t *testing.T) (m *market, revoked string) {
	m = newMarket(t, func(c *Config) { c.MaxBody = 512; c.Attempts = 3 })
	m.add(0, 9, "chat-s", says("42"))
	for i, name := range []string{"broken", "busy", "text-only", "strict", "mute"} {
		m.subnets = append(m.subnets, Subnet{NetUID: uint32(3 + i), Name: name})
	}
	m.add(2, 9, "", fails(http.StatusInternalServerError))
	m.add(2, 1, "", fails(http.StatusBadGateway))
	m.add(3, 1, "", fails(http.StatusTooManyRequests))
	m.add(4, 1, "", fails(http.StatusNotFound))
	m.add(5, 1, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"message":"max_tokens must be at most 256","type":"invalid_request_error","param":"max_tokens","code":null}}`)
	})
	m.add(6, 1, "", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	revoked, key, err := m.Keys.Create("old", Limits{})
	require.NoError(t, err)
	require.NoError(t, m.Keys.Revoke(key.ID))
	return m, revoked
}

// badRequest is one way to be refused.
type badRequest struct {
	name, where, body string
	change            []func(*http.Request)
}

func refusals(m *market, revoked string) []badRequest {
	const chat, text = "POST /v1/chat/completions", "POST /v1/completions"
	body := func(model string) string { return `{"model":"` + model + `","messages":[]}` }
	key := func(authorization string) []func(*http.Request) {
		return []func(*http.Request){with("Authorization", authorization)}
	}
	return []badRequest{
		{"no key", chat, ask, key("")},
		{"not a bearer", chat, ask, key("Basic Zm9v")},
		{"mistyped key", chat, ask, key("Bearer " + m.secret[:40])},
		{"unknown key", chat, ask, key("Bearer " + newSecret())},
		{"revoked key", chat, ask, key("Bearer " + revoked)},
		{"no model", chat, `{"messages":[]}`, nil},
		{"unknown model", chat, body("gpt-5"), nil},
		{"unknown wish", chat, body("chat:cheapest"), nil},
		{"no messages", chat, `{"model":"chat"}`, nil},
		{"no prompt", text, `{"model":"chat","messages":[]}`, nil},
		{"malformed", chat, `{"model":"chat",}`, nil},
		{"not an object", chat, `[]`, nil},
		{"duplicate key", chat, `{"model":"chat","model":"chat"}`, nil},
		{"too large", chat, `{"model":"chat","messages":"` + strings.Repeat("x", 600) + `"}`, nil},
		{"compressed", chat, ask, []func(*http.Request){with("Content-Encoding", "br")}},
		{"wrong method", "GET /v1/chat/completions", "", nil},
		{"unknown path", "POST /v1/batches", "{}", nil},
		{"unknown model of the list", "GET /v1/models/gpt-5", "", nil},
		{"nobody connected", chat, body("continuation"), nil},
		{"all fail", chat, body("broken"), nil},
		{"all busy", chat, body("busy"), nil},
		{"not served", chat, body("text-only"), nil},
		{"the miner's own refusal", chat, body("strict"), nil},
		{"a refusal without a reason", chat, body("mute"), nil},
	}
}

// Every refusal has OpenAI's shape and status, and says what to do.
func TestRefusalsAreAsRecorded(t *testing.T) {
	m, revoked := refusing(t)
	var out strings.Builder
	for _, c := range refusals(m, revoked) {
		method, path, _ := strings.Cut(c.where, " ")
		resp, text := m.post(path, c.body, append(c.change, func(r *http.Request) { r.Method = method })...)
		fmt.Fprintf(&out, "%s: %d", c.name, resp.StatusCode)
		for _, h := range []string{"Retry-After", "Allow", "WWW-Authenticate"} {
			if v := resp.Header.Get(h); v != "" {
				fmt.Fprintf(&out, " %s=%s", h, v)
			}
		}
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"), c.name)
		require.NotEmpty(t, resp.Header.Get("X-Request-Id"), c.name)
		out.WriteString("\n" + strings.TrimSpace(text) + "\n\n")
	}
	golden(t, "refusals.txt", out.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (run with -update to accept):\n%s", path, diff)
	}
}

func TestOfficialClientReadsTheRefusal(t *testing.T) {
	m := newMarket(t, nil)
	client := m.client(option.WithAPIKey("agora-nonsense"))
	_, err := client.Chat.Completions.New(t.Context(), chatOf("hi"))
	var apiErr *openai.Error
	require.ErrorAs(t, err, &apiErr)
	require.Equal(t, http.StatusUnauthorized, apiErr.StatusCode)
	require.Equal(t, "invalid_api_key", apiErr.Code)
	require.Contains(t, apiErr.Message, "to get a key")
}

func TestModelsAreListed(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 5, "chat-l", says(""))
	m.add(0, 9, "chat-l", says(""))
	m.add(0, 1, "chat-s", says(""))
	m.add(1, 1, "ngram-3", says(""))
	client := m.client()
	page, err := client.Models.List(t.Context())
	require.NoError(t, err)
	var ids []string
	for _, one := range page.Data {
		ids = append(ids, one.ID+" of "+one.OwnedBy)
	}
	require.Equal(t, []string{"chat of agora", "continuation of agora", "chat-l of chat", "chat/chat-l@1 of chat", "chat-s of chat", "ngram-3 of continuation"}, ids)
	one, err := client.Models.Get(t.Context(), "ngram-3")
	require.NoError(t, err)
	require.Equal(t, "ngram-3", one.ID)
	for _, name := range []string{"chat/chat-s@2", "chat:fast", "chat-s:cheap"} { // what may be asked may be looked up
		resp, text := m.post("/v1/chat/completions", asking(name, ""))
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
		one, err = client.Models.Get(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, name+" of chat", one.ID+" of "+one.OwnedBy)
	}
	for _, name := range []string{"chat/chat-s@3", "chat:slow"} {
		_, err = client.Models.Get(t.Context(), name)
		require.ErrorContains(t, err, "404 Not Found")
	}
}

func TestKeyHasItsRate(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.Limits = Limits{PerMinute: 6, Burst: 2} })
	m.add(0, 1, "", says("ok"))
	for range 2 {
		resp, _ := m.post("/v1/chat/completions", ask)
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	resp, text := m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	require.Equal(t, "10", resp.Header.Get("Retry-After"))
	require.Contains(t, text, "rate_limit_exceeded")

	other, _, err := m.Keys.Create("other", Limits{PerMinute: 600, Burst: 5})
	require.NoError(t, err)
	for range 5 {
		resp, _ := m.post("/v1/chat/completions", ask, with("Authorization", "Bearer "+other))
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
}

// hold is a miner that answers only when it is let go.
func hold() (h http.HandlerFunc, entered chan struct{}, release func()) {
	entered, let := make(chan struct{}, 16), make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-let
		says("late")(w, r)
	}, entered, func() { close(let) }
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"per key":    func(c *Config) { c.Limits.InFlight = 2 },
		"in all":     func(c *Config) { c.MaxInFlight = 2 },
		"both alike": func(c *Config) { c.MaxInFlight = 2; c.Limits.InFlight = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t, change)
			h, entered, release := hold()
			m.add(0, 1, "", h)
			status := make(chan int, 2)
			for range 2 {
				go func() {
					resp, _ := m.post("/v1/chat/completions", ask)
					status <- resp.StatusCode
				}()
				<-entered
			}
			resp, _ := m.post("/v1/chat/completions", ask)
			require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
			require.Equal(t, "1", resp.Header.Get("Retry-After"))
			release()
			require.Equal(t, http.StatusOK, <-status)
			require.Equal(t, http.StatusOK, <-status)
			resp, _ = m.post("/v1/chat/completions", ask)
			require.Equal(t, http.StatusOK, resp.StatusCode, "places come back")
		})
	}
}

func TestSlowBodyTimesOut(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.BodyTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{\"model\"", m.secret)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestTimeout, resp.StatusCode)
}

func TestBodyWithoutLengthIsBoundedToo(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.MaxBody = 1000 })
	resp, _ := m.post("/v1/chat/completions", "", func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat(" ", 2000)+ask)), -1
	})
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
}

func TestNoPromptAnswerOrKeyIsLogged(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", says("secretanswer"))
	m.add(0, 1, "", fails(http.StatusInternalServerError))
	for _, text := range []string{`{"model":"chat","messages":[{"content":"secretprompt"}]}`, `{"model":"chat","messages":"secretprompt`, `{"model":"secretprompt","messages":[]}`} {
		m.post("/v1/chat/completions", text)
	}
	logs := m.logs.String()
	require.Contains(t, logs, "served")
	require.NotContains(t, logs, "secret")
	require.NotContains(t, logs, m.secret)
}

func TestPanicIsA500(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", says("x"))
	m.Gateway.Miners = explosive{m}
	resp, text := m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.Contains(t, text, "internal_error")
	require.NotContains(t, text, "boom")
	m.Gateway.Miners = m
	resp, _ = m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

type explosive struct{ Miners }

func (explosive) Connected(uint32, ed25519.PublicKey) bool { panic("boom") }

func TestGatewayWithoutRankingSaysSo(t *testing.T) {
	m := newMarket(t, nil)
	m.table.Store(nil)
	resp, text := m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Contains(t, text, "has not read the ranking yet")
	resp, _ = m.post("/healthz", "", func(r *http.Request) { r.Method = http.MethodGet })
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
}

func TestHealthAndMetricsNeedNoKey(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 7, "chat-l", says("It is 42."))
	m.post("/v1/chat/completions", ask)
	get := func(r *http.Request) { r.Method = http.MethodGet; r.Header.Del("Authorization") }
	resp, text := m.post("/healthz", "", get)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, text, `"status":"ok"`)
	require.Contains(t, text, `"connected":1`)
	_, text = m.post("/metrics", "", get)
	for _, line := range []string{
		`agora_gateway_attempts_total{outcome="ok",subnet="chat",uid="0"} 1`,
		`gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",status="200",subnet="chat"} 1`,
		`gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_token_type="output",subnet="chat"} 2`,
		`agora_gateway_in_flight 0`,
	} {
		require.Regexp(t, "(?m)^"+regexp.QuoteMeta(line)+"$", text)
	}
}

func TestUnreadableRankingKeepsTheLast(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.Refresh = time.Millisecond })
	m.add(0, 7, "", says("still here"))
	broken := &flaky{seen: make(chan struct{}, 100)}
	m.Gateway.Ranking = broken
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { m.Run(ctx); close(done) }()
	for range 3 {
		<-broken.seen
	}
	resp, text := m.post("/v1/chat/completions", ask)
	stop()
	<-done
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, text, "still here")
	require.Equal(t, 1, strings.Count(m.logs.String(), "the last one stays in force"), "said once, not every block")
}

type flaky struct{ seen chan struct{} }

func (f *flaky) Standings(context.Context) ([]Subnet, error) {
	select {
	case f.seen <- struct{}{}:
	default:
	}
	return nil, errors.New("the node is down")
}

// A deadline for one answer must not end the connection's next one.
func TestConnectionOutlivesTheWriteDeadline(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.WriteTimeout = 30 * time.Millisecond })
	m.add(0, 1, "", says("one two"))
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	send := func(method, path, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, m.url+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+m.secret)
		resp, err := client.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	for _, body := range []string{ask, strings.Replace(ask, "{", `{"stream":true,`, 1)} {
		send(http.MethodPost, "/v1/chat/completions", body)
		time.Sleep(50 * time.Millisecond) // the deadline must pass: there is nothing to wait for but time
		send(http.MethodGet, "/v1/models", "")
	}
}
