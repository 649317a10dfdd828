package anthropic

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"agora/wire/openai"
)

// agent is what a coding agent sends in the middle of its work.
const agent = `{"model":"chat","max_tokens":50,"stream":true,"temperature":1,"top_k":5,"stop_sequences":["END"],
"system":[{"type":"text","text":"Be short.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"Use tools."}],
"thinking":{"type":"enabled","budget_tokens":1024},"metadata":{"user_id":"u1"},"output_config":{"effort":"max"},
"tools":[{"name":"read","description":"Reads.","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search"},{"type":"custom","name":"list","input_schema":{"type":"object"}}],
"tool_choice":{"type":"any","disable_parallel_tool_use":true},
"messages":[
 {"role":"user","content":"What is in a.txt?"},
 {"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"s"},{"type":"text","text":"I look."},{"type":"tool_use","id":"t1","name":"read","input":{"path":"a.txt"}},{"type":"tool_use","id":"t2","name":"list"}]},
 {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"hello"},
  {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"none"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]},
  {"type":"text","text":"And this?"},{"type":"document","title":"t","source":{"type":"text","media_type":"text/plain","data":"doc"}}]}]}`

func TestAgentsRequestBecomesTheChatThatAsksTheSame(t *testing.T) {
	r, err := Decode([]byte(agent))
	require.NoError(t, err)
	chat, err := r.Chat()
	require.NoError(t, err)
	require.JSONEq(t, `{"model":"chat","max_tokens":50,"temperature":1,"top_k":5,"stop":["END"],"reasoning_effort":"high","session_id":"u1",
"tool_choice":"required","parallel_tool_calls":false,
"tools":[{"type":"function","function":{"name":"read","description":"Reads.","parameters":{"type":"object"}}},{"type":"function","function":{"name":"list","parameters":{"type":"object"}}}],
"messages":[
 {"role":"system","content":"Be short.\nUse tools."},
 {"role":"user","content":"What is in a.txt?"},
 {"role":"assistant","content":"I look.","tool_calls":[{"id":"t1","type":"function","function":{"name":"read","arguments":"{\"path\":\"a.txt\"}"}},{"id":"t2","type":"function","function":{"name":"list","arguments":"{}"}}]},
 {"role":"tool","tool_call_id":"t1","content":"hello"},
 {"role":"tool","tool_call_id":"t2","content":"The tool failed:\nnone"},
 {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},{"type":"text","text":"And this?"},{"type":"text","text":"t\ndoc"}]}]}`, string(chat))
	count, err := r.Count()
	require.NoError(t, err)
	require.Contains(t, string(count), `"max_tokens":1,`)
}

func TestRefusalsSayWhere(t *testing.T) {
	for body, want := range map[string]string{
		`{"messages":[{"role":"user","content":"x"}]}`:                                                                             "model: name a subnet",
		`{"model":"m","messages":[]}`:                                                                                              "at least one message",
		`{"model":"m","messages":[{"role":"robot","content":"x"}]}`:                                                                `messages.0.content: the role must be user or assistant, not "robot"`,
		`{"model":"m","messages":[{"role":"user","content":7}]}`:                                                                   "a string or a list of blocks",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}`:           `"file" cannot be read here`,
		`{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1"}]}]}`:                                 "needs a name",
		`{"model":"m","tool_choice":{"type":"x"},"messages":[{"role":"user","content":"x"}]}`:                                      "tool_choice",
		`{"model":"m","messages":"x"}`:                                                                                             "messages must be a list",
		`{"model":"m","messages":[{"role":"user"}]}`:                                                                               "messages.0.content: a user's message must say something",
		`{"model":"m","messages":[{"role":"user","content":[]}]}`:                                                                  "must say something",
		`{"model":"m","messages":[{"role":"user","content":[7]}]}`:                                                                 "messages.0.content must be an object, not number",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":{}}]}]}`:                                         "messages.0.content.text must be a string, not object",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"txet","text":"x"}]}]}`:                                        `messages.0.content.0: a block of the type "txet" is not understood`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"text","data":"x"}}]}]}`:              `"text" cannot be read here`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"document","source":"x"}]}]}`:                                  "a source is an object",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"document"}]}]}`:                                               "cannot be read here",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"search_result","source":{}}]}]}`:                              "messages.0.content.0.source must be a string",
		`{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","content":"x"}]}]}`:                              "needs a tool_use_id",
		`{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","name":"f"}]}]}`:                               "needs a name and an id",
		`{"model":"m","tools":[{"name":"f"}],"tool_choice":{"type":"tool","name":"g"},"messages":[{"role":"user","content":"x"}]}`: `there is no function "g" in tools`,
		`{"model":"m","output_config":{"format":{"type":"regex"}},"messages":[{"role":"user","content":"x"}]}`:                     `output_config.format: the type must be json_schema, not "regex"`,
		`{"model":"m","output_format":{"type":"json_schema"},"messages":[{"role":"user","content":"x"}]}`:                          "output_format.schema: a JSON schema is wanted",
	} {
		r, err := Decode([]byte(body))
		if err == nil {
			_, err = r.Chat()
		}
		var refusal *openai.Error
		require.True(t, errors.As(err, &refusal), "%s: %v", body, err)
		require.Contains(t, refusal.Message, want, body)
		require.Contains(t, string(Refuse(refusal)), `"type":"invalid_request_error"`)
	}
}

// What stands around a text is said too, and what chats have no word for is told in words.
func TestBlocksKeepWhatTheySay(t *testing.T) {
	for content, want := range map[string]string{
		`[{"type":"document","title":"T","context":"C","source":{"type":"text","media_type":"text/plain","data":"D"}}]`:                                           `"T\nC\nD"`,
		`[{"type":"document","source":{"type":"base64","media_type":"text/plain","data":"REREREQ="}}]`:                                                            `"DDDDD"`,
		`[{"type":"document","title":"T","source":{"type":"content","content":[{"type":"text","text":"D"},{"type":"image","source":{"type":"url","url":"u"}}]}}]`: `[{"type":"text","text":"T\nD"},{"type":"image_url","image_url":{"url":"u"}}]`,
		`[{"type":"document","context":"C","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}}]`:                                             `[{"type":"text","text":"C"},{"type":"file","file":{"filename":"document","file_data":"data:application/pdf;base64,AA=="}}]`,
		`[{"type":"search_result","title":"T","source":"https://s","content":[{"type":"text","text":"D"}],"citations":{"enabled":true}}]`:                         `"T\nhttps://s\nD"`,
		`[{"type":"container_upload","file_id":"f"},{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]`:                                  `"x"`,
		`""`: `""`,
	} {
		r, err := Decode([]byte(`{"model":"m","messages":[{"role":"user","content":` + content + `}]}`))
		require.NoError(t, err)
		body, err := r.Chat()
		require.NoError(t, err, content)
		require.JSONEq(t, `{"model":"m","messages":[{"role":"user","content":`+want+`}]}`, string(body), content)
	}
}

func TestToolsKeepWhatChatsKnow(t *testing.T) {
	r, err := Decode([]byte(`{"model":"m","metadata":{"user_id":"` + strings.Repeat("u", 300) + `"},"tool_choice":{"type":"tool","name":"bash"},
"tools":[{"name":"f","strict":true,"input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}},{"name":"g","input_schema":null},{"type":"bash_20250124","name":"bash"}],
"messages":[{"role":"user","content":"x"}]}`))
	require.NoError(t, err)
	body, err := r.Chat()
	require.NoError(t, err)
	require.JSONEq(t, `{"model":"m","messages":[{"role":"user","content":"x"}],"session_id":"8b5089b44d9fefeafc563a34f6cb19fbdbe3814023622cb463bb4a74caba1c19",
"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object"}}},{"type":"function","function":{"name":"g"}}]}`, string(body))
}

func TestStopsCostAndThinkingAreToldAsAsked(t *testing.T) {
	const answer = `{"choices":[{"index":0,"message":{"content":[{"type":"text","text":"ha"},{"type":"text","text":"lf"}],"reasoning":"Hm"},"finish_reason":"stop","stop_reason":"END"}],
"usage":{"prompt_tokens":1,"completion_tokens":2,"cost":0.5,"cost_details":{"rao":7}}}`
	for stops, want := range map[string]string{`["a","END"]`: `"stop_reason":"stop_sequence","stop_sequence":"END"`, `["a"]`: `"stop_reason":"end_turn","stop_sequence":null`} {
		r, err := Decode([]byte(`{"model":"m","stop_sequences":` + stops + `,"thinking":{"type":"adaptive","display":"omitted"},"messages":[{"role":"user","content":"x"}]}`))
		require.NoError(t, err)
		whole, err := NewWriter(r, "1").Whole([]byte(answer))
		require.NoError(t, err)
		require.Contains(t, string(whole), want)
		require.Contains(t, string(whole), `"content":[{"type":"text","text":"half"}]`)
		require.Contains(t, string(whole), `"output_tokens":2,"cost":0.5,"cost_details":{"rao":7}}`)
		w := NewWriter(r, "1")
		began, err := w.Chunk([]byte(answer))
		require.NoError(t, err)
		require.Contains(t, string(began), `"stop_reason":null,"stop_sequence":null`)
		require.Contains(t, string(w.End()), `"cost":0.5`)
	}
}

// Whatever a server says at the end, tools are to be run and what is cut is cut.
func TestEndsAreToldAsTheyAre(t *testing.T) {
	call := `"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]`
	for _, c := range []struct{ delta, finish, want string }{
		{call, "stop", "tool_use"},
		{call, "tool_calls", "tool_use"},
		{call, "length", "max_tokens"},
		{`"content":"x"`, "stop", "end_turn"},
		{`"content":"x"`, "eos", "end_turn"},
		{`"content":"x"`, "MAX_TOKENS", "max_tokens"},
		{`"content":"x"`, "model_length", "max_tokens"},
		{`"content":"x"`, "SAFETY", "refusal"},
		{`"refusal":"x"`, "content_filter", "refusal"},
	} {
		whole, err := NewWriter(&Request{}, "1").Whole([]byte(`{"choices":[{"index":0,"message":{` + c.delta + `},"finish_reason":"` + c.finish + `"}]}`))
		require.NoError(t, err)
		require.Contains(t, string(whole), `"stop_reason":"`+c.want+`"`, c)
	}
}

// chunks are an answer that thinks, speaks and uses two tools, whose parts come in turns.
var chunks = []string{
	`{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning":"Hm"}}]}`,
	`{"choices":[{"index":0,"delta":{"content":"I "}}]}`,
	`{"choices":[{"index":0,"delta":{"content":"look."}}]}`,
	`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"read","arguments":""}},{"index":1,"id":"c2","function":{"name":"list","arguments":"not "}}]}}]}`,
	`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}`,
	`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"json"}}]}}]}`,
	`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
	`{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":5}}}`,
}

func events(t *testing.T, text string) (names []string, last map[string]any) {
	t.Helper()
	for _, ev := range strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(ev, "\ndata: ")
		require.True(t, ok, ev)
		last = nil
		require.NoError(t, json.Unmarshal([]byte(data), &last), data)
		require.Equal(t, "event: "+last["type"].(string), name)
		names = append(names, last["type"].(string))
	}
	return names, last
}

func TestChatIsToldAsEvents(t *testing.T) {
	r, err := Decode([]byte(agent))
	require.NoError(t, err)
	w := NewWriter(r, "1")
	all := ""
	for _, c := range chunks {
		part, err := w.Chunk([]byte(c))
		require.NoError(t, err)
		all += string(part)
	}
	all += string(w.End())
	names, _ := events(t, all)
	require.Equal(t, strings.Fields(`
		message_start content_block_start content_block_delta content_block_stop
		content_block_start content_block_delta content_block_delta content_block_stop
		content_block_start content_block_start content_block_delta content_block_delta content_block_delta
		content_block_stop content_block_stop message_delta message_stop`), names)
	require.Contains(t, all, `"stop_reason":"tool_use","stop_sequence":null},"type":"message_delta","usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":5,"output_tokens":4}`)
	require.JSONEq(t, `[{"type":"thinking","thinking":"Hm","signature":""},{"type":"text","text":"I look."},
{"type":"tool_use","id":"c1","name":"read","input":{"a":1}},{"type":"tool_use","id":"c2","name":"list","input":{"arguments":"not json"}}]`, marshal(t, w.Content))
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestPlainAnswerIsAMessage(t *testing.T) {
	r, err := Decode([]byte(`{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`))
	require.NoError(t, err)
	whole, err := NewWriter(r, "1").Whole([]byte(`{"choices":[{"index":0,"message":{"role":"assistant","content":"half","reasoning":"unasked"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"half"}],
"stop_reason":"max_tokens","stop_sequence":null,"usage":{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}}`, string(whole))
}

func TestOnlyServersThatCountAreAsked(t *testing.T) {
	got, err := Counted([]byte(`{"usage":{"prompt_tokens":17}}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"input_tokens":17}`, string(got))
	_, err = Counted([]byte(`{"choices":[]}`))
	require.ErrorContains(t, err, "does not count")
}

func TestErrorsHaveAnthropicsNames(t *testing.T) {
	for status, want := range map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
		413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "overloaded_error", 504: "timeout_error",
	} {
		require.JSONEq(t, `{"type":"error","error":{"type":"`+want+`","message":"m"}}`, string(Refuse(openai.Errorf(status, "m"))))
	}
}

// Whatever comes is a chat that miners take, or a refusal in words.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(agent))
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"x"}]}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Decode(body)
		if err == nil {
			body, err = r.Chat()
		}
		var refusal *openai.Error
		if err != nil && !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if err == nil && openai.CheckJSON(body) != nil {
			t.Fatalf("not what miners read: %s", body)
		}
	})
}

// Whatever a server streams is told as events, or ends with an error.
func FuzzWriter(f *testing.F) {
	f.Add([]byte(strings.Join(chunks, "\n")))
	f.Add([]byte(`{"choices":[{"index":0,"delta":{"refusal":"no","content":[1]},"finish_reason":"content_filter"}]}`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		w := NewWriter(&Request{}, "1")
		all := ""
		for line := range strings.Lines(string(lines)) {
			part, err := w.Chunk([]byte(line))
			if err != nil {
				if !errors.Is(err, openai.ErrChunk) {
					t.Fatal(err)
				}
				events(t, all+string(w.Fail(openai.AsError(err))))
				return
			}
			all += string(part)
		}
		events(t, all+string(w.End()))
		marshal(t, w.answer)
	})
}
