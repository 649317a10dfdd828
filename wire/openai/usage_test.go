package openai

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzUsage holds what is read of a usage to encoding/json.
func FuzzUsage(f *testing.F) {
	for _, s := range []string{
		`{"prompt_tokens":5,"completion_tokens":160,"total_tokens":165}`,
		`{"Prompt_Tokens":5,"completion_tokens":null,"prompt_tokens_details":{"cached_tokens":3,"x":[]},"completion_tokens_details":null}`,
		`{"prompt_tokens_details":{"cached_tokens":3},"prompt_tokens_details":{}}`, `{"prompt_tokens_details":{"cached_tokens":3},"prompt_tokens_details":null}`,
		`{"prompt_tokens":-5}`, `{"prompt_tokens":1e3}`, `{"prompt_tokens":9223372036854775808}`, `{"prompt_tokens":"5"}`, `[]`, `"5"`, `7`, `{}`, `null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) || strings.Count(string(raw), "[")+strings.Count(string(raw), "{") > 100 {
			t.Skip("not what a stream lets in")
		}
		var want *Usage
		if u := new(Usage); given(raw) && json.Unmarshal(raw, u) == nil {
			want = u
		}
		if got := usageOf(raw); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", raw, got, want)
		}
	})
}
