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

// declare says on a miner's card what it can do.
func (m *market) declare(uid uint32, can openai.Ability, context int) {
	m.subnets[0].Miners[uid].Can, m.subnets[0].Miners[uid].Context = can, context
	m.refresh()
}

// refuses answers every request with a status and a body.
func refuses(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	llamaImage   = `{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}`
	llamaContext = `{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":3031,"n_ctx":2048}}`
)

// Requests go to the best miner that can do them.
func TestRequestGoesToAModelThatCanDoIt(t *testing.T) {
	user := `{"role":"user","content":"hi"}`
	body := func(messages, with string) string {
		return `{"model":"chat","messages":[` + messages + `]` + with + `}`
	}
	for name, c := range map[string]struct {
		body  string
		param string
	}{
		"tools":           {body(user, `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"`), "tools"},
		"response_format": {body(user, `,"response_format":{"type":"json_schema"}`), "response_format"},
		"image":           {body(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}`, ``), "messages"},
		"several turns":   {body(user+`,{"role":"assistant","content":"ho"},`+user, ``), "messages"},
		"system prompt":   {body(`{"role":"system","content":"You are a pirate"},`+user, ``), "messages"},
		"n":               {body(user, `,"n":2`), "n"},
		"log-probability": {body(user, `,"logprobs":true`), "logprobs"},
		"a stream":        {body(user, `,"stream":true,"tools":[{"type":"function"}]`), "tools"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t, nil)
			m.add(0, 100, "", says("the best"))
			m.add(0, 10, "", says("another"))
			m.declare(0, openai.CanChat, 0)
			m.declare(1, openai.CanChat|openai.CanTools|openai.CanFormat|openai.CanImages|openai.CanTurns|openai.CanSystem|openai.CanChoices|openai.CanLogprobs, 0)
			_, text := m.post("/v1/chat/completions", c.body)
			require.Contains(t, text, "another")
			require.Equal(t, []int{0, 1}, []int{m.asked(0), m.asked(1)})
			_, text = m.post("/v1/chat/completions", ask)
			require.Contains(t, text, "best")

			m.declare(1, openai.CanChat, 0)
			resp, text := m.post("/v1/chat/completions", c.body)
			require.Equal(t, http.StatusBadRequest, resp.StatusCode)
			require.Contains(t, text, `"code":"unsupported_parameter"`)
			require.Contains(t, text, `"param":"`+c.param+`"`)
			require.Equal(t, []int{1, 1}, []int{m.asked(0), m.asked(1)}, "nobody is asked what nobody can do")
		})
	}
}

// Whoever tells nothing is asked for such things only where nobody tells of them.
func TestWhoTellsComesBeforeWhoDoesNot(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 100, "", says("silent"))
	m.add(0, 10, "", says("declared"))
	m.declare(1, openai.CanChat|openai.CanTools, 0)
	tools := strings.Replace(ask, "{", `{"tools":[{"type":"function"}],`, 1)
	_, text := m.post("/v1/chat/completions", tools)
	require.Contains(t, text, "declared")
	_, text = m.post("/v1/chat/completions", ask)
	require.Contains(t, text, "silent")
	m.declare(1, openai.CanChat, 0)
	_, text = m.post("/v1/chat/completions", tools)
	require.Contains(t, text, "silent")
}

func TestLongRequestGoesToALongContext(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 100, "", says("short"))
	m.add(0, 10, "", says("long"))
	m.declare(0, 0, 160)
	m.declare(1, 0, 8192)
	long := strings.Replace(ask, "What", strings.Repeat("What ", 2000), 1)
	_, text := m.post("/v1/chat/completions", long)
	require.Contains(t, text, "long")
	m.declare(1, 0, 160)
	resp, text := m.post("/v1/chat/completions", long)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, text, `"code":"context_length_exceeded"`)
	require.Zero(t, m.asked(0))
}

// Where a request may not fit, one with room for it comes first, and the miner of the small context has the word where there is
// none: tokens are counted by a rule of thumb.
func TestRequestNearTheEndOfAContextGoesToOneWithRoom(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 100, "", says("small"))
	m.add(0, 10, "", says("roomy"))
	m.declare(0, 0, 160)
	m.declare(1, 0, 8192)
	for words, want := range map[int]string{20: "small", 50: "small", 150: "roomy", 1500: "roomy"} {
		_, text := m.post("/v1/chat/completions", strings.Replace(ask, "What", strings.Repeat("What ", words), 1))
		require.Contains(t, text, want, words)
	}
	m.declare(1, 0, 160)
	_, text := m.post("/v1/chat/completions", strings.Replace(ask, "What", strings.Repeat("What ", 150), 1))
	require.Contains(t, text, "small")
}

func TestEndpointIsAskedOfWhoHasIt(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 100, "", says("text"))
	m.declare(0, openai.CanComplete, 0)
	m.add(1, 100, "talker", says("42"))
	for path, want := range map[string]string{
		"/v1/chat/completions": `"param":"model","code":"not_served"`, "/v1/responses/": `"param":"model","code":"not_served"`, "/v1/messages": `"type":"not_found_error"`,
	} {
		resp, text := m.post(path, strings.Replace(ask, "{", `{"input":"x",`, 1))
		require.Equal(t, http.StatusNotFound, resp.StatusCode, text)
		require.Contains(t, text, want)
		require.Contains(t, text, `answers `+strings.TrimSuffix(path, "/")+`; there is: continuation, talker`, "the door that was asked, and who answers it")
	}
	require.Zero(t, m.asked(0))
}

// A card may say less than is true: what a miner refuses the next is asked, and the consumer reads the best one's reason
// when nobody can. Whatever a consumer sends, no miner is left alone for it.
func TestRefusalIsTriedElsewhereAndBlamesNobody(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   int
		says   string
	}{
		"OpenAI's":            {400, `{"error":{"message":"no tools","type":"invalid_request_error","param":"tools","code":"unsupported_parameter"}}`, 400, `"message":"no tools","type":"invalid_request_error","param":"tools","code":"unsupported_parameter"`},
		"llama.cpp's image":   {500, llamaImage, 400, `"param":"messages","code":"unsupported_parameter"`},
		"llama.cpp's context": {400, llamaContext, 400, `"code":"context_length_exceeded"`},
		"Ollama's":            {400, `{"error":"model runner crashed"}`, 400, "model runner crashed"},
		"FastAPI's":           {422, `{"detail":"Requested tokens exceed context window"}`, 400, "Requested tokens exceed context window"},
		"FastAPI's list":      {422, `{"detail":[{"loc":["body","n"],"msg":"n must be 1"}]}`, 422, "n must be 1"},
		"plain text":          {400, "bad seed", 400, "bad seed"},
		"nothing":             {400, "", 400, "without a reason"},
		"too large":           {413, `{"error":{"message":"too large"}}`, 413, "too large"},
		"a fault everywhere":  {500, `{"error":{"message":"CUDA assert"}}`, 502, "miner_failed"},
	} {
		for _, streaming := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " stream ", streaming), func(t *testing.T) {
				body := ask
				if streaming {
					body = askStream
				}
				m := newMarket(t, nil)
				m.add(0, 100, "", refuses(c.status, c.body))
				m.add(0, 10, "", refuses(c.status, c.body))
				for range 2 * breakAfter {
					resp, text := m.post("/v1/chat/completions", body)
					require.Equal(t, c.want, resp.StatusCode, text)
					require.Contains(t, text, c.says)
				}
				for _, one := range m.subnets[0].Miners {
					require.Zero(t, m.healthOf(one.HotKey).failed)
				}
				m.add(0, 1, "", says("able"))
				_, text := m.post("/v1/chat/completions", body)
				require.Contains(t, text, "able")
			})
		}
	}
}

// A miner that fails where another answers is left alone after some failures in a row.
func TestFailureIsBlamedWhereAnotherAnswers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{"500": fails(500), "cut": sends(two, true), "nothing": noEvents} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t, nil)
			m.add(0, 100, "", h)
			m.add(0, 10, "", says("fine"))
			for range breakAfter + 3 {
				m.post("/v1/chat/completions", ask)
			}
			require.Equal(t, breakAfter, m.asked(0))
			require.Equal(t, breakAfter+3, m.asked(1))
		})
	}
}

// A refusal says that nobody can; where somebody may later, it is that which the consumer hears.
func TestBusyMinerMayStillDoWhatOthersRefuse(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 100, "", refuses(400, llamaContext))
	m.add(0, 10, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	resp, text := m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode, text)
	require.Equal(t, "7", resp.Header.Get("Retry-After"))
}

func TestRefusalsAreBounded(t *testing.T) {
	m := newMarket(t, nil)
	for i := range 3 * maxRefusals {
		m.add(0, uint16(1000-i), "", refuses(400, llamaContext))
	}
	m.post("/v1/chat/completions", ask)
	total := 0
	for i := range m.subnets[0].Miners {
		total += m.asked(uint32(i))
	}
	require.Equal(t, maxRefusals, total)
}
