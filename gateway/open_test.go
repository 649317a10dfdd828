package gateway

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"agora/wire/openai"
)

// openMarket has three open models: the best one is slow, the second fast, the smallest has a short context.
func openMarket(t *testing.T) *market {
	m := newMarket(t, nil)
	for uid, incentive := range []uint16{100, 50, 10} {
		name := []string{"large", "middle", "tiny"}[uid]
		m.add(0, incentive, name, says(name))
		miner := &m.subnets[0].Miners[uid]
		miner.Author, miner.Digest, miner.Licence = "agora1ann", "sha256:"+name, "MIT"
		miner.Parameters, miner.Place, miner.Published = uint64(1_000_000>>(4*uid)), uid+1, int64(1_700_000_000+uid)
		miner.Capability, miner.Context = 0.9-0.2*float64(uid), 4096>>(3*uid)
	}
	m.subnets[0].Created = 1_600_000_000
	m.refresh()
	return m
}

func TestOpenModelsAreAskedByEveryName(t *testing.T) {
	m := openMarket(t)
	for model, want := range map[string]string{
		"chat": "large", "chat:best": "large", "chat:small": "tiny", "agora1ann/middle": "middle", "sha256:tiny": "tiny", "middle": "middle",
		"chat:fast": "middle", "sha256:large:fast": "large", "agora1ann/large:fast": "large",
	} {
		for i, speed := range []float64{5, 80, 1} { // tokens per second, before each request, since each is seen too
			h := m.healthOf(m.subnets[0].Miners[i].HotKey)
			h.mu.Lock()
			h.latency, h.speed = 0.1, speed
			h.mu.Unlock()
		}
		resp, text := m.post("/v1/chat/completions", asking(model, ""))
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", model, text)
		require.Contains(t, text, `"content":"`+want+`"`, model)
	}
}

func TestCompletionsAreRefusedWhereAnswersAreRunAgain(t *testing.T) {
	m := openMarket(t)
	const question = `{"model":"chat","prompt":"the old","max_tokens":4}`
	for i := range m.subnets[0].Miners {
		m.subnets[0].Miners[i].Open = true
	}
	m.refresh()
	resp, text := m.post("/v1/completions", question)
	require.Equal(t, http.StatusNotFound, resp.StatusCode, text)
	require.Contains(t, text, "ask /v1/chat/completions")
	require.Contains(t, text, "not_served")
	for i := range m.subnets[0].Miners {
		require.Zero(t, m.asked(uint32(i)))
	}
	resp, _ = m.post("/v1/chat/completions", asking("chat", ""))
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestOpenModelsAreListedWithTheirPublication(t *testing.T) {
	m := openMarket(t)
	_, text := m.post("/v1/models", "", func(r *http.Request) { r.Method = http.MethodGet })
	var list openai.ModelList
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	created := map[string]int64{}
	for _, l := range list.Data {
		created[l.ID] = l.Created
		require.NotNil(t, l.Open, l.ID)
	}
	require.Equal(t, map[string]int64{"chat": 1_700_000_000, "chat:small": 1_700_000_002, "large": 1_700_000_000, "middle": 1_700_000_001, "tiny": 1_700_000_002}, created)
	black := newMarket(t, nil)
	black.add(0, 9, "seer", says("42"))
	black.subnets[0].Created = 1_600_000_000
	black.refresh()
	_, text = black.post("/v1/models", "", func(r *http.Request) { r.Method = http.MethodGet })
	require.Contains(t, text, `"id":"seer","object":"model","created":1600000000`)
}
