package receipt

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"agora/wire/walk"
)

var update = flag.Bool("update", false, "write testdata anew")

func example() Receipt {
	r := Receipt{ChainID: "agora-1", Netuid: 1, UID: 7, Registered: 4242, Engine: "native", Version: "1", Prompt: 31, Completion: 5}
	for i, field := range [][]byte{r.Voice[:], r.Nonce[:], r.Digest[:]} {
		for k := range field {
			field[k] = byte(16*i + k)
		}
	}
	r.Request = RequestHash(r.Nonce, []byte(`{"messages":[{"role":"user","content":"What is 12 + 30?"}]}`))
	r.Answer = AnswerHash([]Choice{{Content: "42", Finish: "stop"}})
	r.Tokens = TokensHash([][]int32{{36, 34, 2}})
	return r
}

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func bound(r *Receipt) *Bound {
	return &Bound{
		ChainID: r.ChainID, Netuid: r.Netuid, UID: r.UID, Registered: r.Registered, Voice: r.Voice, Nonce: r.Nonce, Request: r.Request,
		Answer: r.Answer, Tokens: r.Tokens, Digest: r.Digest, Engine: r.Engine, Versions: []string{r.Version},
	}
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func TestASignedReceiptIsReadAgain(t *testing.T) {
	r, k := example(), key(1)
	signed, err := Sign(&r, k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(signed, public(k))
	if err != nil || got != r {
		t.Fatalf("Open = %+v, %v", got, err)
	}
	if err := got.Check(bound(&r)); err != nil {
		t.Error(err)
	}
}

func TestTheLongestReceiptFits(t *testing.T) {
	r := example()
	r.ChainID, r.Engine, r.Version = strings.Repeat("c", MaxChainID), strings.Repeat("e", MaxEngine), strings.Repeat("v", MaxVersion)
	list := make([]Receipt, MaxTogether)
	for i := range list {
		list[i] = r
	}
	signed := signedTogether(t, key(1), list)[0]
	if len(signed) != MaxSigned {
		t.Fatalf("%d bytes, want %d", len(signed), MaxSigned)
	}
	if _, err := Open(signed, public(key(1))); err != nil {
		t.Error(err)
	}
	if _, err := Open(signed+"AA", public(key(1))); !errors.Is(err, ErrMalformed) {
		t.Errorf("a longer text: %v", err)
	}
	r.Engine += "e"
	if _, err := Sign(&r, key(1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a longer one: %v", err)
	}
}

// Each way in which a receipt can be another one is refused: every field changed and signed again by the same server,
// every field changed without a signature, other keys, and every single bit of the text.
func TestMutationsAreRefused(t *testing.T) {
	r, k := example(), key(1)
	refused := 0
	for _, m := range mutations {
		changed := r
		m.change(&changed)
		signed, err := Sign(&changed, k)
		if err != nil {
			t.Fatal(m.name, err)
		}
		got, err := Open(signed, public(k))
		if err != nil {
			t.Fatal(m.name, err)
		}
		if err := got.Check(bound(&r)); !errors.Is(err, ErrBinding) || !strings.Contains(err.Error(), m.says) {
			t.Errorf("%s, signed by the server itself: %v, want one that says %q", m.name, err, m.says)
		}
		if _, err := Open(splice(t, &changed, signedText(t, &r, k)), public(k)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s, under the signature of another receipt: %v", m.name, err)
		}
		if _, err := Open(signed, public(key(2))); !errors.Is(err, ErrSignature) {
			t.Errorf("%s, after the server has rotated its key: %v", m.name, err)
		}
		refused += 3
	}
	if refused < 60 {
		t.Errorf("%d mutations were tried, want 60", refused)
	}
}

var mutations = []struct {
	name, says string
	change     func(*Receipt)
}{
	{"another chain", "chain", func(r *Receipt) { r.ChainID = "agora-2" }},
	{"a longer chain id", "chain", func(r *Receipt) { r.ChainID += "0" }},
	{"another subnet", "subnet", func(r *Receipt) { r.Netuid++ }},
	{"another seat", "seat", func(r *Receipt) { r.UID++ }},
	{"the seat's owner before", "registration", func(r *Receipt) { r.Registered-- }},
	{"the seat's owner after", "registration", func(r *Receipt) { r.Registered++ }},
	{"another voice", "voice", func(r *Receipt) { r.Voice[0] ^= 1 }},
	{"another voice's last byte", "voice", func(r *Receipt) { r.Voice[31] ^= 0x80 }},
	{"yesterday's nonce", "nonce", func(r *Receipt) { r.Nonce[0] ^= 1 }},
	{"another request's nonce", "nonce", func(r *Receipt) { r.Nonce[15] ^= 1 }},
	{"another request", "request", func(r *Receipt) { r.Request = RequestHash(r.Nonce, []byte(`{}`)) }},
	{"the same request under another nonce", "request", func(r *Receipt) { r.Request = RequestHash([16]byte{}, []byte(`{}`)) }},
	{"another answer", "answer", func(r *Receipt) { r.Answer = AnswerHash([]Choice{{Content: "43", Finish: "stop"}}) }},
	{"an answer that ends otherwise", "answer", func(r *Receipt) { r.Answer = AnswerHash([]Choice{{Content: "42", Finish: "length"}}) }},
	{"other tokens", "tokens", func(r *Receipt) { r.Tokens = TokensHash([][]int32{{36, 35, 2}}) }},
	{"tokens without their end", "tokens", func(r *Receipt) { r.Tokens = TokensHash([][]int32{{36, 34}}) }},
	{"tokens of two choices", "tokens", func(r *Receipt) { r.Tokens = TokensHash([][]int32{{36}, {34, 2}}) }},
	{"another model", "model", func(r *Receipt) { r.Digest[0] ^= 1 }},
	{"no model", "model", func(r *Receipt) { r.Digest = [32]byte{} }},
	{"another engine", "engine", func(r *Receipt) { r.Engine = "openai" }},
	{"no engine", "engine", func(r *Receipt) { r.Engine = "" }},
	{"an engine's version that is not on the list", "version", func(r *Receipt) { r.Version = "0" }},
}

func signedText(t *testing.T, r *Receipt, k ed25519.PrivateKey) string {
	t.Helper()
	signed, err := Sign(r, k)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// splice is r under the signature of another signed receipt.
func splice(t *testing.T, r *Receipt, signed string) string {
	t.Helper()
	b, err := encoding.DecodeString(signed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoding.EncodeToString(append(text, b[len(b)-ed25519.SignatureSize:]...))
}

func TestNoBitCanBeChanged(t *testing.T) {
	r, k := example(), key(1)
	b, err := encoding.DecodeString(signedText(t, &r, k))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(b) {
		changed := bytes.Clone(b)
		changed[i/8] ^= 1 << (i % 8)
		if got, err := Open(encoding.EncodeToString(changed), public(k)); err == nil {
			t.Errorf("bit %d: %+v", i, got)
		}
	}
	for n := range b {
		if _, err := Open(encoding.EncodeToString(b[:n]), public(k)); err == nil {
			t.Errorf("the first %d bytes are taken", n)
		}
	}
}

// vector is a line of testdata/vectors.json: all bytes in hexadecimal digits.
type vector struct {
	Seed    string    `json:"seed"` // of the server's Ed25519 key, RFC 8032
	Receipt fields    `json:"receipt"`
	Body    string    `json:"body"` // text
	Choices []Choice  `json:"choices"`
	IDs     [][]int32 `json:"ids"`
	Encoded string    `json:"encoded"`
	Signed  string    `json:"signed"` // as it travels
	Tokens  string    `json:"tokens"` // as they travel
}

type fields struct {
	ChainID    string `json:"chain_id"`
	Netuid     uint32 `json:"netuid"`
	UID        uint32 `json:"uid"`
	Registered uint64 `json:"registered"`
	Voice      string `json:"voice"`
	Nonce      string `json:"nonce"`
	Request    string `json:"request"`
	Answer     string `json:"answer"`
	Tokens     string `json:"tokens"`
	Digest     string `json:"digest"`
	Engine     string `json:"engine"`
	Version    string `json:"version"`
	Prompt     uint32 `json:"prompt"`
	Completion uint32 `json:"completion"`
}

func fieldsOf(r *Receipt) fields {
	h := hex.EncodeToString
	return fields{
		r.ChainID, r.Netuid, r.UID, r.Registered, h(r.Voice[:]), h(r.Nonce[:]), h(r.Request[:]), h(r.Answer[:]), h(r.Tokens[:]), h(r.Digest[:]),
		r.Engine, r.Version, r.Prompt, r.Completion,
	}
}

// cases are the answers that the vectors are about.
func cases() []vector {
	return []vector{
		{Body: `{"messages":[{"role":"user","content":"What is 12 + 30?"}]}`, Choices: []Choice{{Content: "42", Finish: "stop"}}, IDs: [][]int32{{36, 34, 2}}},
		{Body: ``, Choices: []Choice{{Finish: "length"}}, IDs: [][]int32{{}}},
		{
			Body: `{"n":2}`,
			Choices: []Choice{
				{Content: "a \"quote\", a \\, a tab\t, a line\n, \x01, é, 漢, 😀, </script>", Finish: "stop"},
				{Content: "", Reasoning: "hm", Finish: "tool_calls", Calls: []Call{{"call_1", "weather", `{"city":"Oslo"}`}, {"call_2", "time", `{}`}}},
			},
			IDs: [][]int32{{0, 127, 128, 300, 49151}, {2147483647}},
		},
	}
}

func TestVectors(t *testing.T) {
	k := key(9)
	var made []vector
	for i, v := range cases() {
		r := example()
		r.UID = uint32(i)
		r.Request, r.Answer, r.Tokens = RequestHash(r.Nonce, []byte(v.Body)), AnswerHash(v.Choices), TokensHash(v.IDs)
		text, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		v.Seed, v.Receipt, v.Encoded = hex.EncodeToString(k.Seed()), fieldsOf(&r), hex.EncodeToString(text)
		v.Signed, v.Tokens = signedText(t, &r, k), AppendTokens(v.IDs)
		made = append(made, v)
	}
	holdToFile(t, "testdata/vectors.json", made)
}

// holdToFile holds vectors to those of a file, or writes them there with -update.
func holdToFile(t *testing.T, path string, vectors any) {
	t.Helper()
	text, err := json.MarshalIndent(vectors, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("the vectors are others than %s has; if that is meant, run the test with -update", path)
	}
}

func TestTokensTravel(t *testing.T) {
	for _, ids := range [][][]int32{{{}}, {{1}}, {{0, 127, 128, 1<<31 - 1}, {}, {5}}, {make([]int32, MaxTokens)}} {
		got, err := ParseTokens(AppendTokens(ids))
		if err != nil || TokensHash(got) != TokensHash(ids) {
			t.Errorf("%d choices: %v", len(ids), err)
		}
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"no base64":         "*",
		"fewer than said":   encoding.EncodeToString([]byte{3, 1, 1}),
		"a number cut":      encoding.EncodeToString([]byte{1, 0x80}),
		"a number too high": encoding.EncodeToString([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 1}),
		"nine choices":      encoding.EncodeToString(make([]byte, 9)),
		"too many":          AppendTokens([][]int32{make([]int32, MaxTokens+1)}),
	} {
		if _, err := ParseTokens(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWholeAndStreamedAnswersHaveOneHash(t *testing.T) {
	whole := `{"id":"x","object":"chat.completion","choices":[{"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"},{"index":0,"message":{"role":"assistant","content":"four two"},"logprobs":null,"finish_reason":"stop"}],"usage":{}}`
	chunks := []string{
		`{"choices":[{"index":0,"delta":{"role":"assistant"}}]}`,
		`{"choices":[{"index":0,"delta":{"content":"four "}},{"index":1,"delta":{"role":"assistant","content":""}}]}`,
		`{"choices":[{"index":0,"delta":{"content":"two"},"finish_reason":null}]}`,
		`{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{"}}]}}]}`,
		`{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"tool_calls"}]}`,
		`{"choices":[],"usage":{"prompt_tokens":1}}`,
	}
	var a, b Reader
	if err := a.Whole([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for _, c := range chunks {
		if err := b.Chunk([]byte(c)); err != nil {
			t.Fatal(c, err)
		}
	}
	x, err := a.Choices()
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Choices()
	if err != nil || !reflect.DeepEqual(x, y) || AnswerHash(x) != AnswerHash(y) {
		t.Errorf("%+v and %+v, %v", x, y, err)
	}
}

// What one program reads and another does not could be shown to the one and hashed for the other.
func TestAnswersThatCanBeReadInTwoWaysAreRefused(t *testing.T) {
	for name, chunk := range map[string]string{
		"a member in another case":        `{"choices":[{"index":0,"delta":{"content":"rubbish","Content":"right"},"finish_reason":"stop"}]}`,
		"a member twice":                  `{"choices":[{"index":0,"delta":{"content":"rubbish","content":"right"},"finish_reason":"stop"}]}`,
		"choices twice":                   `{"choices":[],"choices":[{"index":0,"delta":{"content":"right"},"finish_reason":"stop"}]}`,
		"an escaped name":                 `{"choices":[{"index":0,"delta":{"content":"rubbish","c\u006fntent":"right"},"finish_reason":"stop"}]}`,
		"a message in a stream":           `{"choices":[{"index":0,"message":{"content":"right"},"finish_reason":"stop"}]}`,
		"a text beside a delta":           `{"choices":[{"index":0,"delta":{"content":""},"text":"right","finish_reason":"stop"}]}`,
		"an error beside the choices":     `{"error":{"message":"no"},"choices":[]}`,
		"a member nobody knows":           `{"choices":[{"index":0,"delta":{"answer":"right"},"finish_reason":"stop"}]}`,
		"nothing in another case":         `{"choices":[{"index":0,"delta":{"content":"right","Content":null},"finish_reason":"stop"}]}`,
		"nothing under an escaped name":   `{"choices":[{"index":0,"delta":{"content":"right","c\u006fntent":null},"finish_reason":"stop"}]}`,
		"nothing twice":                   `{"choices":[{"index":0,"delta":{"content":null,"content":"right"},"finish_reason":"stop"}]}`,
		"a sign that folds to another":    `{"choices":[{"index":0,"delta":{"content":"right"},"finish_reason":"stop","finiſh_reason":null}]}`,
		"a refusal":                       `{"choices":[{"index":0,"delta":{"refusal":"no"},"finish_reason":"stop"}]}`,
		"content that is no text":         `{"choices":[{"index":0,"delta":{"content":["right"]},"finish_reason":"stop"}]}`,
		"an index beyond the choices":     `{"choices":[{"index":8,"delta":{"content":"right"},"finish_reason":"stop"}]}`,
		"a call before the one before it": `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c"}]},"finish_reason":"stop"}]}`,
		"no object":                       `[]`,
		"nothing":                         ``,
		"an object that does not end":     `{"choices":[{"index":0`,
		"a finish_reason that is no text": `{"choices":[{"index":0,"delta":{},"finish_reason":7}]}`,
	} {
		var r Reader
		if err := r.Chunk([]byte(chunk)); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, chunks := range map[string][]string{
		"text after the end":  {`{"choices":[{"index":0,"delta":{"content":"right"},"finish_reason":"stop"}]}`, `{"choices":[{"index":0,"delta":{"content":"!"}}]}`},
		"two ends":            {`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, `{"choices":[{"index":0,"finish_reason":"length"}]}`},
		"a choice in between": {`{"choices":[{"index":1,"delta":{"content":"right"},"finish_reason":"stop"}]}`},
		"no end":              {`{"choices":[{"index":0,"delta":{"content":"right"}}]}`},
	} {
		var r Reader
		var err error
		for _, c := range chunks {
			if err == nil {
				err = r.Chunk([]byte(c))
			}
		}
		if err == nil {
			_, err = r.Choices()
		}
		if !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Servers say more than OpenAI's, most of it null: vLLM, SGLang and llama.cpp, of a stream and a whole answer.
func TestAnswersOfOtherServersHaveTheirHash(t *testing.T) {
	want := AnswerHash([]Choice{{Content: "Hi", Finish: "stop"}})
	for name, chunks := range map[string][]string{
		"vLLM": {
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null,"token_ids":null}]}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}]}`,
		},
		"SGLang": {
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":null,"content":null},"logprobs":null,"finish_reason":"stop","matched_stop":151645}],"usage":null}`,
		},
		"llama.cpp": {
			`{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"c","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk"}`,
			`{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}],"created":1,"id":"c","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk"}`,
			`{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1,"id":"c","model":"m","system_fingerprint":"b1","object":"chat.completion.chunk","timings":{"prompt_n":1}}`,
		},
	} {
		var r Reader
		for _, c := range chunks {
			if err := r.Chunk([]byte(c)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if choices, err := r.Choices(); err != nil || AnswerHash(choices) != want {
			t.Errorf("%s: %+v, %v", name, choices, err)
		}
	}
	for name, whole := range map[string]string{
		"vLLM": `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":[],"reasoning_content":null},` +
			`"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":null,"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1,"prompt_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null}`,
		"SGLang": `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":"stop","matched_stop":"x"}],` +
			`"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1},"metadata":{"weight_version":"default"}}`,
	} {
		var r Reader
		if err := r.Whole([]byte(whole)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if choices, err := r.Choices(); err != nil || AnswerHash(choices) != want {
			t.Errorf("%s: %+v, %v", name, choices, err)
		}
	}
}

// However a text is cut into parts, its hash stays.
func TestPartsDoNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const text = "héllo 漢字 😀 \"quoted\"\n"
	want := AnswerHash([]Choice{{Content: text, Finish: "stop"}})
	for range 50 {
		var r Reader
		rest := []rune(text)
		for len(rest) > 0 {
			n := 1 + random.IntN(len(rest))
			content, err := json.Marshal(string(rest[:n]))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Chunk([]byte(`{"choices":[{"index":0,"delta":{"content":` + string(content) + `}}]}`)); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := r.Chunk([]byte(`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`)); err != nil {
			t.Fatal(err)
		}
		choices, err := r.Choices()
		if err != nil || AnswerHash(choices) != want {
			t.Fatalf("%+v, %v", choices, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r, k := example(), key(1)
	text, err := r.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		again, err := r.Append(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read as %+v, which is written as %x (%v)", b, r, again, err)
		}
		if _, err := Open(encoding.EncodeToString(append(b, make([]byte, 64)...)), public(k)); err == nil {
			t.Error("a receipt without a signature")
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`), "AQI")
	f.Add([]byte(`{"choices":[{"index":0,"delta":{"content":"a","audio":null},"finish_reason":"stop","Finish_Reason":null}],"x":null}`), "AQI")
	f.Fuzz(func(t *testing.T, chunk []byte, tokens string) {
		var r Reader
		if r.Chunk(chunk) == nil {
			if choices, err := r.Choices(); err == nil {
				AnswerHash(choices)
				asOthersRead(t, chunk, choices)
			}
		}
		if ids, err := ParseTokens(tokens); err == nil {
			again, err := ParseTokens(AppendTokens(ids))
			if err != nil || TokensHash(again) != TokensHash(ids) {
				t.Errorf("%q: %v", tokens, err)
			}
		}
	})
}

// asOthersRead holds what was read of a chunk to what encoding/json finds in it, which takes names in any case and the last of several.
func asOthersRead(t *testing.T, chunk []byte, read []Choice) {
	var other struct {
		Choices []struct {
			Index int     `json:"index"`
			Text  *string `json:"text"`
			Delta struct {
				Content   *string `json:"content"`
				Reasoning *string `json:"reasoning_content"`
			} `json:"delta"`
			Finish *string `json:"finish_reason"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(chunk, &other); err != nil {
		t.Fatalf("%q: %v", chunk, err)
	}
	found := make([]Choice, len(read))
	for _, c := range other.Choices {
		for text, part := range map[*string]*string{&found[c.Index].Content: cmp.Or(c.Text, c.Delta.Content), &found[c.Index].Reasoning: c.Delta.Reasoning} {
			if part != nil {
				*text += *part
			}
		}
		if c.Finish != nil && *c.Finish != "" {
			found[c.Index].Finish = *c.Finish
		}
	}
	for i, c := range read {
		c.Calls = nil
		if valid := strings.ToValidUTF8(c.Content+c.Reasoning+c.Finish, ""); len(valid) == len(c.Content+c.Reasoning+c.Finish) && !reflect.DeepEqual(c, found[i]) {
			t.Fatalf("%q: %+v, another program reads %+v", chunk, c, found[i])
		}
	}
}

// FuzzHeard holds what is heard of chunks to what a Reader reads of the same, who looks into everything.
func FuzzHeard(f *testing.F) {
	f.Add([]byte(`{"choices":[{"index":0,"delta":{"content":"a\\"\\u00e9"}}]}`), []byte(`{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}`))
	f.Add([]byte(`{"choices":[{"text":"\xff"}],"id":"\\\\"}`), []byte(`{"choices":[{"finish_reason":"stop"}],"choices":[]}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var h Heard
		defer h.Free()
		var r Reader
		var want error
		for _, chunk := range [][]byte{first, second} {
			if !walk.IsObject(chunk) {
				continue
			}
			h.Chunk(chunk)
			if want == nil {
				want = r.Chunk(chunk)
			}
		}
		var read []Choice
		if want == nil {
			read, want = r.Choices()
		}
		heard, err := h.choices()
		if fmt.Sprint(err) != fmt.Sprint(want) || !reflect.DeepEqual(heard, read) {
			t.Fatalf("%q, %q: %+v, %v, read as %+v, %v", first, second, heard, err, read, want)
		}
	})
}

// FuzzAnswerText holds the text that is hashed to its definition, sign by sign: receipts are older than programs.
func FuzzAnswerText(f *testing.F) {
	f.Add("plain", "tool \"quoted\"\t\x01\x7f\xff\xfe 漢字 \u2028", "\xed\xa0\x80")
	f.Add("0123456\\89", "01234567\n", "\xc3")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		quote := func(s string) string {
			out := `"`
			for _, r := range s { // a byte that is no UTF-8 comes as U+FFFD
				if short := strings.IndexRune("\"\\\b\t\n\f\r", r); short >= 0 {
					out += `\` + `"\btnfr`[short:short+1]
				} else if r < ' ' {
					out += fmt.Sprintf(`\u%04x`, r)
				} else {
					out += string(r)
				}
			}
			return out + `"`
		}
		want := `[{"content":` + quote(a) + `,"finish_reason":` + quote(b) + `,"index":0,"reasoning":` + quote(c) + `,"tool_calls":[{"arguments":` + quote(b) + `,"id":` + quote(c) + `,"name":` + quote(a) + `}]}]`
		if got := AnswerText([]Choice{{Content: a, Finish: b, Reasoning: c, Calls: []Call{{Arguments: b, ID: c, Name: a}}}}); string(got) != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	r, k := example(), key(1)
	signed, err := Sign(&r, k)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(signed, public(k)); err != nil {
			b.Fatal(err)
		}
	}
}

// What was read of an answer stays when the memory of what was heard is another's.
func TestChoicesOutliveWhatWasHeard(t *testing.T) {
	chunk := func(text, finish string) []byte {
		return []byte(`{"choices":[{"index":0,"delta":{"content":"` + text + `","reasoning_content":"why ` + text + `","tool_calls":[{"id":"` + text + `","function":{"name":"` + text + `","arguments":"{}"}}]},"finish_reason":` + finish + `}]}`)
	}
	var all [][]Choice
	for i := range 50 {
		var h Heard
		name := strconv.Itoa(i)
		h.Chunk(chunk(name, `"stop"`))
		for range i % 3 * 10 {
			h.Chunk([]byte(`{"choices":[]}`))
		}
		choices, err := h.choices()
		if err != nil {
			t.Fatal(err)
		}
		h.Free()
		all = append(all, choices)
	}
	for i, choices := range all {
		name := strconv.Itoa(i)
		want := Choice{Content: name, Reasoning: "why " + name, Finish: "stop", Calls: []Call{{ID: name, Name: name, Arguments: "{}"}}}
		if len(choices) != 1 || !reflect.DeepEqual(choices[0], want) {
			t.Errorf("%+v, want %+v", choices, want)
		}
	}
}
