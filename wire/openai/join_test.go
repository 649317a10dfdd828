package openai

import (
	"encoding/json"
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
	got, err := Join(NewEventReader(strings.NewReader(stream), 1<<10))
	const want = `{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"},` +
		`{"index":1,"message":{"role":"assistant","content":"bc"},"finish_reason":"length"}]}`
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
	got, err := Join(NewEventReader(strings.NewReader(stream), 1<<10))
	const want = `{"choices":[{"index":0,"text":"abé","logprobs":{"text_offset":[0,1],"top_logprobs":[{"x":-1,"x":-2.50},null]},"finish_reason":"stop"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestBrokenStreamIsNotJoined(t *testing.T) {
	for name, stream := range map[string]string{
		"no end":            "data: {\"choices\":[]}\n\n",
		"an error":          "data: {\"error\":{\"message\":\"lost\"}}\n\ndata: [DONE]\n\n",
		"no JSON":           "data: hello\n\ndata: [DONE]\n\n",
		"a choice too far":  "data: {\"choices\":[{\"index\":128}]}\n\ndata: [DONE]\n\n",
		"a negative choice": "data: {\"choices\":[{\"index\":-1}]}\n\ndata: [DONE]\n\n",
		"too many entries":  strings.Repeat("data: {\"choices\":[{\"logprobs\":{\"a\":["+strings.Repeat("1,", 400)+"1]}}]}\n\n", 164) + "data: [DONE]\n\n",
		"an event too long": "data: " + strings.Repeat("x", 4<<10) + "\n\ndata: [DONE]\n\n",
	} {
		if got, err := Join(NewEventReader(strings.NewReader(stream), 1<<10)); err == nil {
			t.Errorf("%s: joined to %s", name, got)
		}
	}
}

// A stream comes from a stranger: nothing in it may panic, or fill more memory than a few times its length.
func FuzzJoin(f *testing.F) {
	f.Add("data: {\"choices\":[{\"index\":3,\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{}]}}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"choices\":[{\"text\":\"a\",\"logprobs\":{\"tokens\":[\"a\"],\"top_bytes\":[[]]}},{\"logprobs\":{}}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"error\":1}\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		got, err := Join(NewEventReader(strings.NewReader(stream), 1<<12))
		if err != nil {
			return
		}
		if !json.Valid(got) || len(got) > 6*len(stream)+maxJoined*100 { // a byte may become \ufffd, a choice may be empty
			t.Errorf("%d bytes of %d: %s", len(got), len(stream), got)
		}
	})
}
