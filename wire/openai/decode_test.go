package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"agora/wire/walk"
)

func TestChatRequestIsReadWithItsOptions(t *testing.T) {
	req, err := DecodeChat([]byte(`{"model":"chat","messages":[{"role":"system","content":"Be short."},
		{"role":"user","content":[{"type":"text","text":"What is"},{"type":"text","text":"12 + 30?"}]},{"role":"assistant","content":null}],
		"max_tokens":5,"temperature":0,"top_p":1,"seed":-7,"stop":"\n","n":1,"stream":true,"stream_options":{"include_usage":true},
		"logprobs":true,"top_logprobs":256,"user":"u","tools":[{"Name":1,"name":2}],"unknown":{"a":[1,{"b":null}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	five, zero, one, seed, top := 5, 0.0, 1.0, int64(-7), 256
	single := 1
	want := &ChatRequest{
		Model: "chat", MaxTokens: &five, Temperature: &zero, TopP: &one, Seed: &seed, Stop: Stop{"\n"}, N: &single,
		Messages: []Message{{Role: "system", Content: "Be short."}, {Role: "user", Content: "What is\n12 + 30?"}, {Role: "assistant"}},
		Stream:   true, StreamOptions: &StreamOptions{IncludeUsage: true}, Logprobs: true, TopLogprobs: &top, User: "u",
		Tools: []json.RawMessage{json.RawMessage(`{"Name":1,"name":2}`)},
	}
	if diff := cmp.Diff(want, req); diff != "" {
		t.Fatal(diff)
	}
	if req.Limit(9) != 5 || !req.StreamOptions.WantsUsage() {
		t.Fatal("limit or usage")
	}
}

func TestMaxCompletionTokensGoesBeforeMaxTokens(t *testing.T) {
	req, err := DecodeChat([]byte(`{"model":"m","messages":[{"role":"user","content":""}],"max_tokens":5,"max_completion_tokens":3}`))
	if err != nil || req.Limit(9) != 3 {
		t.Fatal(req, err)
	}
	plain, err := DecodeCompletion([]byte(`{"model":"m","prompt":"a"}`))
	if err != nil || plain.Limit(9) != 9 {
		t.Fatal(plain, err)
	}
}

// chat is a good chat request with one more member.
func chat(member string) string {
	return `{"model":"m","messages":[{"role":"user","content":"hi"}],` + member + `}`
}

func TestBadChatRequestsAreRefusedByField(t *testing.T) {
	cases := []struct{ body, param, says string }{
		{``, "", "ends before"},
		{`{`, "", "ends before"},
		{`{"model":"m","mess`, "", "ends before"},
		{`[1]`, "", "must be a JSON object"},
		{`nonsense`, "", "not JSON"},
		{`{"model":"m",}`, "", "not JSON"},
		{`{} {}`, "", "nothing may follow"},
		{"{\"model\":\"\xff\"}", "", "UTF-8"},
		{`{"messages":[]}`, "messages", "at least one"},
		{`{"messages":[{"role":"user","content":"x"}]}`, "model", "missing"},
		{chat(`"model":"other"`), "model", "stands twice"},
		{chat(`"Model":"other"`), "Model", "stands twice"},
		{chat(`"ſtop":"a","stop":"b"`), "stop", "stands twice"},
		{chat(`"x":{"a":1,"a":2}`), "a", "stands twice"},
		{chat(`"stream_options":{"include_usage":true,"include_usage":false}`), "include_usage", "stands twice"},
		{`{"model":"m","messages":[{"role":"user","role":"system","content":"hi"}]}`, "role", "stands twice"},
		{chat(`"temperature":2.1`), "temperature", "from 0 to 2"},
		{chat(`"temperature":-1`), "temperature", "from 0 to 2"},
		{chat(`"temperature":"hot"`), "temperature", "must be a number, not string"},
		{chat(`"temperature":1e999`), "temperature", "must be a number"},
		{chat(`"top_p":1.5`), "top_p", "from 0 to 1"},
		{chat(`"n":9`), "n", "from 1 to 8"},
		{chat(`"n":0`), "n", "from 1 to 8"},
		{chat(`"max_tokens":0`), "max_tokens", "at least 1"},
		{chat(`"max_tokens":1.5`), "max_tokens", "must be a whole number"},
		{chat(`"max_completion_tokens":-1`), "max_completion_tokens", "at least 1"},
		{chat(`"logprobs":true,"top_logprobs":257`), "top_logprobs", "from 0 to 256"},
		{chat(`"logprobs":true,"top_logprobs":-1`), "top_logprobs", "from 0 to 256"},
		{chat(`"top_logprobs":3`), "top_logprobs", "needs logprobs"},
		{chat(`"logprobs":false,"top_logprobs":1`), "top_logprobs", "needs logprobs"},
		{chat(`"top_logprobs":-1`), "top_logprobs", "from 0 to 256"},
		{chat(`"stream":"yes"`), "stream", "true or false"},
		{chat(`"stop":["a","b","c","d","e"]`), "stop", "at most 4"},
		{chat(`"stop":[""]`), "stop", "must not be empty"},
		{chat(`"stop":[null]`), "stop", "list of strings"},
		{chat(`"stop":3`), "stop", "list of strings"},
		{chat(`"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), "", "nests deeper"},
		{`{"model":"m","messages":"hi"}`, "messages", "a list"},
		{`{"model":"m","messages":[{"role":"king","content":"x"}]}`, "messages.role", "king"},
		{`{"model":"m","messages":[{"role":"user","content":5}]}`, "messages.content", "string or a list"},
		{`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, "messages.content", "image_url"},
		{`{"model":"` + strings.Repeat("m", 300) + `","messages":[{"role":"user","content":"x"}]}`, "model", "at most 256"},
	}
	for _, c := range cases {
		_, err := DecodeChat([]byte(c.body))
		checkRefusal(t, c.body, err, c.param, c.says)
	}
}

func TestNoLogprobsMayBeAskedForInEveryWay(t *testing.T) {
	for _, none := range []string{`"top_logprobs":0`, `"logprobs":false,"top_logprobs":0`, `"logprobs":null,"top_logprobs":null`, `"logprobs":false,"top_logprobs":0.0`} {
		r, err := DecodeChatFor(CanChat, []byte(chat(none)))
		if err != nil || r.Logprobs {
			t.Errorf("%s: %+v, %v", none, r, err)
		}
	}
}

func checkRefusal(t *testing.T, body string, err error, param, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%.80s: got %v", body, err)
		return
	}
	if e.Status != http.StatusBadRequest || e.Type != "invalid_request_error" || e.Param != param || !strings.Contains(e.Message, says) {
		t.Errorf("%.80s: got %+v, want param %q and %q", body, e, param, says)
	}
}

func TestBadCompletionRequestsAreRefusedByField(t *testing.T) {
	cases := []struct{ body, param, says string }{
		{`{"model":"m","prompt":["a","b"]}`, "prompt", "2 texts"},
		{`{"model":"m","prompt":[]}`, "prompt", "0 texts"},
		{`{"model":"m","prompt":[1,2]}`, "prompt", "token ids"},
		{`{"model":"m","prompt":{}}`, "prompt", "must be a string"},
		{`{"model":"m","prompt":null}`, "prompt", "0 texts"},
		{`{"model":"m","prompt":"a","logprobs":257}`, "logprobs", "from 0 to 256"},
		{`{"model":"m","prompt":"a","logprobs":true}`, "logprobs", "whole number"},
		{`{"model":"m","prompt":"a","max_tokens":0}`, "max_tokens", "at least 1"},
		{`{"prompt":"a"}`, "model", "missing"},
	}
	for _, c := range cases {
		_, err := DecodeCompletion([]byte(c.body))
		checkRefusal(t, c.body, err, c.param, c.says)
	}
	for _, prompt := range []string{`"ab"`, `["ab"]`, `"\u0061b"`} {
		req, err := DecodeCompletion([]byte(`{"model":"m","logprobs":0,"prompt":` + prompt + `}`))
		if err != nil || req.Prompt != "ab" || *req.Logprobs != 0 {
			t.Errorf("%s: %+v, %v", prompt, req, err)
		}
	}
}

func TestRequestsSurviveBeingWrittenAndReadAgain(t *testing.T) {
	in := `{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":3,"temperature":0.5,"stop":["a","b"],"stream":true}`
	first, err := DecodeChat([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeChat(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Fatal(diff)
	}
}

func TestBodyOverTheLimitIs413(t *testing.T) {
	if body, err := ReadBody(strings.NewReader("12345"), 5); err != nil || string(body) != "12345" {
		t.Fatal(string(body), err)
	}
	_, err := ReadBody(strings.NewReader("123456"), 5)
	if e := AsError(err); e.Status != http.StatusRequestEntityTooLarge {
		t.Fatalf("%+v", e)
	}
	_, err = ReadBody(io.MultiReader(strings.NewReader("12"), broken{}), 5)
	if e := AsError(err); e.Status != http.StatusRequestTimeout {
		t.Fatalf("%+v", e)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut") }

func TestErrorIsWrittenInOpenAIsShape(t *testing.T) {
	text, err := json.Marshal(Invalid("n", "n is %d", 2).WithCode("unsupported_value"))
	if want := `{"error":{"message":"n is 2","type":"invalid_request_error","param":"n","code":"unsupported_value"}}`; err != nil || string(text) != want {
		t.Fatalf("%s, %v", text, err)
	}
	text, _ = json.Marshal(Errorf(http.StatusTooManyRequests, "busy"))
	if want := `{"error":{"message":"busy","type":"rate_limit_error","param":null,"code":null}}`; string(text) != want {
		t.Fatalf("%s", text)
	}
}

func TestInnerErrorsDoNotLeaveTheProcess(t *testing.T) {
	e := AsError(errors.New("open /home/alice/.secret: permission denied"))
	if e.Status != http.StatusInternalServerError || strings.Contains(e.Message, "alice") {
		t.Fatalf("%+v", e)
	}
	if e := AsError(fmt.Errorf("wrapped: %w", Errorf(http.StatusForbidden, "no"))); e.Status != http.StatusForbidden {
		t.Fatalf("%+v", e)
	}
}

func FuzzDecodeChat(f *testing.F) {
	f.Add([]byte(chat(`"stop":["a"],"logprobs":true,"top_logprobs":5,"stream":true`)))
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"temperature":1e-7}`))
	f.Add([]byte(`{"a":{"b":[{"c":1}]},"A":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := DecodeChat(body)
		if err != nil {
			isRefusal(t, err)
			return
		}
		if req.Model == "" || len(req.Messages) == 0 || req.Temperature != nil && !(*req.Temperature >= 0 && *req.Temperature <= 2) {
			t.Fatalf("a bad request passed: %+v", req)
		}
		text, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeChat(text); err != nil {
			t.Fatalf("%s does not survive being written: %v", text, err)
		}
	})
}

// FuzzPlainChat holds what is read without encoding/json to what that reads.
func FuzzPlainChat(f *testing.F) {
	for _, with := range []string{
		`"stream":true,"stream_options":{"include_usage":true},"user":"u"`, `"logprobs":true,"top_logprobs":5,"n":2`, `"stream_options":{}`, `"stop":"a"`,
		`"max_tokens":100,"max_completion_tokens":-0,"temperature":0.70,"top_p":1E-2,"seed":-9223372036854775808`, `"max_tokens":1.0`, `"Stream":true`, `"n":null`,
	} {
		f.Add([]byte(chat(with)))
	}
	f.Add([]byte(`{"model":"\u00e4\ud800","messages":[{"role":"user","content":"a\n\u2028"},{"content":"b","role":"assistant"},{}]}`))
	f.Add([]byte(`{"messages":[],"model":"m"}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if CheckJSON(body) != nil {
			return
		}
		var plain, want ChatRequest
		if !plainChat(body, &plain) {
			if diff := cmp.Diff(plain, want); diff != "" {
				t.Fatalf("something of %s is left: %s", body, diff)
			}
			return
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%s is taken: %v", body, err)
		}
		if diff := cmp.Diff(want, plain); diff != "" {
			t.Fatalf("of %s: %s", body, diff)
		}
	})
}

func TestUsualRequestsNeedNoEncodingJSON(t *testing.T) {
	usual := chat(`"max_tokens":100,"temperature":0.7,"top_p":0.9,"seed":1,"n":1,"stream":true,"stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":2,"user":"u"`)
	if r := new(ChatRequest); !plainChat([]byte(usual), r) || *r.Temperature != 0.7 || !r.StreamOptions.IncludeUsage || len(r.Messages) == 0 {
		t.Errorf("%+v", r)
	}
	for _, with := range []string{`"tools":[]`, `"max_tokens":1.0`, `"n":"1"`, `"N":1`, `"seed":null`, `"stream":"true"`, `"user":1`, `"stream_options":null`} {
		if plainChat([]byte(chat(with)), new(ChatRequest)) {
			t.Errorf("%s is not left to encoding/json", with)
		}
	}
}

// FuzzCheckJSON holds the search for keys that stand twice to one by maps.
func FuzzCheckJSON(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1,"B":2},"messages":[{"b":1,"B":2}]}`))
	f.Add([]byte(`{"k":1,"\u212a":2}`))
	f.Add([]byte(`{"metadata":{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"A":0,"a":1}}`))
	f.Add([]byte(`{"Messages":{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"A":0}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) || !utf8.Valid(body) || !walk.IsObject(body) {
			return
		}
		seen := new(byMaps)
		if walk.Visit(body, seen) != nil {
			return // nested beyond what is walked over
		}
		if err := CheckJSON(body); (err != nil) != (seen.twice || seen.deep) {
			t.Fatalf("%s: %v, by maps %+v", body, err, seen)
		}
	})
}

// byMaps finds keys that stand twice, and whether anything nests too deeply.
type byMaps struct {
	open        []mapLevel
	twice, deep bool
}

type mapLevel struct {
	seen          map[string]bool
	folded, inner bool
}

func (v *byMaps) Open(depth int, _ bool) error {
	folded := depth == 1 || v.open[depth-2].inner
	v.deep = v.deep || depth > maxDepth
	v.open = append(v.open, mapLevel{map[string]bool{}, folded, folded})
	return nil
}

func (v *byMaps) Key(key []byte) error {
	l, id := &v.open[len(v.open)-1], string(key)
	if l.folded {
		id = fold(id)
	}
	if len(v.open) == 1 {
		l.inner = id == fold("messages") || id == fold("stream_options")
	}
	v.twice = v.twice || l.seen[id]
	l.seen[id] = true
	return nil
}

func (v *byMaps) Close() { v.open = v.open[:len(v.open)-1] }

func FuzzDecodeCompletion(f *testing.F) {
	f.Add([]byte(`{"model":"m","prompt":"a","logprobs":256,"max_tokens":1}`))
	f.Add([]byte(`{"model":"m","prompt":["a"],"stop":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := DecodeCompletion(body); err != nil {
			isRefusal(t, err)
		}
	})
}

func isRefusal(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.Message == "" {
		t.Fatalf("not a clear refusal: %#v", err)
	}
	if _, err := json.Marshal(e); err != nil {
		t.Fatal(err)
	}
}

func TestWholeNumbersMayBeWrittenAsFloats(t *testing.T) {
	body := func(with string) []byte {
		return []byte(`{"model":"m","messages":[{"role":"user","content":"1.0"}],` + with + `}`)
	}
	req, err := DecodeChat(body(`"max_tokens":100.0,"seed":-1.0,"n":1e0,"temperature":1`))
	if err != nil || *req.MaxTokens != 100 || *req.Seed != -1 || *req.N != 1 || req.Messages[0].Content != "1.0" {
		t.Fatalf("%+v, %v", req, err)
	}
	if req, err := DecodeCompletion([]byte(`{"model":"m","prompt":"a","logprobs":2.0,"max_tokens":1E2}`)); err != nil || *req.Logprobs != 2 || *req.MaxTokens != 100 {
		t.Fatalf("%+v, %v", req, err)
	}
	for _, with := range []string{`"max_tokens":100.5`, `"max_tokens":1e300`, `"seed":"1"`, `"n":true`} {
		if _, err := DecodeChat(body(with)); err == nil {
			t.Errorf("%s was taken", with)
		}
	}
}
