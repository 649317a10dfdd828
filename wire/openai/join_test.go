package openai

import (
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
	r, err := JoinChat(NewEventReader(strings.NewReader(stream), 1<<10))
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.Choices[0], r.Choices[1]
	if a.Message.Content != "a" || a.FinishReason != "stop" || b.Message.Content != "bc" || b.FinishReason != "length" || b.Index != 1 {
		t.Errorf("%+v", r.Choices)
	}
	if r.ID != "x" || r.Created != 7 || r.Model != "m" || r.Usage.TotalTokens != 4 || a.Message.Role != "assistant" {
		t.Errorf("%+v", r)
	}
}

func TestBrokenStreamIsNotJoined(t *testing.T) {
	for name, stream := range map[string]string{
		"no end":            "data: {\"choices\":[]}\n\n",
		"an error":          "data: {\"error\":{\"message\":\"lost\"}}\n\ndata: [DONE]\n\n",
		"no JSON":           "data: hello\n\ndata: [DONE]\n\n",
		"a choice too far":  "data: {\"choices\":[{\"index\":128}]}\n\ndata: [DONE]\n\n",
		"a negative choice": "data: {\"choices\":[{\"index\":-1}]}\n\ndata: [DONE]\n\n",
		"an event too long": "data: " + strings.Repeat("x", 4<<10) + "\n\ndata: [DONE]\n\n",
	} {
		if r, err := JoinChat(NewEventReader(strings.NewReader(stream), 1<<10)); err == nil {
			t.Errorf("%s: joined to %+v", name, r)
		}
		if r, err := JoinCompletion(NewEventReader(strings.NewReader(stream), 1<<10)); err == nil {
			t.Errorf("%s: joined to %+v", name, r)
		}
	}
}

// A stream comes from a stranger: nothing in it may panic, or fill more memory than a few times its length.
func FuzzJoin(f *testing.F) {
	f.Add("data: {\"choices\":[{\"index\":3,\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{}]}}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"choices\":[{\"text\":\"a\",\"logprobs\":{\"tokens\":[\"a\"],\"top_bytes\":[[]]}},{\"logprobs\":{}}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"error\":1}\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		chat, err := JoinChat(NewEventReader(strings.NewReader(stream), 1<<12))
		text := 0
		for _, c := range chat.Choices {
			text += len(c.Message.Content)
		}
		if err == nil && (len(chat.Choices) > maxJoined || text > 3*len(stream)) {
			t.Errorf("%d choices, %d bytes of %d", len(chat.Choices), text, len(stream))
		}
		if _, err := JoinCompletion(NewEventReader(strings.NewReader(stream), 1<<12)); err == io.EOF {
			t.Error("the end of a stream is no error")
		}
	})
}
