package walk

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

// Every JSON value is walked over exactly, whatever stands around it.
func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2,{"b":null}]}`, `-0`, `1e5`, `"\ud800"`, `[[]]`, `01`, `+1`, `"\u00zz"`, ` 1 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if depth(text) >= maxDepth {
			t.Skip("deeper than the scanner goes")
		}
		s := scanner{b: text}
		s.space()
		err := s.value(1)
		s.space()
		got := err == nil && s.i == len(text)
		if want := json.Valid(text); got != want {
			t.Fatalf("scanner says %v for %q, encoding/json says %v (%v)", got, text, want, err)
		}
	})
}

func depth(text []byte) int {
	return bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{"))
}

// What is walked over is what encoding/json decodes.
func FuzzObjectAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2,{"b":null}],"c":"d\n\u00e9\ud83d\ude00\ud800"}`, `{"a\tb" : "x" , "a\tb":[ ] }`, `{}`, ` { "" : -0.5e3 } x`, `{"a\\\"":["\\","\\\\\"",{"]}":"\"]}"}],"":"\u0022"}`, `[]`, "{\"a\":\"\xff\n\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if depth(text) >= maxDepth {
			t.Skip("deeper than the walk goes")
		}
		got := map[string]json.RawMessage{}
		err := Object(text, func(key, value []byte) error {
			got[string(key)] = value
			return nil
		})
		var want map[string]json.RawMessage
		if wantErr := json.Unmarshal(text, &want); (wantErr == nil && want != nil) != (err == nil) {
			t.Fatalf("%q: %v, encoding/json says %v", text, err, wantErr)
		}
		if err != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", text, len(got), len(want))
		}
		checkKnown(t, text)
		for key, value := range want {
			if !bytes.Equal(got[key], value) {
				t.Fatalf("%q: %q is %q, want %q", text, key, got[key], value)
			}
			var said string
			isText := len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &said) == nil
			if text, ok := Text(value); ok != isText || string(text) != said {
				t.Fatalf("%q is %q, want %q", value, text, said)
			}
			var list []json.RawMessage
			isList := value[0] == '[' && json.Unmarshal(value, &list) == nil
			n := 0
			err := Array(value, func(one []byte) error {
				if !bytes.Equal(one, list[n]) {
					t.Fatalf("%q: %q, want %q", value, one, list[n])
				}
				n++
				return nil
			})
			if isList {
				checkKnownList(t, value, list)
			}
			if (err == nil) != isList || n != len(list) {
				t.Fatalf("%q: %d values, want %d (%v)", value, n, len(list), err)
			}
		}
	})
}

// checkKnown says that a text that is an object is walked over again as it was at first.
func checkKnown(t *testing.T, text []byte) {
	t.Helper()
	var first, again [][2]string
	into := func(list *[][2]string) func(key, value []byte) error {
		return func(key, value []byte) error {
			*list = append(*list, [2]string{string(key), string(value)})
			return nil
		}
	}
	if err := errors.Join(Object(text, into(&first)), Members(text, into(&again))); err != nil || !slices.Equal(first, again) {
		t.Fatalf("%q: %q at first, %q again (%v)", text, first, again, err)
	}
}

// checkKnownList says that a list that was walked over has these values when it is walked over again.
func checkKnownList(t *testing.T, value []byte, list []json.RawMessage) {
	t.Helper()
	n := 0
	err := Values(value, func(one []byte) error {
		if !bytes.Equal(one, list[n]) {
			t.Fatalf("%q: %q, want %q", value, one, list[n])
		}
		n++
		return nil
	})
	if err != nil || n != len(list) {
		t.Fatalf("%q: %d values, want %d (%v)", value, n, len(list), err)
	}
}

// Whoever walks again over what is no JSON gets an error or some values, but no more than the text has.
func FuzzAnyTextIsWalkedOverAgain(f *testing.F) {
	for _, seed := range []string{`{"a`, `{"\`, `{"a":"\"`, `{"a":["b\\"]}`, `{"a":tru`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		known := Members(text, func(_, _ []byte) error { return nil })
		if Object(text, nil) == nil && known != nil {
			t.Fatalf("%q: %v", text, known)
		}
	})
}
