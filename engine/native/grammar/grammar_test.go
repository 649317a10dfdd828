package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// tokens are single bytes and some longer ones, a few of which cross the borders of JSON's own tokens.
var tokens = func() [][]byte {
	list := [][]byte{nil} // a control token
	for b := range 256 {
		list = append(list, []byte{byte(b)})
	}
	for _, s := range []string{`{"`, `":`, `": "`, `",`, `"}`, `"]`, `[]`, `{}`, "true", "false", "null", "name", "Lima", "  ", "\n  ", `": {`, `}}`, "12", "0.5", `\u`, "é", "日本", "name\": \"", "\": [1, 2"} {
		list = append(list, []byte(s))
	}
	return list
}()

// write lets chance choose among the allowed tokens until the answer ends, and prefers what closes, so that it does.
func write(t *testing.T, m *Matcher, r *rand.Rand, limit int) (string, bool) {
	t.Helper()
	var out []byte
	for range limit {
		if m.Finished() || (m.Complete() && r.IntN(2) == 0) {
			return string(out), true
		}
		mask := m.Mask()
		var allowed []int32
		for id := range tokens {
			if mask[id/64]>>(id%64)&1 == 1 {
				allowed = append(allowed, int32(id))
				if b := tokens[id]; len(out) > 60 && len(b) == 1 && strings.ContainsRune(`"}]0n`, rune(b[0])) {
					for range 40 {
						allowed = append(allowed, int32(id))
					}
				}
			}
		}
		if len(allowed) == 0 {
			t.Fatalf("nothing may follow %q, which may not end", out)
		}
		id := allowed[r.IntN(len(allowed))]
		if err := m.Accept(id); err != nil {
			t.Fatalf("after %q the allowed token %q is refused", out, tokens[id])
		}
		out = append(out, tokens[id]...)
	}
	return string(out), m.Complete()
}

var schemas = []string{
	`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}`,
	`{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"boolean"},"c":{"type":["string","null"]}},"required":["b"]}`,
	`{"type":"array","items":{"enum":["red","green","\"blue\" <é>",7,null,[1,{"x":2}]]},"minItems":1,"maxItems":3}`,
	`{"$defs":{"node":{"type":"object","properties":{"value":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["value","next"]}},"$ref":"#/$defs/node"}`,
	`{"anyOf":[{"type":"string","minLength":2,"maxLength":4},{"const":{"a":[1,2]}},{"type":"array","maxItems":0}]}`,
	`{"type":"object","additionalProperties":{"type":"integer"}}`,
	`{"type":"object","additionalProperties":false}`,
	`{"title":"T","allOf":[{"type":"object","properties":{"x":{"type":"array","items":{"type":"array","items":{"type":"number"}}}},"required":["x"]}]}`,
	`{"type":"string","enum":["a",1,"b"]}`,
	`true`,
	`{"type":"object","properties":{}}`,
	`{"type":"object","properties":{"p0":true,"p1":{},"p2":{"type":"null"},"p3":{"type":"null"},"p4":{"type":"null"},"p5":{"type":"null"},"p6":{"type":"null"},"p7":{"type":"null"}}}`,
}

// The judge is another's: whatever chance writes within a schema's form must be valid by an independent validator.
func TestWhateverIsWrittenIsOfTheSchema(t *testing.T) {
	v := NewVocabulary(tokens)
	for i, text := range schemas {
		g, err := Schema(json.RawMessage(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		judge := independent(t, text)
		whole := 0
		for trial := range 200 {
			answer, ended := write(t, NewMatcher(g, v), rand.New(rand.NewPCG(uint64(i), uint64(trial))), 400)
			if !ended {
				continue
			}
			whole++
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(answer))
			if err != nil {
				t.Fatalf("%s: wrote %q: %v", text, answer, err)
			}
			if err := judge.Validate(value); err != nil {
				t.Fatalf("%s: wrote %q: %v", text, answer, err)
			}
		}
		if whole < 100 {
			t.Errorf("%s: only %d of 200 answers came to an end", text, whole)
		}
	}
}

func independent(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// accepts says whether text can be written and is whole.
func accepts(g *Grammar, text string) bool {
	m := NewMatcher(g, NewVocabulary(tokens))
	for i := range len(text) {
		if m.Accept(int32(text[i])+1) != nil {
			return false
		}
	}
	return m.Complete()
}

func TestWhatIsOfTheFormCanBeWritten(t *testing.T) {
	for text, answers := range map[string][]string{
		schemas[0]: {`{"name":"Ada","age":36}`, `{ "name" : "A\u00e9\n\"日" , "age" : -0 }`, "{\n  \"name\": \"\",\n  \"age\": 12\n}"},
		schemas[1]: {`{"b":true}`, `{"a":-1.5e-3,"b":false,"c":null}`, `{"b":true,"c":"x"}`},
		schemas[2]: {`["red"]`, `[7, null, [1,{"x":2}]]`, `["\"blue\" <é>"]`},
		schemas[3]: {`{"value":1,"next":{"value":2,"next":null}}`},
		schemas[4]: {`"ab"`, `"日本語"`, `{"a":[1,2]}`, `[]`},
		schemas[5]: {`{}`, `{"x":1,"y":2}`},
	} {
		g, err := Schema(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			if !accepts(g, a) {
				t.Errorf("%s does not allow %s", text, a)
			}
		}
	}
}

func TestWhatIsNotOfTheFormCannotBeWritten(t *testing.T) {
	for text, answers := range map[string][]string{
		schemas[0]: {`{"age":36,"name":"Ada"}`, `{"name":"Ada"}`, `{"name":"Ada","age":1,"x":2}`, `{"name":"Ada","age":1.5}`, `{"name":"Ada","age":01}`, `{"name":"Ada","age":1},`},
		schemas[2]: {`[]`, `["red","red","red","red"]`, `["pink"]`},
		schemas[4]: {`"a"`, `"abcde"`, `[1]`},
		schemas[6]: {`{"a":1}`},
	} {
		g, err := Schema(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			if accepts(g, a) {
				t.Errorf("%s allows %s", text, a)
			}
		}
	}
	for _, a := range []string{`{"a":}`, `[]`, `{"a":"\x"}`, "{\"a\":\"\n\"}", `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", `{"a":+1}`, `{"a":1,}`} {
		if accepts(JSON(), a) {
			t.Errorf("any object allows %q", a)
		}
	}
	if !accepts(JSON(), `{"a": [1, {"b": "\ud83d\ude00 \\ \/"}], "c": null}`) {
		t.Error("any object does not allow a nested one")
	}
}

func TestSchemasThatCannotBeFollowedAreRefusedByName(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"string","pattern":"^a"}`:                                   `keyword "pattern"`,
		`{"type":"object","properties":{"d":{"format":"date"}}}`:             `$.d: the keyword "format"`,
		`{"type":"integer","minimum":3}`:                                     `keyword "minimum"`,
		`{"type":"array","uniqueItems":true}`:                                `keyword "uniqueItems"`,
		`{"type":"strange"}`:                                                 `no type "strange"`,
		`{"type":"object","required":["x"]}`:                                 `required names "x"`,
		`{"$ref":"other.json"}`:                                              "not within the schema",
		`{"$ref":"#/nowhere"}`:                                               "leads nowhere",
		`{"$ref":"#"}`:                                                       "itself",
		`{"type":"object","properties":{"x":{"$ref":"#"}},"required":["x"]}`: "without end",
		`{"anyOf":[]}`:                                                       "list of schemas",
		`{"enum":[]}`:                                                        "allows nothing",
		`{"type":"string","maxLength":5000}`:                                 "from 0 to 1000",
		`{"type":"array","minItems":3,"maxItems":2}`:                         "minItems is above maxItems",
		`[]`:                              "object is wanted",
		`{"type":"string","type":"null"}`: "stands twice",
		`{"oneOf":[{"type":"string"}]}`:   `keyword "oneOf"`,
		strings.Repeat(`{"items":`, 70) + "{}" + strings.Repeat("}", 70):                                                       "nested more than",
		`{"type":"array","maxItems":1000,"items":{"type":"array","maxItems":1000,"items":{"type":"string","maxLength":1000}}}`: "",
		strings.Repeat(" ", 70<<10): "bytes",
	} {
		_, err := Schema(json.RawMessage(text))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want ErrSchema and %q", text, err, want)
		}
	}
}

// The mask is the definition: a token is allowed exactly where it can be accepted.
func TestMaskAgreesWithAccept(t *testing.T) {
	v := NewVocabulary(tokens)
	g, err := Schema(json.RawMessage(schemas[1]))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 9))
	m := NewMatcher(g, v)
	for step := 0; step < 60 && !m.Finished(); step++ {
		mask, from := m.Mask(), m.now
		var allowed []int32
		for id := range tokens {
			m.now = from
			can := m.Accept(int32(id)) == nil
			if in := mask[id/64]>>(id%64)&1 == 1; in != can {
				t.Fatalf("step %d: token %q is in the mask: %v, accepted: %v", step, tokens[id], in, can)
			}
			if can {
				allowed = append(allowed, int32(id))
			}
		}
		m.now = from
		if err := m.Accept(allowed[r.IntN(len(allowed))]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALongAnswerTakesBoundedMemory(t *testing.T) {
	m := NewMatcher(JSON(), NewVocabulary(tokens))
	feed := func(text string) {
		for i := range len(text) {
			if err := m.Accept(int32(text[i]) + 1); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	}
	feed("{")
	for i := range 20000 {
		feed(fmt.Sprintf(`"k%d":[{"a":"%d"}],`, i, i))
		m.Mask()
	}
	if len(m.states) > maxStates+300 || len(m.frames) > 10*maxStates {
		t.Errorf("%d states and %d frames are kept", len(m.states), len(m.frames))
	}
	if m.Accept(0) == nil || m.Accept(-1) == nil || m.Accept(int32(len(tokens))) == nil {
		t.Error("a token without bytes, or none, is accepted")
	}
}

func FuzzSchema(f *testing.F) {
	for _, s := range schemas {
		f.Add(s)
	}
	v := NewVocabulary(tokens)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := Schema(json.RawMessage(text))
		if err != nil {
			return
		}
		answer, ended := write(t, NewMatcher(g, v), rand.New(rand.NewPCG(1, uint64(len(text)))), 100)
		if ended && !json.Valid([]byte(answer)) {
			t.Errorf("%s: wrote %q", text, answer)
		}
	})
}

func BenchmarkMaskInAText(b *testing.B) {
	words := make([][]byte, 49152)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range words {
		words[i] = bytes.Repeat([]byte{byte('a' + r.IntN(26))}, 1)
		for range r.IntN(8) {
			words[i] = append(words[i], byte('a'+r.IntN(26)))
		}
	}
	v := NewVocabulary(words)
	g := JSON()
	for b.Loop() {
		m := NewMatcher(g, v)
		for _, c := range []byte(`{"a":"`) {
			m.now = m.step(m.now, c)
		}
		m.Mask()
	}
}
