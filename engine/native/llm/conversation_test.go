package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"agora/engine"
	"agora/wire/openai"
)

// What docs/engine.md shows of a conversation with SmolLM2 is what the model says, to the letter: it is the same everywhere.
func TestTheDocumentedConversation(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("fetches a model of 98 MB: AGORA_NIGHTLY=1, or make models")
	}
	e, err := Open(smollm(t), Options{Name: "smollm2-135m"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	page, err := os.ReadFile("../../../docs/engine.md")
	if err != nil {
		t.Fatal(err)
	}
	bodies := regexp.MustCompile(`(?s)-d '(\{"model":"smollm2-135m".*?)'\n(.*?)\n`+"```").FindAllStringSubmatch(string(page), -1)
	if len(bodies) < 2 {
		t.Fatalf("docs/engine.md has %d requests", len(bodies))
	}
	for _, b := range bodies {
		var r openai.ChatRequest
		if err := json.Unmarshal([]byte(b[1]), &r); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		if _, _, err := e.Chat(context.Background(), &r, func(tok engine.Token) error {
			said.Write(tok.Bytes)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSpace(b[2]); strings.TrimSpace(said.String()) != want {
			t.Errorf("to %s\nit says  %q\nthe page %q", b[1], said.String(), want)
		}
	}
}
