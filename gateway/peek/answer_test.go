package peek

import (
	"bytes"
	"encoding/json"
	"testing"

	"agora/wire/openai"
)

func TestEventsEndWithAnEmptyLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"data: a":                           "",
		"data: a\n":                         "",
		"data: a\n\n":                       "data: a\n\n",
		"data: a\n\ndata: b":                "data: a\n\n",
		"data: a\r\n\r\ndata: b\r\n":        "data: a\r\n\r\n",
		": ping\n\ndata: a\ndata: b\n\ndat": ": ping\n\ndata: a\ndata: b\n\n",
	} {
		if got := text[:Events([]byte(text))]; got != want {
			t.Errorf("Events(%q) ends %q, want %q", text, got, want)
		}
	}
}

func TestOnlyAWholeEventIsTheEnd(t *testing.T) {
	for text, want := range map[string]bool{
		"data: [DONE]\n\n":                       true,
		"data: {}\n\ndata: [DONE]\n\n":           true,
		"data:[DONE]\r\n\r\n":                    true,
		"data: {\"c\":\"data: [DONE]\"}\n\n":     false,
		"data: [DONE]\n\ndata: {}\n\n":           false,
		"data: x [DONE]\n\n":                     false,
		"event: [DONE]\n\n":                      false,
		"data: {\"content\":\"[DONE]\\n\\n\"}\n": false,
		"":                                       false,
	} {
		if got := IsDone([]byte(text)); got != want {
			t.Errorf("IsDone(%q) = %v", text, got)
		}
	}
}

func TestUsageIsNotTakenFromText(t *testing.T) {
	answer := func(text string) []byte {
		out, err := json.Marshal(openai.ChatResponse{
			Choices: []openai.ChatChoice{{Message: openai.Message{Content: openai.Content(text)}}},
			Usage:   &openai.Usage{PromptTokens: 3, CompletionTokens: 4, TotalTokens: 7},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, text := range []string{"hi", `"usage":{"prompt_tokens":99}`} {
		if u, ok := Usage(answer(text)); !ok || u.PromptTokens != 3 || u.CompletionTokens != 4 {
			t.Errorf("Usage with %q = %+v, %v", text, u, ok)
		}
	}
	for _, none := range []string{`{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":99}"}}]}`, `{"usage":null}`, `{"usage":{"prompt_tokens":"x"}}`, ``} {
		if u, ok := Usage([]byte(none)); ok {
			t.Errorf("Usage(%s) = %+v", none, u)
		}
	}
}

// However a stream is cut into reads, no byte is lost, no part of an event is passed on and no whole one kept back.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: a\n\ndata: b\n\ndata: [DONE]\n\n"), byte(3))
	f.Add([]byte("data: a\r\n\r\n: ping\n\n\n\n"), byte(1))
	f.Fuzz(func(t *testing.T, stream []byte, step byte) {
		var passed, rest []byte
		for at := 0; at < len(stream); {
			n := min(int(step)+1, len(stream)-at)
			rest = append(rest, stream[at:at+n]...)
			at += n
			end := Events(rest)
			if end > 0 && !bytes.HasSuffix(rest[:end], []byte("\n\n")) && !bytes.HasSuffix(rest[:end], []byte("\n\r\n")) {
				t.Fatalf("%q is part of an event", rest[:end])
			}
			passed = append(passed, rest[:end]...)
			rest = append([]byte(nil), rest[end:]...)
		}
		if !bytes.Equal(append(passed, rest...), stream) {
			t.Fatal("bytes were lost or moved")
		}
		if Events(rest) != 0 {
			t.Fatalf("%q was kept back", rest)
		}
		IsDone(stream)
		Usage(stream)
	})
}
