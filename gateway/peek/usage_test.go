package peek

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestMembersGoIntoTheUsage(t *testing.T) {
	for in, want := range map[string]string{
		`{"id":"x","usage":{"prompt_tokens":1}}`: `{"id":"x","usage":{"prompt_tokens":1,"cost":2}}`,
		`{"usage" : { } , "id":"x"}`:             `{"usage" : { "cost":2} , "id":"x"}`,
		`{"usage":null,"id":"x"}`:                `{"usage":{"cost":2},"id":"x"}`,
		`{"id":"x"}`:                             `{"id":"x","usage":{"cost":2}}`,
		`{}`:                                     `{"usage":{"cost":2}}`,
		`{"a":"\"usage\":{}","usage":{"b":{"c":1}}} `:                     `{"a":"\"usage\":{}","usage":{"b":{"c":1},"cost":2}} `,
		`{"choices":[{"x":1,"usage":{"n":1}}]}`:                           `{"choices":[{"x":1,"usage":{"n":1}}],"usage":{"cost":2}}`,
		`{"a":{"x":1,"usage":{"n":1}},"b":2}`:                             `{"a":{"x":1,"usage":{"n":1}},"b":2,"usage":{"cost":2}}`,
		`{"a":1,"usage":{"n":{"m":1}},"z":[{"x":1,"usage":{"n":1}}]}`:     `{"a":1,"usage":{"n":{"m":1},"cost":2},"z":[{"x":1,"usage":{"n":1}}]}`,
		`{"a":",\"usage\":{\"n\":1}}","usage":{"n":"}"} , "x_y":{"n":1}}`: `{"a":",\"usage\":{\"n\":1}}","usage":{"n":"}","cost":2} , "x_y":{"n":1}}`,
		`no JSON`: `no JSON`,
		`{"id":"x","usage":{"n":1,"cost":9,"cost_details":{"a":1}},"z":1}`: `{"id":"x","usage":{"n":1,"cost":2},"z":1}`,
		`{"usage":{"cost":9}}`:              `{"usage":{"cost":2}}`,
		`{"c":"\"cost\"", "usage":{"n":1}}`: `{"c":"\"cost\"", "usage":{"n":1,"cost":2}}`,
	} {
		if got := string(WithUsage([]byte(in), []byte(`,"cost":2`))); got != want {
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
	f.Add([]byte(`{"a":{"x":1,"usage":{"n":1}},"usage":{"n":1},"b":2}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := top(in); err != nil {
			return
		}
		var out map[string]json.RawMessage
		got := WithUsage(slices.Clone(in), []byte(`,"cost":2`))
		if json.Unmarshal(in, &out) != nil {
			return
		}
		var usage map[string]json.RawMessage
		if json.Unmarshal(got, &out) != nil || json.Unmarshal(out["usage"], &usage) != nil || string(usage["cost"]) != "2" {
			t.Fatalf("%q became %q", in, got)
		}
	})
}
