package peek

import (
	"encoding/json"
	"testing"
)

func TestMembersGoIntoTheUsage(t *testing.T) {
	for in, want := range map[string]string{
		`{"id":"x","usage":{"prompt_tokens":1}}`: `{"id":"x","usage":{"prompt_tokens":1,"cost":2}}`,
		`{"usage" : { } , "id":"x"}`:             `{"usage" : { "cost":2} , "id":"x"}`,
		`{"usage":null,"id":"x"}`:                `{"usage":{"cost":2},"id":"x"}`,
		`{"id":"x"}`:                             `{"id":"x","usage":{"cost":2}}`,
		`{}`:                                     `{"usage":{"cost":2}}`,
		`{"a":"\"usage\":{}","usage":{"b":{"c":1}}} `: `{"a":"\"usage\":{}","usage":{"b":{"c":1},"cost":2}} `,
		`no JSON`: `no JSON`,
	} {
		if got := string(WithUsage([]byte(in), `"cost":2`)); got != want {
			t.Errorf("%s\ngave %s\nwant %s", in, got, want)
		}
	}
}

func TestAUsageOnlyChunkHasNoChoices(t *testing.T) {
	for in, want := range map[string]bool{
		`{"choices":[],"usage":{}}`: false, `{"usage":{}}`: false, `{"choices":[ ]}`: false,
		`{"choices":[{"delta":{}}],"usage":{}}`: true, `no JSON`: true,
	} {
		if got := HasChoices([]byte(in)); got != want {
			t.Errorf("%s: %t", in, got)
		}
	}
}

func FuzzWithUsage(f *testing.F) {
	f.Add([]byte(`{"id":"x","usage":{"prompt_tokens":1}}`))
	f.Add([]byte(`{"usage":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := scanner{b: in}
		if _, err := s.top(); err != nil {
			return
		}
		var out map[string]json.RawMessage
		got := WithUsage(in, `"cost":2`)
		if json.Unmarshal(in, &out) == nil && json.Unmarshal(got, &out) != nil {
			t.Fatalf("%q became %q", in, got)
		}
	})
}
