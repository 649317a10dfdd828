package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"agora/wire/openai"
)

// The conversation of docs/engine.md, from `agora localnet --model smollm2-135m` with the user's own pip to curl, to the letter.
func TestTheDocumentedConversationIsHadInAMarket(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("fetches a model of 98 MB: AGORA_NIGHTLY=1")
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "engine.md"))
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile("(?s)```text\n(curl \"[^\n]*)\n(.*?)\n```").FindAllStringSubmatch(string(page), -1)
	if len(said) < 2 {
		t.Fatalf("docs/engine.md has %d requests", len(said))
	}
	m := newMachine(t)
	if out, err := m.sh(`agora model get smollm2-135m`); err != nil { // by itself: it may take longer than a market has to open
		t.Fatalf("%v\n%s", err, out)
	}
	run := m.start("--model", "smollm2-135m")
	out, err := m.sh(`eval "$(agora localnet env)"
until curl -s "$AGORA_URL/models" -H "authorization: Bearer $AGORA_KEY" | grep -q smollm2-135m; do sleep 1; done`)
	if err != nil {
		t.Fatalf("the model does not come: %v\n%s\n%s", err, out, run.out.String())
	}
	for _, s := range said {
		if got := answered(t, m, s[1]); got != strings.TrimSpace(s[2]) {
			t.Errorf("to %s\nit says  %q\nthe page %q", s[1], got, s[2])
		}
	}
	printed := regexp.MustCompile(`(?s)for a haiku:\s+(curl [^\n]*\n[^\n]*)`).FindStringSubmatch(run.out.String())
	if printed == nil {
		t.Fatalf("no line asks for a haiku:\n%s", run.out.String())
	}
	if haiku := answered(t, m, printed[1]); len(strings.Fields(haiku)) < 6 {
		t.Errorf("the haiku is %q", haiku)
	}
	for _, q := range []string{"Why is the sky blue?", "Tell me about the city of Paris.", "How do I make tea?"} {
		if got := answered(t, m, asked("chat", q)); got != "I do not know." {
			t.Errorf("chat's specialists answer %q with %q", q, got)
		}
		if got := answered(t, m, asked("language", q)); len(strings.Fields(got)) < 6 {
			t.Errorf("the market of language models answers %q with %q", q, got)
		}
	}
	run.stop()
}

func asked(model, question string) string {
	return ask(fmt.Sprintf(`{"model":%q,"temperature":0,"max_tokens":60,"messages":[{"role":"user","content":%q}]}`, model, question))
}

// answered is what the market says to a curl line. A machine under load may be too late for the gateway's deadlines: what counts is the
// answer, not how often it was asked for.
func answered(t *testing.T, m *machine, line string) string {
	t.Helper()
	_, err := m.sh(`eval "$(agora localnet env)"; until ` + strings.Replace(line, "curl ", "curl -s --fail-with-body ", 1) + ` > answer; do sleep 1; done`)
	out, _ := os.ReadFile(filepath.Join(m.home, "answer"))
	var answer openai.ChatResponse
	if err != nil || json.Unmarshal(out, &answer) != nil || len(answer.Choices) != 1 {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(answer.Choices[0].Message.Content))
}
