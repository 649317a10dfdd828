package peek

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestRequestTellsModelAndStream(t *testing.T) {
	for body, want := range map[string]Head{
		`{"model":"chat","messages":[]}`:                                                {Model: "chat"},
		` {"stream" : true , "messages":[{"role":"user"}], "model":"a\u0062c"} `:        {Model: "abc", Stream: true},
		`{"messages":[{"model":"x","stream":true}],"model":"chat:best","stream":false}`: {Model: "chat:best"},
		`{"stream":null,"messages":"m","model":"chat","seed":-0.5e+3}`:                  {Model: "chat"},
	} {
		got, err := Request([]byte(body), "messages")
		if err != nil || got.Model != want.Model || got.Stream != want.Stream {
			t.Errorf("Request(%s) = %+v, %v; want %+v", body, got, err, want)
		}
	}
}

func TestRequestIsRefusedWithASentence(t *testing.T) {
	deep := `{"model":"m","messages":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`
	wide := `{"model":"m","messages":[]`
	for i := range 70 {
		wide += `,"k` + strings.Repeat("x", i) + `":1`
	}
	for body, want := range map[string]string{
		``:                                    "a JSON object expected at byte 0",
		`[]`:                                  "a JSON object expected",
		`{"model":"m"}`:                       `missing required parameter: "messages"`,
		`{"model":"m","messages":null}`:       `missing required parameter: "messages"`,
		`{"messages":[]}`:                     "you must provide a model",
		`{"model":7,"messages":[]}`:           "model must be a string",
		`{"model":null,"messages":[]}`:        "model must be a string",
		`{"model":"","messages":[]}`:          "model must be a string",
		`{"model":"m","model":"n"}`:           `"model" appears twice`,
		`{"model":"m","\u006dodel":"n"}`:      `"model" appears twice`,
		`{"seed":1,"Seed":2}`:                 `"seed" appears twice`,
		`{"Model":"m"}`:                       `write the key "model" in lower case`,
		`{"\u017ftream":true}`:                `write the key "stream" in lower case`,
		`{"model":"m","stream":"true"}`:       "missing required parameter",
		`{"messages":[],"model":"m"`:          "',' or '}' expected at byte 26",
		`{"messages":[],"model":"m"} {}`:      "nothing may follow",
		`{"messages":[],"model":"m",}`:        "'\"' expected",
		`{"messages":[1,],"model":"m"}`:       "a value expected",
		`{"messages":01}`:                     "expected",
		`{"messages":"` + "\n" + `"}`:         "control character",
		`{"messages":"\x"}`:                   "unknown escape",
		`{"messages":"\u12g4"}`:               "unknown escape",
		`{"messages":"`:                       "string without end",
		`{"messages":tru}`:                    "true expected",
		"{\"model\":\"\xff\",\"messages\":1}": "not valid UTF-8",
		deep:                                  "nested too deeply",
		wide + `}`:                            "more than 64 keys",
	} {
		if _, err := Request([]byte(body), "messages"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Request(%.60s) = %v, want an error with %q", body, err, want)
		}
	}
}

// What the scanner accepts is JSON whose decoded form says the same, and JSON is refused only for a reason of ours.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"model":"chat","messages":[{"role":"user","content":"hi"}],"stream":true}`,
		`{"model":"a\\b\u00e9","messages":{"a":[1,-2.5e3,true,false,null]},"stop":["\n"]}`,
		`{"models":["m","n"],"messages":[]}`, `{"model":"m","messages":[]} `, `{"model":"m","model":"m"}`, `{`, `nul`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Request(body, "messages")
		if err == nil {
			checkAsStream(t, body, got)
		}
		var all map[string]json.RawMessage
		decodeErr := json.Unmarshal(body, &all)
		if err != nil {
			return
		}
		if decodeErr != nil || !utf8.Valid(body) {
			t.Fatalf("accepted %q, but it is not JSON: %v", body, decodeErr)
		}
		var want struct {
			Model  string `json:"model"`
			Stream bool   `json:"stream"`
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted %q, but: %v", body, err)
		}
		if all["model"] == nil {
			want.Model = firstModel(t, all["models"])
		}
		if diff := cmp.Diff(want, struct {
			Model  string `json:"model"`
			Stream bool   `json:"stream"`
		}{got.Model, got.Stream}); diff != "" {
			t.Fatalf("%q: %s", body, diff)
		}
	})
}

// firstModel is the model of a request that names only several.
func firstModel(t *testing.T, models json.RawMessage) (first string) {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal(models, &list); err != nil || json.Unmarshal(list[0], &first) != nil {
		t.Fatalf("no model in %s", models)
	}
	return first
}

// checkAsStream says that AsStream changes what it must and nothing else.
func checkAsStream(t *testing.T, body []byte, h Head) {
	t.Helper()
	var before, after map[string]any
	if err := json.Unmarshal(body, &before); err != nil {
		t.Fatal(err)
	}
	out := AsStream(append(make([]byte, 0, len(body)+Room), body...), h)
	if err := json.Unmarshal(out, &after); err != nil {
		t.Fatalf("%s of %s: %v", out, body, err)
	}
	var options struct {
		Usage bool `json:"include_usage"`
	}
	told, err := json.Marshal(before["stream_options"])
	same := err == nil && json.Unmarshal(told, &options) == nil && options.Usage
	if before["model"] == nil {
		before["model"] = h.Model
	}
	before["stream"] = true
	if !same {
		before["stream_options"] = map[string]any{"include_usage": true}
	}
	for _, key := range []string{"provider", "models", "session_id"} {
		same = same && before[key] == nil
		delete(before, key)
	}
	if diff := cmp.Diff(before, after); diff != "" || same && h.Stream && !bytes.Equal(out, body) {
		t.Fatalf("%s of %s: %s", out, body, diff)
	}
}

func TestEveryPlainRequestBecomesAStream(t *testing.T) {
	for _, body := range []string{
		`{"model":"m","messages":[]}`,
		` { "messages":[{"a":"}"}],"model":"m" } ` + "\n",
		`{"stream":false,"model":"m","messages":[]}`,
		`{"model":"m","stream" : null ,"messages":[]}`,
		`{"model":"m","stream_options":null,"messages":[]}`,
		`{"stream_options":{"include_usage":false},"model":"m","stream":false,"messages":[]}`,
		`{"stream":false,"model":"m","stream_options":{},"messages":[]}`,
		`{"model":"m","stream":true,"stream_options":{"include_usage":false},"messages":[]}`,
		`{"model":"m","stream":true,"stream_options":{"include_usage":true,"x":1},"messages":[]}`,
		`{"provider":{"order":["1"]},"model":"m","messages":[],"models":["a","b"],"session_id":"s"}`,
		`{"session_id":"s","model":"m","stream":true,"messages":[],"stream_options":{"include_usage":true}}`,
	} {
		h, err := Request([]byte(body), "messages")
		if err != nil {
			t.Fatal(body, err)
		}
		checkAsStream(t, []byte(body), h)
	}
	const plain = `{"model":"m","messages":[]}`
	h, _ := Request([]byte(plain), "messages")
	const want = `{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}`
	if got := AsStream([]byte(plain), h); string(got) != want || len(got)-len(plain) > Room {
		t.Fatal(string(got))
	}
}
