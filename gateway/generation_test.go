package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/wire/openai"
)

// generation reads what the gateway remembers of an answer.
func (m *market) generation(id string, change ...func(*http.Request)) (status int, one generationTold) {
	m.t.Helper()
	change = append(change, func(r *http.Request) { r.Method = http.MethodGet })
	resp, text := m.post("/v1/generation?id="+url.QueryEscape(id), "", change...)
	var body struct{ Data generationTold }
	require.NoError(m.t, json.Unmarshal([]byte(text), &body), text)
	return resp.StatusCode, body.Data
}

func jsonLog(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

// remembered waits until an answer is written down, which is after its last byte.
func (m *market) remembered(id string, change ...func(*http.Request)) (one generationTold) {
	m.t.Helper()
	require.Eventually(m.t, func() bool {
		var status int
		status, one = m.generation(id, change...)
		return status == http.StatusOK
	}, time.Minute, time.Millisecond)
	return one
}

func TestAnswersAreRememberedWithoutTheirWords(t *testing.T) {
	var access safeBuffer
	m := newMarket(t, func(c *Config) { c.Access = jsonLog(&access) })
	m.add(0, 9, "best", sends(speaks("a secret"), false))
	for door, body := range map[string]string{
		"/v1/chat/completions": asking("chat", ""),
		"/v1/responses":        `{"model":"chat","stream":true,"input":"a secret question"}`,
		"/v1/messages":         `{"model":"chat","max_tokens":9,"messages":[{"role":"user","content":"a secret question"}]}`,
	} {
		resp, text := m.post(door, body)
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
		id := resp.Header.Get("X-Generation-Id")
		require.Equal(t, resp.Header.Get("X-Request-Id"), id)
		one := m.remembered(id)
		require.Equal(t, id, one.ID)
		require.Equal(t, "best", one.Model)
		require.Equal(t, "chat", one.Subnet)
		require.Equal(t, "stop", one.Finish)
		require.Equal(t, strings.Contains(body, `"stream":true`), one.Streamed)
		require.Positive(t, one.Out)
		require.Equal(t, one.Out, one.NativeOut)
		require.Equal(t, "0", one.Cost.String())
		require.Equal(t, resp.Header.Get("X-Agora-Miner"), one.Provider)
		require.Equal(t, one.Upstream, m.remembered(one.Upstream).Upstream, "by the answer's own id")
		stranger, _, err := m.Keys.Create("stranger", Limits{})
		require.NoError(t, err)
		status, _ := m.generation(id, bearer(stranger))
		require.Equal(t, http.StatusNotFound, status, "nobody else's")
	}
	status, _ := m.generation("")
	require.Equal(t, http.StatusNotFound, status)
	require.Eventually(t, func() bool { return strings.Count(access.String(), `"msg":"request"`) == 3 }, time.Minute, time.Millisecond)
	require.Contains(t, access.String(), `"miner":"`)
	require.NotContains(t, access.String(), "secret")
}

func TestGenerationsTellWhatUsageTold(t *testing.T) {
	m := newMarket(t, nil)
	usage := `data: {"id":"c1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":1}}}` + "\n\n"
	m.add(0, 9, "", sends(`data: {"id":"c1","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"length"}]}`+"\n\n"+usage+ended, false))
	resp, text := m.post("/v1/chat/completions", asking("chat", ""))
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	one := m.remembered("c1")
	require.Equal(t, []int{5, 2, 3, 1}, []int{one.In, one.Out, one.Cached, one.Reasoning})
	require.Equal(t, "length", one.Finish)
}

func TestAPaidGenerationTellsItsCost(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(1, says("It is 42."))
	secret, _, err := m.Keys.Create("alice", Limits{})
	require.NoError(t, err)
	resp, text := m.post("/v1/chat/completions", ask, bearer(secret))
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	one := m.remembered(resp.Header.Get("X-Generation-Id"), bearer(secret))
	require.NotNil(t, one.CostInRao)
	require.EqualValues(t, price7, *one.CostInRao)
	require.Equal(t, "0.000735", one.Cost.String())
}

func TestTheOldestGenerationsGo(t *testing.T) {
	var g generations
	const more = 10
	for i := range maxGenerations + more {
		g.keep(generation{owner: "k", id: fmt.Sprint(i), upstream: "same"})
	}
	for i := range more {
		_, ok := g.find("k", fmt.Sprint(i))
		require.False(t, ok)
	}
	one, ok := g.find("k", fmt.Sprint(more))
	require.True(t, ok)
	require.Equal(t, fmt.Sprint(more), one.id)
	one, ok = g.find("k", "same")
	require.True(t, ok, "the last one of that name")
	require.Equal(t, fmt.Sprint(maxGenerations+more-1), one.id)
	require.Len(t, g.ring, maxGenerations)
	require.Len(t, g.names, maxGenerations)
}

// What is told of an answer is the same after it was written down.
func TestGenerationsAreReadAsTheyWereWritten(t *testing.T) {
	for _, one := range []generation{
		{at: time.Unix(1, 2)},
		{
			owner: "k", id: "i", upstream: strings.Repeat("u", 300), door: "chat", model: "m", provider: "p", subnet: "s", finish: "stop", receipt: "r",
			at: time.Now(), streamed: true, left: true, status: 200, first: time.Second, took: -time.Millisecond, rao: 1<<64 - 1, paid: true,
			usage: openai.Usage{PromptTokens: 7, CompletionTokens: -3, PromptDetails: &openai.PromptDetails{CachedTokens: 9}, CompletionDetails: &openai.CompletionDetails{ReasoningTokens: 2}},
		},
	} {
		w := written{texts: []byte("before")}
		w.take(&one)
		got := w.read()
		require.Equal(t, one.tell(), got.tell())
		require.Equal(t, one.owner, got.owner)
	}
}
