package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/stretchr/testify/require"
)

const (
	askStream = `{"stream":true,"model":"chat","messages":[{"role":"user","content":"What is 12 + 30?"}]}`
	chunk     = `{"id":"c1","choices":[{"index":0,"delta":{"content":"one "},"finish_reason":null}]}`
	two       = "data: " + chunk + "\n\n" + "data: " + chunk + "\n\n"
	ended     = "data: [DONE]\n\n"
)

// sends is a miner that answers with these bytes, or breaks the connection after them.
func sends(text string, broken bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, text)
		w.(http.Flusher).Flush()
		if broken {
			panic(http.ErrAbortHandler)
		}
	}
}

// Whatever a miner's stream ends with, the consumer knows whether the answer is whole: it ends with [DONE], or with an
// error of its own as the last event.
func TestConsumerKnowsWhetherAStreamIsWhole(t *testing.T) {
	for _, c := range []struct {
		name, in string
		broken   bool
		whole    bool
		says     string // of the error
	}{
		{"as OpenAI has it", two + finish + ended, false, true, ""},
		{"without [DONE]", two + finish, false, true, ""},
		{"[DONE] at the end of the stream", two + finish + "data: [DONE]", false, true, ""},
		{"[DONE] without its blank line", two + finish + "data: [DONE]\n", false, true, ""},
		{"more after [DONE]", two + finish + ended + ": bye\n\ndata: {\"error\":{\"message\":\"no\"}}\n\n", false, true, ""},
		{"CRLF", strings.ReplaceAll(two+finish+ended, "\n", "\r\n"), false, true, ""},
		{"bare CR", strings.ReplaceAll(two+finish+ended, "\n", "\r"), false, true, ""},
		{"no space", strings.ReplaceAll(two+finish+ended, "data: ", "data:"), false, true, ""},
		{"a byte order mark", "\ufeff" + two + finish + ended, false, true, ""},
		{"fields", "id: 1\nevent: message\n" + two + "retry: 10\n" + finish + ended, false, true, ""},

		{"no finish_reason", two, false, false, "not complete"},
		{"no finish_reason but [DONE]", two + ended, false, false, "not complete"},
		{"a cut", two, true, false, "not complete"},
		{"a cut after the finish_reason", two + finish, true, false, "not complete"},
		{"a cut in an event", two + "data: {\"cho", true, false, "not complete"},
		{"an error", two + "data: {\"error\":{\"message\":\"GPU died\"}}\n\n" + ended, false, false, "GPU died"},
		{"an error as an event of that name", two + "event: error\ndata: {\"error\":{\"message\":\"GPU died\"}}\n\n", false, false, "GPU died"},
		{"an error beside choices", two + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}],\"error\":{\"message\":\"GPU died\"}}\n\n", false, false, "GPU died"},
		{"no JSON", two + "data: oops\n\n" + ended, false, false, "not complete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t, nil)
			m.add(0, 9, "", sends(c.in, c.broken))
			m.add(0, 1, "", says("not asked"))
			resp, text := m.post("/v1/chat/completions", askStream)
			require.Equal(t, http.StatusOK, resp.StatusCode, text)
			require.True(t, strings.HasPrefix(text, two), "chunks pass as they were: %s", text)
			require.Equal(t, c.whole, strings.HasSuffix(text, "\n\ndata: [DONE]\n\n"), text)
			require.Equal(t, c.whole, !strings.Contains(text, "error"), text)
			require.NotContains(t, text, "event:")
			require.NotContains(t, text, "\r")
			if !c.whole {
				last := strings.Split(strings.TrimSpace(text), "\n\n")
				require.Regexp(t, `^data: \{"error":\{"message":`, last[len(last)-1])
				require.Contains(t, last[len(last)-1], c.says)
			}
			require.Zero(t, m.asked(1))
			client := m.client()
			s := client.Chat.Completions.NewStreaming(t.Context(), chatOf("count"))
			for s.Next() {
			}
			require.Equal(t, c.whole, s.Err() == nil, s.Err())
		})
	}
}

// An error in whatever spelling as a stream's first event is a reason to ask the next miner; comments are no beginning.
func TestErrorAsTheFirstEventFailsOver(t *testing.T) {
	for name, in := range map[string]string{
		"OpenAI's":                "data: {\"error\":{\"message\":\"no\"}}\n\n",
		"no space":                "data:{\"error\":{\"message\":\"no\"}}\n\n",
		"spaces":                  "data: { \"error\": {\"message\":\"no\"}}\n\n",
		"event: error":            "event: error\ndata: {\"message\":\"no\"}\n\n",
		"older vLLM's":            "data: {\"object\":\"error\",\"message\":\"no\",\"code\":500}\n\n",
		"with id":                 "id: 1\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
		"after a comment":         ": keep-alive\n\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
		"after many comments":     strings.Repeat(": keep-alive\n\n", 500) + "data: {\"error\":{\"message\":\"no\"}}\n\n",
		"FastAPI's":               "data: {\"detail\":\"no\"}\n\n",
		"Anthropic's":             "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no\"}}\n\n",
		"Google's list":           "data: [{\"error\":{\"code\":429,\"message\":\"no\",\"status\":\"RESOURCE_EXHAUSTED\"}}]\n\n",
		"a sentence":              "data: upstream timed out\n\n",
		"no choices":              "data: {\"status\":\"loading\"}\n\n",
		"an end":                  ended,
		"comments and an end":     ": hello\n\n" + ended,
		"a refusal":               "data: {\"error\":{\"message\":\"too long\",\"code\":400,\"type\":\"exceed_context_size_error\"}}\n\n",
		"an error beside choices": "data: {\"error\":{\"message\":\"no\"},\"choices\":[]}\n\n",
	} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " plain ", plain), func(t *testing.T) {
				m := newMarket(t, nil)
				m.add(0, 9, "", sends(in, false))
				m.add(0, 1, "", says("next"))
				body := askStream
				if plain {
					body = ask
				}
				resp, text := m.post("/v1/chat/completions", body)
				require.Equal(t, http.StatusOK, resp.StatusCode, text)
				require.Contains(t, text, "next")
				require.NotContains(t, text, "error")
				require.Equal(t, []int{1, 1}, []int{m.asked(0), m.asked(1)})
			})
		}
	}
}

func TestCommentsAreNotLost(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", sends(": one\n\n:two\n"+two+": three\n\n"+finish+ended, false))
	_, text := m.post("/v1/chat/completions", askStream)
	require.Equal(t, ": one\n\n: two\n\n"+two+": three\n\n"+finish+ended, text)
}

// A client that gives up at 150 comments in a row never sees so many.
func TestCommentsAreBounded(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", sends(strings.Repeat(": x\n\n", 900)+two+strings.Repeat(": x\n\n", 900)+finish+ended, false))
	_, text := m.post("/v1/chat/completions", askStream)
	require.True(t, strings.HasSuffix(text, finish+ended))
	for _, part := range strings.Split(text, "data: ") {
		require.Less(t, strings.Count(part, ": x"), 100)
	}
	require.LessOrEqual(t, int(m.Total/newOutlet(nil, "", m.Gateway, nil).gap), 100)
}

// A consumer's plain answer is put together from a stream and lacks nothing.
func TestPlainAnswerLacksNothing(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", sends(`data: {"id":"x","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}`+"\n\n"+
		`data: {"id":"x","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[]}]}},{"index":1,"delta":{"content":"Yo"},"finish_reason":"length"}]}`+"\n\n"+
		`data: {"id":"x","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]}}]}`+"\n\n"+
		`data: {"id":"x","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]},"finish_reason":"tool_calls"}]}`+"\n\n"+
		`data: {"id":"x","object":"chat.completion.chunk","created":7,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}`+"\n\n"+ended, false))
	client := m.client()
	got, err := client.Chat.Completions.New(t.Context(), chatOf("hi"))
	require.NoError(t, err)
	require.Equal(t, "chat.completion", string(got.Object))
	require.EqualValues(t, 7, got.Usage.TotalTokens)
	require.Len(t, got.Choices, 2)
	require.Equal(t, "Hi", got.Choices[0].Message.Content)
	require.Equal(t, `{"a":1}`, got.Choices[0].Message.ToolCalls[0].Function.Arguments)
	require.Equal(t, "tool_calls", got.Choices[0].FinishReason)
	require.Equal(t, -0.5, got.Choices[0].Logprobs.Content[0].Logprob)
	require.Equal(t, "length", got.Choices[1].FinishReason)
}

// A miner that cannot stream may answer at once; half of a plain answer goes on to the next.
func TestMinerThatDoesNotStreamServesPlainRequests(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answerJSON(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}], "usage" : {"prompt_tokens":3,"completion_tokens":4}}`)
	})
	m.add(0, 1, "", says("streamed"))
	_, text := m.post("/v1/chat/completions", ask)
	require.Contains(t, text, "whole")
	_, text = m.post("/v1/chat/completions", askStream)
	require.Contains(t, text, "streamed")
	_, text = m.post("/metrics", "", func(r *http.Request) { r.Method = http.MethodGet })
	require.Contains(t, text, `gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_token_type="output",subnet="chat"} 6`, "in whatever spelling")
}

func TestStreamsHeaderTellsProxiesNotToCollectIt(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", says("x"))
	resp, _ := m.post("/v1/chat/completions", askStream)
	require.Equal(t, "no", resp.Header.Get("X-Accel-Buffering"))
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
}

// late is a miner that says nothing, not even a header, for a time.
func late(wait time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(wait):
			stream(w, "at last", true)
		case <-r.Context().Done():
		}
	}
}

func TestSilenceBeforeTheFirstTokenIsFilledWithComments(t *testing.T) {
	m := newMarket(t, func(c *Config) {
		c.FirstEvent, c.KeepAlive, c.Total = 20*time.Millisecond, 30*time.Millisecond, 3*time.Second
	})
	m.add(0, 9, "", late(300*time.Millisecond))
	resp, text := m.post("/v1/chat/completions", askStream)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "chat", resp.Header.Get("X-Agora-Subnet"))
	before, after, ok := strings.Cut(text, "data: ")
	require.True(t, ok)
	require.GreaterOrEqual(t, strings.Count(before, ": the model is at work\n\n"), 3, "nobody else can answer, so it is waited for")
	require.Contains(t, before, ": x-agora-miner 0/")
	require.Contains(t, after, "at ")
	require.True(t, strings.HasSuffix(after, ended))
	client := m.client()
	s := client.Chat.Completions.NewStreaming(t.Context(), chatOf("hi"))
	acc := openai.ChatCompletionAccumulator{}
	for s.Next() {
		acc.AddChunk(s.Current())
	}
	require.NoError(t, s.Err())
	require.Equal(t, "at last", acc.Choices[0].Message.Content)
}

func TestFailureAfterTheFirstCommentIsAnErrorInTheStream(t *testing.T) {
	m := newMarket(t, func(c *Config) {
		c.WholeAnswer, c.KeepAlive, c.Total = 200*time.Millisecond, 20*time.Millisecond, 2*time.Second
	})
	m.add(0, 9, "", silent)
	resp, text := m.post("/v1/chat/completions", askStream)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Regexp(t, `(?s)^: the model is at work\n\n.*data: \{"error":\{"message":.*"code":"miner_timeout"\}\}\n\n$`, text)
}

// The timer that watches a miner ends its call too, whether the miner goes on, a word at a time, or says nothing.
func TestACallLastsNoLongerThanItMay(t *testing.T) {
	for name, miner := range map[string]http.HandlerFunc{
		"a miner that goes on": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				stream(w, "on ", false)
				time.Sleep(10 * time.Millisecond)
			}
		},
		"a silent miner": silent,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t, func(c *Config) { c.Total, c.Stall, c.WholeAnswer = 300*time.Millisecond, time.Hour, time.Hour })
			m.add(0, 9, "", miner)
			resp, text := m.post("/v1/chat/completions", ask)
			require.Equal(t, http.StatusGatewayTimeout, resp.StatusCode, text)
			_, text = m.post("/v1/chat/completions", askStream)
			require.Contains(t, text, `"error":{"message":`)
			require.NotContains(t, text, "[DONE]")
		})
	}
}

func TestSilenceInTheMiddleIsFilledToo(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.KeepAlive, c.Total = 20*time.Millisecond, 2*time.Second })
	m.add(0, 9, "", func(w http.ResponseWriter, r *http.Request) {
		stream(w, "a ", false)
		time.Sleep(200 * time.Millisecond)
		fmt.Fprint(w, finish)
	})
	_, text := m.post("/v1/chat/completions", askStream)
	require.Contains(t, text, ": the model is at work\n\n")
	require.True(t, strings.HasSuffix(text, finish+ended), text)
}

// A model that is known to start slowly is given the time; one of which nothing is known is passed over for the next.
func TestFirstEventMayTakeWhatTheModelIsKnownToTake(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.FirstEvent, c.WholeAnswer = 100*time.Millisecond, 5*time.Second })
	m.add(0, 9, "slow", late(250*time.Millisecond))
	m.add(0, 1, "", says("next"))
	_, text := m.post("/v1/chat/completions", askStream)
	require.Contains(t, text, "next")
	require.Equal(t, []int{1, 1}, []int{m.asked(0), m.asked(1)})

	_, text = m.post("/v1/chat/completions", strings.Replace(askStream, `"chat"`, `"slow"`, 1))
	require.Contains(t, text, "last", "alone under its name it is waited for")
	_, text = m.post("/v1/chat/completions", askStream)
	require.Contains(t, text, "last", "and from then on it is known")
	require.Equal(t, []int{3, 1}, []int{m.asked(0), m.asked(1)})
}

func TestEventsAreFlushedOneByOne(t *testing.T) {
	m := newMarket(t, nil)
	next := make(chan struct{})
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 5 {
			fmt.Fprint(w, "data: ", chunk, "\n\ndata: ", chunk, "\n\ndata: {\"half\":")
			w.(http.Flusher).Flush()
			<-next
			fmt.Fprint(w, "1}\n\n")
		}
		fmt.Fprint(w, finish)
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.url+"/v1/chat/completions", strings.NewReader(askStream))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+m.secret)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for range 5 {
		for range 4 { // two chunks and their blank lines, before the miner goes on
			require.True(t, lines.Scan())
		}
		next <- struct{}{}
	}
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), "stop")
}
