package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestJoinedStreamHoldsEveryPart(t *testing.T) {
	const stream = `: hello

data: {"id":"x","created":7,"model":"m","choices":[{"index":1,"delta":{"role":"assistant","content":"b"}}]}

data: {"id":"x","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}

data: {"id":"x","created":7,"model":"m","error":null,"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"},{"index":1,"delta":{"content":"c"},"finish_reason":"length"}]}

data: {"id":"x","created":7,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":3,"total_tokens":4}}

data: [DONE]

`
	got, err := Join(NewStream(strings.NewReader(stream), 1<<10))
	const want = `{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":{"content":"a","role":"assistant"}},` +
		`{"finish_reason":"length","index":1,"logprobs":null,"message":{"content":"bc","role":"assistant"}}],` +
		`"created":7,"id":"x","model":"m","object":"chat.completion","usage":{"prompt_tokens":1,"completion_tokens":3,"total_tokens":4}}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// Entries stay as they came: a judge must see a name that stands twice, and what another server's lists hold.
func TestJoinedLogprobsStayAsTheyCame(t *testing.T) {
	const stream = `data: {"choices":[{"text":"a","logprobs":{"top_logprobs":[{"x":-1,"x":-2.50}],"text_offset":[0],"refusal":null}}],"created":1.5}

data: {"choices":[{"text":"b\u00e9","logprobs":{"top_logprobs":[null],"text_offset":[1]},"finish_reason":null}]}

data: {"choices":[{"text":"","logprobs":null,"finish_reason":"stop"}]}

data: [DONE]

`
	got, err := Join(NewStream(strings.NewReader(stream), 1<<10))
	const want = `{"choices":[{"finish_reason":"stop","index":0,"logprobs":{"text_offset":[0,1],"top_logprobs":[{"x":-1,"x":-2.50},null]},"text":"abé"}],"created":1.5}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// whole begins a stream that lacks nothing.
const whole = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"

func TestBrokenStreamIsNotJoined(t *testing.T) {
	if _, err := Join(NewStream(strings.NewReader(whole), 1<<10)); err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string]string{
		"no end":            "data: {\"choices\":[]}\n\n",
		"no finish_reason":  "data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: [DONE]\n\n",
		"an error":          "data: {\"error\":{\"message\":\"lost\"}}\n\ndata: [DONE]\n\n",
		"no JSON":           "data: hello\n\ndata: [DONE]\n\n",
		"a choice too far":  "data: {\"choices\":[{\"index\":128}]}\n\ndata: [DONE]\n\n",
		"two numbers":       "data: {\"choices\":[{\"index\":1000000000,\"Index\":0,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
		"one is negative":   "data: {\"choices\":[{\"index\":-1,\"Index\":0,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
		"a negative choice": "data: {\"choices\":[{\"index\":-1}]}\n\ndata: [DONE]\n\n",
		"too many entries":  whole + strings.Repeat("data: {\"choices\":[{\"logprobs\":{\"a\":["+strings.Repeat("1,", 400)+"1]}}]}\n\n", 164) + "data: [DONE]\n\n",
		"an event too long": "data: " + strings.Repeat("x", 4<<10) + "\n\ndata: [DONE]\n\n",
	} {
		if got, err := Join(NewStream(strings.NewReader(stream), 1<<10)); err == nil {
			t.Errorf("%s: joined to %s", name, got)
		}
	}
}

// events is a stream of these chunks, the last with its end.
func events(chunks ...string) io.Reader {
	return strings.NewReader("data: " + strings.Join(chunks, "\n\ndata: ") + "\n\ndata: [DONE]\n\n")
}

func TestJoinedToolCallsAreWhole(t *testing.T) {
	const end = `{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`
	call := func(calls string) string { return `{"choices":[{"index":0,"delta":{"tool_calls":[` + calls + `]}}]}` }
	const both = `[{"function":{"arguments":"{\"a\":1}","name":"f"},"id":"1","type":"function"},{"function":{"arguments":"{}","name":"g"},"id":"2","type":"function"}]`
	for name, chunks := range map[string][]string{
		"by index": {
			call(`{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":""}}`), call(`{"index":0,"function":{"arguments":"{\"a\""}}`),
			call(`{"index":1,"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}`), call(`{"index":0,"function":{"arguments":":1}"}}`),
		},
		"every index 0": {
			call(`{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}`),
			call(`{"index":0,"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}`),
		},
		"no index": {
			call(`{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}`),
		},
	} {
		got, err := Join(NewStream(events(append(chunks, end)...), 1<<12))
		if want := `"message":{"content":null,"role":"assistant","tool_calls":` + both + `}`; err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
}

func TestJoinedAnswerKeepsWhatServersAdd(t *testing.T) {
	got, err := Join(NewStream(events(
		`{"id":"a","object":"chat.completion.chunk","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":"hm"}}]}`,
		`{"id":"a","x_agora":{"n":1},"choices":[{"index":0,"delta":{"reasoning_content":"m","refusal":null,"annotations":[{"a":1}]},"stop_reason":7}]}`,
		`{"id":"a","timings":{"ms":1.50},"choices":[{"index":0,"delta":{"content":"hi","annotations":[{"a":2}]},"finish_reason":"stop","stop_reason":null}]}`,
		`{"usage": {"prompt_tokens": 3, "completion_tokens_details":{"reasoning_tokens":2}}}`), 1<<12))
	const want = `{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":{"annotations":[{"a":1},{"a":2}],"content":"hi","reasoning_content":"hmm","role":"assistant"},"stop_reason":7}],` +
		`"id":"a","object":"chat.completion","system_fingerprint":"fp","timings":{"ms":1.50},"usage":{"prompt_tokens": 3, "completion_tokens_details":{"reasoning_tokens":2}},"x_agora":{"n":1}}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// Objects of many members are looked up by an index, and end as those of few.
func TestJoinedAnswerHasAllOfManyMembers(t *testing.T) {
	var first, second, want []string
	for i := range 3 * some {
		first = append(first, fmt.Sprintf(`"m%02d":"a"`, i))
		second = append(second, fmt.Sprintf(`"m%02d":"b"`, i))
		want = append(want, fmt.Sprintf(`"m%02d":"ab"`, i))
	}
	chunk := func(members []string) string {
		return `{"choices":[{"delta":{` + strings.Join(members, ",") + `},"finish_reason":"stop"}]}`
	}
	got, err := Join(NewStream(events(chunk(first), chunk(append(second[:1:1], second...))), 1<<14))
	if text := `"message":{"content":null,` + strings.Join(want, ",") + `,"role":"assistant"}`; err != nil || !strings.Contains(string(got), text) {
		t.Errorf("%s, %v; want %s", got, err, text)
	}
}

func TestJoinedAnswerKeepsEmptyNamesAndLists(t *testing.T) {
	got, err := Join(NewStream(events(`{"":1,"choices":[{"delta":{"":2,"annotations":[],"tool_calls":[]},"finish_reason":"stop"}]}`), 1<<12))
	const want = `{"":1,"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":{"":2,"annotations":[],"content":null,"role":"assistant"}}],"object":"chat.completion"}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// A stream comes from a stranger: nothing in it may panic, or fill more memory than a few times its length.
func FuzzJoin(f *testing.F) {
	f.Add("data: {\"choices\":[{\"index\":3,\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{}]}}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"choices\":[{\"text\":\"a\",\"logprobs\":{\"tokens\":[\"a\"],\"top_bytes\":[[]]}},{\"logprobs\":{}}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"error\":1}\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		got, err := Join(NewStream(strings.NewReader(stream), 1<<12))
		if err != nil {
			return
		}
		if !json.Valid(got) || len(got) > 6*len(stream)+maxJoined*150 { // a byte may become \ufffd, a choice may be empty
			t.Errorf("%d bytes of %d: %s", len(got), len(stream), got)
		}
	})
}

func TestFirstNameThatSaysSomethingIsTheAnswers(t *testing.T) {
	in := data + `{"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[]}` + blank + data + strings.Replace(finish, `"id":"c"`, `"id":"c","created":7,"model":"m"`, 1) + blank
	got, err := Join(NewStream(strings.NewReader(in), 1<<10))
	if err != nil || !strings.Contains(string(got), `"created":7`) || !strings.Contains(string(got), `"id":"c"`) || !strings.Contains(string(got), `"model":"m"`) {
		t.Errorf("%s, %v", got, err)
	}
}

// What is joined is what was looked at: a chunk with two lists of choices is none.
func TestChoicesInTwoSpellingsAreRefused(t *testing.T) {
	in := events(`{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"Choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}`)
	if got, err := Join(NewStream(in, 1<<10)); !errors.Is(err, ErrChunk) {
		t.Errorf("%s, %v", got, err)
	}
}
