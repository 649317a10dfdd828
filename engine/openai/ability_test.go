package openai

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	official "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"agora/wire/openai"
)

// able is a backend that does what its flags say, and takes everything else in silence or refuses it.
type able struct {
	does   openai.Ability
	strict bool
	counts bool // tells how many tokens a prompt has
	plain  bool // does not stream
}

func (a able) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		fmt.Fprint(w, `{"data":[{"id":"m"}]}`)
		return
	}
	body := []byte(readAll(r))
	asked := openai.ReadAsk(body)
	if e := asked.Refusal(a.does | assumed | openai.CanChat | openai.CanComplete); e != nil && a.strict {
		openai.WriteError(w, e)
		return
	}
	seen := 5
	text := "yes"
	choice := map[string]any{"role": "assistant"}
	for _, n := range asked.Needs {
		switch {
		case a.does&n.Ability == 0:
		case n.Ability == openai.CanTools:
			choice["tool_calls"] = []any{map[string]any{"id": "1", "type": "function", "function": map[string]any{"name": "weather", "arguments": "{}"}}}
		case n.Ability == openai.CanFormat:
			text = ` {"ok": true} `
		case n.Ability == openai.CanEcho:
			text = string(asked.Prompts[0]) + text
		default:
			seen += 40
		}
	}
	choice["content"] = text
	if strings.Contains(r.URL.Path, "chat") && strings.Contains(string(body), `"stream":true`) && !a.plain {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n")
		return
	}
	choices := []any{map[string]any{"index": 0, "message": choice, "text": text, "finish_reason": "stop"}}
	if asked.Choices == 2 && a.does&openai.CanChoices != 0 {
		choices = append(choices, choices[0])
	}
	out := map[string]any{"object": "chat.completion", "choices": choices}
	if a.counts {
		out["usage"] = map[string]any{"prompt_tokens": seen, "completion_tokens": 1}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

func TestProbeFindsAbilitiesByWhatIsDone(t *testing.T) {
	const base = openai.CanChat | openai.CanComplete | assumed
	const every = openai.CanTools | openai.CanFormat | openai.CanImages | openai.CanTurns | openai.CanSystem | openai.CanChoices | openai.CanEcho
	for name, c := range map[string]struct {
		is   able
		want openai.Ability
	}{
		"everything":                {able{does: every, strict: true, counts: true}, base | every},
		"nothing, and says so":      {able{strict: true, counts: true}, base},
		"nothing, in silence":       {able{counts: true}, base},
		"tools alone, in silence":   {able{does: openai.CanTools, counts: true}, base | openai.CanTools},
		"system prompts alone":      {able{does: openai.CanSystem, counts: true}, base | openai.CanSystem},
		"strict and counts nothing": {able{does: openai.CanTurns, strict: true}, base | openai.CanTurns},
	} {
		t.Run(name, func(t *testing.T) {
			behind := httptest.NewServer(c.is)
			defer behind.Close()
			b, _ := New(behind.URL, Options{Log: quiet()})
			defer b.Close()
			info, _, err := b.Probe(t.Context())
			if err != nil || info.Can != c.want {
				t.Fatalf("%v lacks %v, has beyond it %v; %v", info.Can.Names(), (c.want &^ info.Can).Names(), (info.Can &^ c.want).Names(), err)
			}
		})
	}
}

// What the probe did not find is refused here, not left out by the backend.
func TestWhatABackendLeavesOutIsRefused(t *testing.T) {
	behind := httptest.NewServer(able{counts: true})
	defer behind.Close()
	b, _ := New(behind.URL, Options{Log: quiet()})
	defer b.Close()
	if _, _, err := b.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(b)
	defer web.Close()
	for with, param := range map[string]string{
		`,"tools":[{"type":"function"}]`: "tools", `,"response_format":{"type":"json_object"}`: "response_format", `,"n":2`: "n", `,"temperature":1`: "",
	} {
		code, text, _ := post(t, web, strings.Replace(question, ` , "x":1e3`, with, 1))
		if refused := code == 400 && strings.Contains(text, `"param":"`+param+`","code":"unsupported_parameter"`); refused != (param != "") {
			t.Errorf("%s: %d %s", with, code, text)
		}
	}
}

// A backend without streams serves those who want one.
func TestBackendWithoutStreamsStreams(t *testing.T) {
	behind := httptest.NewServer(able{does: openai.CanTools, counts: true, plain: true})
	defer behind.Close()
	b, _ := New(behind.URL, Options{Log: quiet()})
	defer b.Close()
	if _, can, err := b.Probe(t.Context()); err != nil || can.Streaming {
		t.Fatal(can, err)
	}
	web := httptest.NewServer(b)
	defer web.Close()
	c := official.NewClient(option.WithBaseURL(web.URL+"/v1"), option.WithAPIKey("k"), option.WithMaxRetries(0))
	s := c.Chat.Completions.NewStreaming(t.Context(), official.ChatCompletionNewParams{
		Model: "chat", Messages: []official.ChatCompletionMessageParamUnion{official.UserMessage("hi")},
	})
	var acc official.ChatCompletionAccumulator
	for s.Next() {
		acc.AddChunk(s.Current())
	}
	if s.Err() != nil || acc.Choices[0].Message.Content != "yes" || acc.Choices[0].FinishReason != "stop" || acc.Usage.PromptTokens != 5 {
		t.Fatalf("%+v, %v", acc.ChatCompletion, s.Err())
	}
}
