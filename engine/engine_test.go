package engine

import (
	"strings"
	"testing"

	"agora/wire/openai"
)

func TestCardTellsAbilities(t *testing.T) {
	all := ^openai.Ability(0)
	text := Info{Can: all, Metadata: `{"parameters":7}`}.CardMetadata()
	if !strings.Contains(text, `"parameters":7`) || len(text) > 512 || AbilitiesOf(text) != openai.Abilities(all.Names()) {
		t.Fatal(len(text), text)
	}
	for in, want := range map[string]openai.Ability{
		"": 0, "free text": 0, `{"can":7}`: 0, `{"can":["tools","flying"],"more":1}`: openai.CanTools, Info{}.CardMetadata(): 0, Info{Metadata: "{}"}.CardMetadata(): 0,
	} {
		if got := AbilitiesOf(in); got != want {
			t.Errorf("%q: %v", in, got.Names())
		}
	}
	for text, want := range map[string]int{"": 0, "free text": 0, `{"capacity":-3}`: 0, `{"capacity":"8"}`: 0, Info{Capacity: 8}.CardMetadata(): 8, Info{Capacity: 3, Can: all, Metadata: `{"parameters":7}`}.CardMetadata(): 3} {
		if got := CapacityOf(text); got != want {
			t.Errorf("%q: capacity %d, want %d", text, got, want)
		}
	}
	long := `{"notes":"` + strings.Repeat("x", 490) + `"}`
	if got := (Info{Can: openai.CanTools, Metadata: long}).CardMetadata(); got != `{"can":["tools"]}` {
		t.Error(got)
	}
}
