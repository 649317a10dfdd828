package openai

import (
	"encoding/json"
	"fmt"
	"testing"
)

func FuzzRenameModel(f *testing.F) {
	f.Add([]byte(`{"model":"chat","x":1e3}`), "llama3.2")
	f.Add([]byte(`{"a":{"model":"x"},"model" :  "y" ,"z":[1]}`), `quo"te`)
	f.Add([]byte(`{"model":{"deep":[null]}}`), "m")
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		out, err := renameModel(body, name)
		if err != nil {
			return
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(body, &before) != nil || json.Unmarshal(out, &after) != nil {
			t.Fatalf("%q became %q", body, out)
		}
		if name != "" {
			want, _ := json.Marshal(name)
			if string(after["model"]) != string(want) {
				t.Fatalf("%q became %q", body, out)
			}
		}
		delete(before, "model")
		delete(after, "model")
		if fmt.Sprint(before) != fmt.Sprint(after) {
			t.Fatalf("%q became %q", body, out)
		}
	})
}
