package openai

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"agora/wire/walk"
)

// What a walk takes of a request is what encoding/json decodes of it: a prompt must not hide from one of them.
func FuzzRequestsAreReadAsEncodingJSONReadsThem(f *testing.F) {
	for _, seed := range []string{
		`{"model":"chat","messages":[{"role":"user","content":"hi\n\u00e9"},{"Role":"SYSTEM","Content":[{"type":"text","text":"x"}]},null]}`,
		`{"MESSAGES":[{"role":"user","role":null,"content":null,"tool_calls":[{}]}],"N":2,"max_tokens":7}`,
		`{"messages":[{"role":5}]}`, `{"messages":{}}`, `{"me\u017f\u017fages":[]}`, `{"messages":[1]}`, `null`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > 100 || !utf8.Valid(body) {
			t.Skip("deeper than the walk goes, or nothing that a gateway lets in")
		}
		var want struct {
			Messages  json.RawMessage `json:"messages"`
			MaxTokens json.RawMessage `json:"max_tokens"`
			N         json.RawMessage `json:"n"`
		}
		if len(bytes.TrimSpace(body)) == 0 || bytes.TrimSpace(body)[0] != '{' || json.Unmarshal(body, &want) != nil {
			if got := ReadAsk(body); len(got.Prompts) > 0 {
				t.Fatalf("%q has prompts %q", body, got.Prompts)
			}
			return
		}
		var got asked
		if err := got.read(body, walk.Object); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		for i, value := range map[int]json.RawMessage{inMessages: want.Messages, inMaxTokens: want.MaxTokens, inN: want.N} {
			if !bytes.Equal(got[i], value) {
				t.Fatalf("%q: %s is %q, want %q", body, askedNames[i], got[i], value)
			}
		}
		var turns []struct {
			Role      string          `json:"role"`
			Content   json.RawMessage `json:"content"`
			ToolCalls json.RawMessage `json:"tool_calls"`
		}
		var list []turn
		if json.Unmarshal(orNothing(want.Messages), &turns) == nil {
			for _, m := range turns {
				list = append(list, turn{m.Role, m.Content, m.ToolCalls})
			}
		}
		if read := readTurns(got[inMessages]); !reflect.DeepEqual(read, list) {
			t.Fatalf("%q: %q, want %q", body, read, list)
		}
		if a := ReadAsk(body); a.turns != len(list) {
			t.Fatalf("%q: %d turns, want %d", body, a.turns, len(list))
		}
	})
}

// readTurns reads the messages of a request, none where one of them is no message.
func readTurns(raw json.RawMessage) (list []turn) {
	if raw == nil {
		return nil
	}
	err := walk.Values(raw, func(value []byte) error {
		t, err := readTurn(value)
		list = append(list, t)
		return err
	})
	if err != nil {
		return nil
	}
	return list
}
