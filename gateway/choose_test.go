package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"agora/wire/openai"
)

// asking is the usual question with more fields.
func asking(model, fields string) string {
	return `{"model":"` + model + `",` + fields + `"messages":[{"role":"user","content":"hi"}]}`
}

func TestConsumerChoosesInOpenRoutersWords(t *testing.T) {
	m := newMarket(t, nil)
	for uid, incentive := range []uint16{100, 50, 10, 0} {
		m.add(0, incentive, fmt.Sprintf("m%d", uid), says(fmt.Sprintf("miner %d", uid)))
		miner := &m.subnets[0].Miners[uid]
		miner.PriceIn, miner.PriceOut = uint64(100-10*uid), uint64(100-10*uid)
		miner.Precision = []string{"f16", "q4_k_m", "Q4_K_M", "f16"}[uid]
	}
	m.subnets[0].Miners[1].Can = openai.CanChat
	m.refresh()
	seen := func() { // before each request, since each is seen too
		for i, speed := range []float64{10, 0, 40, 90} { // tokens per second
			h := m.healthOf(m.subnets[0].Miners[i].HotKey)
			h.mu.Lock()
			h.latency, h.speed = 0.1*float64(i+1), speed
			h.mu.Unlock()
		}
	}
	for fields, want := range map[string]string{
		``:                                "miner 0",
		`"provider":{"order":["2","1"]},`: "miner 2",
		`"provider":{"only":["1","2"]},`:  "miner 1",
		`"provider":{"ignore":["0"]},`:    "miner 1",
		`"provider":{"require_parameters":true},`:                                             "miner 1",
		`"provider":{"quantizations":["q4_k_m"]},`:                                            "miner 1",
		`"provider":{"sort":"price"},`:                                                        "miner 2", // the cheapest earns nothing
		`"provider":{"sort":{"by":"latency","partition":"model"},"data_collection":"allow"},`: "miner 0",
		`"provider":{"sort":"throughput"},`:                                                   "miner 2",
		`"provider":{"preferred_min_throughput":{"p50":5}},`:                                  "miner 0",
		`"provider":{"preferred_max_latency":0.15,"ignore":[],"max_price":{"prompt":"0.5","completion":null,"request":0}},`: "miner 0",
		`"provider":{"preferred_max_latency":{"p90":0.05}},`:                                                                "miner 0",
		`"provider":null,"models":null,`:                                                                                    "miner 0",
		`"models":["nowhere","m2"],`:                                                                                        "miner 0",
	} {
		seen()
		resp, text := m.post("/v1/chat/completions", asking("chat", fields))
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
		require.Contains(t, text, want, fields)
	}
	for model, want := range map[string]string{"chat:best": "miner 0", "chat:cheap": "miner 2", "chat:fast": "miner 2", "m1:fast": "miner 1"} {
		seen()
		_, text := m.post("/v1/chat/completions", asking(model, ""))
		require.Contains(t, text, want, model)
	}
	for fields, want := range map[string]string{
		`"provider":{"only":["77"]},`:                                      `"code":"no_provider"`,
		`"provider":{"sort":"beauty"},`:                                    "provider.sort must be",
		`"provider":{"zdr":true},`:                                         "nobody can promise that",
		`"provider":{"data_collection":"deny"},`:                           "nobody can promise that",
		`"provider":[],`:                                                   "provider must be an object, not array",
		`"provider":{"order":"2"},`:                                        "provider.order must be a list, not string",
		`"provider":{"olny":["2"]},`:                                       `\"olny\" is not known here, and nothing is ignored; there is order, only,`,
		`"provider":{"max_price":7},`:                                      "provider.max_price must be an object",
		`"provider":{"max_price":{"prompt":"1,5"}},`:                       "provider.max_price.prompt must be an amount of TAO",
		`"provider":{"max_price":{"completion":-1}},`:                      "provider.max_price.completion must be an amount of TAO",
		`"provider":{"max_price":{"image":1}},`:                            "provider.max_price.image is not known here",
		`"provider":{"preferred_min_throughput":"fast"},`:                  "provider.preferred_min_throughput must be a number",
		`"provider":{"preferred_min_throughput":-5},`:                      "provider.preferred_min_throughput must be a number of 0 or more",
		`"provider":{"preferred_max_latency":{"p51":3}},`:                  "one for each of p50, p75, p90, p99",
		`"provider":{"data_collection":"never"},`:                          "provider.data_collection must be",
		`"provider":{"sort":{"by":"price","partition":"none"}},`:           "provider.sort.partition can only be",
		`"provider":{"sort":{"by":"price","order":"desc"}},`:               "provider.sort must be",
		`"models":"x",`:                                                    "models must be a list",
		`"provider":{"order":["3"],"only":["2"],"allow_fallbacks":false},`: `"code":"no_provider"`,
	} {
		_, text := m.post("/v1/chat/completions", asking("chat", fields))
		require.Contains(t, text, want, fields)
	}
	_, text := m.post("/v1/chat/completions", asking("nowhere", `"models":["m2"],`))
	require.Contains(t, text, "miner 2", "what is not known is passed over")
}

// Another model answers where nobody of the first does, unless the consumer forbids it.
func TestModelsAreFallenBackTo(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", fails(http.StatusInternalServerError))
	m.add(1, 9, "spare", says("the spare"))
	resp, text := m.post("/v1/chat/completions", asking("chat", `"models":["spare"],`))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, text, "the spare")
	require.Equal(t, "spare", resp.Header.Get("X-Agora-Model"))
	resp, _ = m.post("/v1/chat/completions", asking("chat", `"models":["spare"],"provider":{"allow_fallbacks":false},`))
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
}

// As in OpenRouter's examples, the list may stand alone: its first is asked first, through every door.
func TestModelsNeedNoModel(t *testing.T) {
	m := newMarket(t, nil)
	var got string
	m.add(0, 9, "", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		stream(w, "42", true)
	})
	m.add(1, 9, "spare", says("the spare"))
	for path, body := range map[string]string{
		"/v1/chat/completions": `{"models":["chat","spare"],"messages":[{"role":"user","content":"hi"}]}`,
		"/v1/responses":        `{"models":["chat","spare"],"input":"hi"}`,
		"/v1/messages":         `{"models":["chat","spare"],"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`,
	} {
		resp, text := m.post(path, body)
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
		require.Contains(t, text, "42")
		require.Contains(t, got, `"model":"chat"`)
		require.NotContains(t, got, "spare")
	}
	for _, models := range []string{"[]", "null", `"chat"`, "[7]", "{}"} {
		resp, _ := m.post("/v1/chat/completions", `{"models":`+models+`,"messages":[]}`)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, models)
	}
}

// A session stays where its prefix is remembered; others spread.
func TestSessionStaysAtOneMiner(t *testing.T) {
	m := newMarket(t, nil)
	for range 6 {
		m.add(0, 9, "", says("42"))
	}
	where := func(session string) string {
		resp, _ := m.post("/v1/chat/completions", asking("chat", session))
		return resp.Header.Get("X-Agora-Miner")
	}
	homes := map[string]bool{}
	for s := range 12 {
		session := fmt.Sprintf(`"session_id":"s%d",`, s)
		home := where(session)
		homes[home] = true
		for range 3 {
			require.Equal(t, home, where(session))
		}
		require.Equal(t, where(strings.Replace(session, "session_id", "prompt_cache_key", 1)), home)
	}
	require.Greater(t, len(homes), 1)
}

// What a consumer says of choosing is not for miners.
func TestMinersSeeNothingOfTheChoice(t *testing.T) {
	m := newMarket(t, nil)
	var got string
	m.add(0, 9, "", func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		got = string(body)
		stream(w, "42", true)
	})
	m.post("/v1/chat/completions", asking("chat", `"provider":{"only":["0"]},"models":["chat"],"session_id":"s",`))
	require.Equal(t, `{"model":"chat","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}`, got)
}

func TestModelsTellWhatTheyCan(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "seer", says("42"))
	m.declare(0, openai.CanChat|openai.CanTools|openai.CanImages, 4096)
	_, text := m.post("/v1/models", "", func(r *http.Request) { r.Method = http.MethodGet })
	require.Contains(t, text, `"id":"seer"`)
	require.Contains(t, text, `"context_length":4096,"architecture":{"modality":"text+image-\u003etext","input_modalities":["text","image"],"output_modalities":["text"]},"supported_parameters":["max_tokens","temperature","top_p","seed","stop","tools","tool_choice"]`)
	require.Contains(t, text, `"first_id":"chat","last_id":"seer","models":[]`)
}

func TestQuotaIsTold(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.Limits = Limits{PerMinute: 60, Burst: 10} })
	m.add(0, 9, "", says("42"))
	resp, _ := m.post("/v1/chat/completions", ask)
	require.Equal(t, "10", resp.Header.Get("X-Ratelimit-Limit-Requests"))
	require.Equal(t, "9", resp.Header.Get("X-Ratelimit-Remaining-Requests"))
	require.Regexp(t, `^(1|[0-9.]+)m?s$`, resp.Header.Get("X-Ratelimit-Reset-Requests"))
}
