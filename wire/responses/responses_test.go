package responses

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"agora/wire/openai"
)

// agent is what a coding agent sends: kinds of tools and items that only a hosted service has are in it.
const agent = `{"model":"chat","instructions":"Be short.","stream":true,"store":false,"include":["reasoning.encrypted_content"],
"input":[
 {"type":"message","role":"developer","content":[{"type":"input_text","text":"You may read files."}]},
 {"role":"user","content":[{"type":"input_text","text":"What is in a.txt?"},{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"original"}]},
 {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},
 {"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look.","annotations":[]}]},
 {"type":"function_call","call_id":"c1","name":"read","arguments":"{\"path\":\"a.txt\"}"},
 {"type":"function_call","call_id":"c2","name":"read","arguments":"{\"path\":\"b.txt\"}"},
 {"type":"web_search_call","id":"ws_1","status":"completed"},
 {"type":"function_call_output","call_id":"c1","output":"hello"},
 {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"a picture"},{"type":"input_image","image_url":"data:image/png;base64,AB=="}]}],
"tools":[{"type":"function","name":"read","description":"Reads.","parameters":{"type":"object"},"strict":false},{"type":"web_search"},{"type":"custom","name":"patch"},{"type":"local_shell"}],
"tool_choice":"auto","parallel_tool_calls":true,"max_output_tokens":50,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}},
"reasoning":{"effort":"low"},"provider":{"sort":"price"},"prompt_cache_key":"k"}`

func TestAgentsRequestBecomesTheChatThatAsksTheSame(t *testing.T) {
	r, err := Decode([]byte(agent))
	require.NoError(t, err)
	chat, err := r.Chat()
	require.NoError(t, err)
	require.JSONEq(t, `{"model":"chat","max_tokens":50,"reasoning_effort":"low","tool_choice":"auto","parallel_tool_calls":true,
"provider":{"sort":"price"},"session_id":"k",
"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},
"tools":[{"type":"function","function":{"name":"read","description":"Reads.","parameters":{"type":"object"},"strict":false}}],
"messages":[
 {"role":"system","content":"Be short.\n\nYou may read files."},
 {"role":"user","content":[{"type":"text","text":"What is in a.txt?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"high"}}]},
 {"role":"assistant","content":"I look.","tool_calls":[
  {"id":"c1","type":"function","function":{"name":"read","arguments":"{\"path\":\"a.txt\"}"}},
  {"id":"c2","type":"function","function":{"name":"read","arguments":"{\"path\":\"b.txt\"}"}}]},
 {"role":"tool","tool_call_id":"c1","content":"hello"},
 {"role":"tool","tool_call_id":"c2","content":"a picture"},
 {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AB=="}}]}]}`, string(chat))
}

func TestWhatNamesSomethingStoredIsRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"m","input":"x","previous_response_id":"resp_1"}`:                               "send the whole conversation in input",
		`{"model":"m","input":"x","conversation":"c"}`:                                            "send the whole conversation",
		`{"model":"m","input":"x","background":true}`:                                             "in the background",
		`{"model":"m","input":[{"type":"item_reference","id":"msg"}]}`:                            "not a reference",
		`{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}`: "file_data",
		`{"model":"m","input":[{"role":"user","content":[{"type":"smell"}]}]}`:                    `"smell" is not understood`,
		`{"model":"m"}`:                                      `missing required parameter: "input"`,
		`{"model":"m","input":null}`:                         `missing required parameter: "input"`,
		`{"model":"m","input":[]}`:                           "input holds nothing that can be asked here",
		`{"model":"m","input":[{"type":"web_search_call"}]}`: "input holds nothing that can be asked here",
		`{"input":"x"}`:                                      "must provide a model",
		`{"model":"m","input":7}`:                            "input must be a string",
		`{"model":"m","input":"x"`:                           "ends before",
		`{"model":"m","model":"n"}`:                          "twice",
		`{"model":"m","input":"x","tool_choice":7}`:          "tool_choice must be",
		`{"model":"m","input":"x","tool_choice":"required"}`: "there are no tools to call",
		`{"model":"m","input":"x","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"g"}}`: `there is no function "g" in tools`,
		`{"model":"m","input":"x","text":{"format":{"type":"grammar"}}}`:                                                  `json_schema, not "grammar"`,
		`{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"n"}}}`:                                   "text.format.schema: a JSON schema is wanted",
		`{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}`:                                    "needs a call_id",
		`{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":{}}]}`:                        "input.arguments must be a string, not object",
		`{"model":"m","input":[{"type":"function_call_output","output":"x"}]}`:                                            "needs a call_id",
		`{"model":"m","input":[{"role":"user","content":7}]}`:                                                             "content must be a string or a list of parts",
		`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":7}]}]}`:                              "input[0].content.text must be a string, not number",
	} {
		r, err := Decode([]byte(body))
		if err == nil {
			_, err = r.Chat()
		}
		var refusal *openai.Error
		require.True(t, errors.As(err, &refusal), body)
		require.Equal(t, 400, refusal.Status)
		require.Contains(t, refusal.Message, want, body)
	}
}

func TestToolsThatAreNotThereLeaveTheModelFree(t *testing.T) {
	for choice, want := range map[string]string{
		`{"type":"web_search"}`:          `null`,
		`{"type":"function","name":"f"}`: `{"type":"function","function":{"name":"f"}}`,
		`"required"`:                     `"required"`,
		`{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"g"}]}`: `"auto"`,
	} {
		r, err := Decode([]byte(`{"model":"m","input":"x","tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],"tool_choice":` + choice + `}`))
		require.NoError(t, err)
		body, err := r.Chat()
		require.NoError(t, err)
		var chat struct {
			Choice json.RawMessage `json:"tool_choice"`
			Tools  []any           `json:"tools"`
		}
		require.NoError(t, json.Unmarshal(body, &chat))
		if chat.Choice == nil {
			chat.Choice = json.RawMessage("null")
		}
		require.JSONEq(t, want, string(chat.Choice))
		require.Equal(t, strings.Contains(choice, "allowed"), len(chat.Tools) == 1)
	}
}

// chunks are an answer that thinks, speaks and calls two tools, whose parts come in turns.
var chunks = []string{
	`{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Hm"}}]}`,
	`{"choices":[{"index":0,"delta":{"content":"I "}}]}`,
	`{"choices":[{"index":0,"delta":{"content":"look."}}]}`,
	`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"read","arguments":""}},{"index":1,"id":"c2","function":{"name":"list","arguments":"{"}}]}}]}`,
	`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}`,
	`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}}]}`,
	`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
	`{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":1}}}`,
}

// events reads what a writer gave, and checks that names, types and numbers agree.
func events(t *testing.T, text string) (names []string, datas []map[string]any) {
	t.Helper()
	for _, ev := range strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(ev, "\ndata: ")
		require.True(t, ok, ev)
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(data), &m), data)
		require.Equal(t, "event: "+m["type"].(string), name)
		require.EqualValues(t, len(names), m["sequence_number"])
		names, datas = append(names, m["type"].(string)), append(datas, m)
	}
	return names, datas
}

func TestChatIsToldAsEvents(t *testing.T) {
	r, err := Decode([]byte(agent))
	require.NoError(t, err)
	w := NewWriter(r, "1", 7)
	all := ""
	for _, c := range chunks {
		part, err := w.Chunk([]byte(c))
		require.NoError(t, err)
		all += string(part)
	}
	all += string(w.End())
	names, datas := events(t, all)
	require.Equal(t, strings.Fields(`
		response.created response.in_progress
		response.output_item.added response.content_part.added response.reasoning_text.delta
		response.reasoning_text.done response.content_part.done response.output_item.done
		response.output_item.added response.content_part.added response.output_text.delta response.output_text.delta
		response.output_text.done response.content_part.done response.output_item.done
		response.output_item.added response.output_item.added response.function_call_arguments.delta
		response.function_call_arguments.delta response.function_call_arguments.delta
		response.function_call_arguments.done response.output_item.done
		response.function_call_arguments.done response.output_item.done response.completed`), names)
	last, err := json.Marshal(datas[len(datas)-1]["response"])
	require.NoError(t, err)
	var got struct {
		Status string
		Output []struct{ Type, Name, Arguments string }
		Usage  map[string]any
	}
	require.NoError(t, json.Unmarshal(last, &got))
	require.Equal(t, "completed", got.Status)
	require.Equal(t, []struct{ Type, Name, Arguments string }{{Type: "reasoning"}, {Type: "message"}, {"function_call", "read", `{"a":1}`}, {"function_call", "list", "{}"}}, got.Output)
	require.EqualValues(t, 9, got.Usage["input_tokens"])
	require.EqualValues(t, 5, got.Usage["input_tokens_details"].(map[string]any)["cached_tokens"])
	require.EqualValues(t, 1, got.Usage["output_tokens_details"].(map[string]any)["reasoning_tokens"])
}

func TestPlainAnswerIsTheStreamsLastObject(t *testing.T) {
	const answer = `{"choices":[{"index":0,"message":{"role":"assistant","content":"half","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":""}},{"type":"function","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`
	r, err := Decode([]byte(`{"model":"m","input":"x"}`))
	require.NoError(t, err)
	whole, err := NewWriter(r, "1", 7).Whole([]byte(answer))
	require.NoError(t, err)
	w := NewWriter(r, "1", 7)
	_, err = w.Chunk([]byte(answer))
	require.NoError(t, err)
	_, end, _ := strings.Cut(string(w.End()), "event: response.incomplete\ndata: ")
	var last struct{ Response json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(end), &last))
	require.JSONEq(t, string(whole), string(last.Response))
	require.Contains(t, string(whole), `"incomplete_details":{"reason":"max_output_tokens"}`)
	require.Contains(t, string(whole), `"call_id":"call_1_1"`)
}

func TestErrorEndsTheStreamInBothForms(t *testing.T) {
	r, err := Decode([]byte(`{"model":"m","input":"x"}`))
	require.NoError(t, err)
	names, datas := events(t, string(NewWriter(r, "1", 7).Fail(openai.Errorf(502, "the miner died").WithCode("miner_died"))))
	require.Equal(t, []string{"response.created", "response.in_progress", "response.failed", "error"}, names)
	require.Equal(t, map[string]any{"code": "miner_died", "message": "the miner died"}, datas[2]["response"].(map[string]any)["error"])
	require.Equal(t, "the miner died", datas[3]["error"].(map[string]any)["message"])
}

// What is asked of tokens and form goes on to the chat, and what the chat tells of them comes back.
func TestLogprobsAreToldWhereTheyAreAsked(t *testing.T) {
	r, err := Decode([]byte(`{"model":"m","input":"x","include":["message.output_text.logprobs"],"top_logprobs":2,
"text":{"verbosity":"low","format":{"type":"json_schema","name":"n","description":"d","schema":{}}},"prompt_cache_key":"` + strings.Repeat("k", 200) + `",
"tools":[{"type":"function","name":"f","parameters":null}]}`))
	require.NoError(t, err)
	chat, err := r.Chat()
	require.NoError(t, err)
	require.Contains(t, string(chat), `"tools":[{"type":"function","function":{"name":"f"}}]`)
	require.Contains(t, string(chat), `"response_format":{"json_schema":{"name":"n","description":"d","schema":{}},"type":"json_schema"},"verbosity":"low","logprobs":true,"top_logprobs":2,"session_id":"`)
	w := NewWriter(r, "1", 7)
	all := ""
	for _, chunk := range []string{
		`{"choices":[{"index":0,"delta":{"content":""},"logprobs":{"content":[{"token":"a","logprob":-1}]}}]}`,
		`{"choices":[{"index":0,"delta":{"content":"ab"},"logprobs":{"content":[{"token":"b","logprob":-2}]}}]}`,
		`{"choices":[{"index":0,"delta":{"content":"c"},"logprobs":7}]}`,
		`{"choices":[{"index":0,"delta":{},"logprobs":{"content":[{"token":"d","logprob":-3}]},"finish_reason":"stop"}]}`,
		`{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":4,"cost":0.25}}`,
	} {
		part, err := w.Chunk([]byte(chunk))
		require.NoError(t, err)
		all += string(part)
	}
	_, datas := events(t, all+string(w.End()))
	var told []int
	for _, d := range datas {
		if list, ok := d["logprobs"].([]any); ok {
			told = append(told, len(list))
		}
	}
	require.Equal(t, []int{2, 0, 3}, told, "two parts, and the whole")
	require.Len(t, w.Output[0].(*message).Content[0].(*outputText).Logprobs, 3)
	last := datas[len(datas)-1]["response"].(map[string]any)
	require.EqualValues(t, 0.25, last["usage"].(map[string]any)["cost"])
	require.EqualValues(t, 2, last["top_logprobs"])
	require.Equal(t, "low", last["text"].(map[string]any)["verbosity"])

	plain, err := Decode([]byte(`{"model":"m","input":"x"}`))
	require.NoError(t, err)
	whole, err := NewWriter(plain, "1", 7).Whole([]byte(`{"choices":[{"message":{"content":"a"},"logprobs":{"content":[{"token":"a"}]},"finish_reason":"stop"}]}`))
	require.NoError(t, err)
	require.Contains(t, string(whole), `"logprobs":[]`, "nobody asked")
}

// A call whose arguments are cut must not look like one to run.
func TestWhatIsCutIsIncomplete(t *testing.T) {
	r, err := Decode([]byte(`{"model":"m","input":"x"}`))
	require.NoError(t, err)
	for finish, want := range map[string]string{"length": "incomplete", "content_filter": "incomplete", "tool_calls": "completed"} {
		w := NewWriter(r, "1", 7)
		_, err = w.Chunk([]byte(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"pa"}}]},"finish_reason":"` + finish + `"}]}`))
		require.NoError(t, err)
		w.End()
		require.Equal(t, want, w.Status)
		require.Equal(t, want, w.Output[0].(*call).Status)
	}
}

// Whatever comes is a chat that miners take, or a refusal in words.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(agent))
	f.Add([]byte(`{"model":"m","input":"x","tools":[{}],"text":{"format":{"type":"json_object"}}}`))
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
		w := NewWriter(&Request{}, "1", 7)
		all := ""
		for line := range strings.Lines(string(lines)) {
			part, err := w.Chunk([]byte(line))
			if err != nil {
				if !errors.Is(err, openai.ErrChunk) {
					t.Fatal(err)
				}
				all += string(w.Fail(openai.AsError(err)))
				events(t, all)
				return
			}
			all += string(part)
		}
		events(t, all+string(w.End()))
	})
}
