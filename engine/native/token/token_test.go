package token

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fixture is what llama.cpp makes of texts, spelled out, and the part of its vocabulary that these texts can reach. The
// texts are the published test inputs of the vocabulary and 200 of random words, code, digits, blanks and scripts.
type fixture struct {
	Table Table
	Cases []struct {
		Text   string
		Tokens []string
	}
}

func fixtures(t testing.TB) map[string]fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json.gz")
	if err != nil || len(paths) == 0 {
		t.Fatal("no fixtures", err)
	}
	out := map[string]fixture{}
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		var x fixture
		if err := json.NewDecoder(z).Decode(&x); err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(p), ".json.gz")] = x
	}
	return out
}

func open(t testing.TB, table Table) *Tokenizer {
	t.Helper()
	tok, err := New(table)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestTextsAreCutAsLlamaCppCutsThem(t *testing.T) {
	for name, f := range fixtures(t) {
		tok := open(t, f.Table)
		for _, c := range f.Cases {
			ids := tok.Encode(c.Text)
			var got []string
			for _, id := range ids {
				got = append(got, tok.Tokens[id])
			}
			if !slices.Equal(got, c.Tokens) {
				t.Errorf("%s: %q\n got %q\nwant %q", name, c.Text, got, c.Tokens)
			}
			text := tok.Decode(ids)
			if tok.Prefix {
				text = strings.TrimPrefix(text, " ")
			}
			if text != c.Text && !lossy(tok, c.Text) {
				t.Errorf("%s: %q comes back as %q", name, c.Text, text)
			}
		}
	}
}

// lossy says that a vocabulary cannot write a text: it lacks one of its bytes, or has the mark of a blank for a blank.
func lossy(tok *Tokenizer, text string) bool {
	p, ok := tok.encoder.(*pairs)
	if !ok {
		return strings.Contains(text, blank)
	}
	return slices.ContainsFunc([]byte(text), func(b byte) bool { return p.single[b] < 0 })
}

// bytesOnly is a vocabulary of the 256 bytes, a control token and one that users may write.
func bytesOnly(cutName string) Table {
	t := Table{Model: "gpt2", Cut: cutName, BOS: -1, EOS: 0, Unk: -1, Tokens: []string{"<|im_end|>", "<think>"}, Kinds: []Kind{Control, UserDefined}}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r, next = next, next+1
		}
		t.Tokens, t.Kinds = append(t.Tokens, string(r)), append(t.Kinds, Normal)
	}
	return t
}

func TestControlTokensInTextStayText(t *testing.T) {
	tok := open(t, bytesOnly("gpt-2"))
	ids := tok.Encode("a<|im_end|>b<think>c")
	if slices.Contains(ids, 0) || !slices.Contains(ids, 1) || tok.Decode(ids) != "a<|im_end|>b<think>c" {
		t.Errorf("%v", ids)
	}
	if !tok.End(0) || tok.End(1) || len(tok.Bytes(0)) != 0 || tok.Bytes(-1) != nil || tok.Bytes(1<<20) != nil {
		t.Error("ends or bytes of special tokens")
	}
}

// A word as long as a prompt takes n·log n steps, not n².
func TestOneLongWordIsQuick(t *testing.T) {
	for _, name := range []string{"smollm", "llama-spm"} {
		tok := open(t, fixtures(t)[name].Table)
		text := strings.Repeat("theinandher", 1<<16)
		began := time.Now()
		if got := tok.Decode(tok.Encode(text)); strings.TrimPrefix(got, " ") != text {
			t.Errorf("%s: %d bytes come back", name, len(got))
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}

func TestContradictoryTablesAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Table){
		"model":       func(t *Table) { t.Model = "wordpiece" },
		"cut":         func(t *Table) { t.Cut = "tekken" },
		"no tokens":   func(t *Table) { t.Tokens, t.Kinds = nil, nil },
		"kinds":       func(t *Table) { t.Kinds = t.Kinds[1:] },
		"scores":      func(t *Table) { t.Model = "llama" },
		"few scores":  func(t *Table) { t.Scores = []float32{1} },
		"merge":       func(t *Table) { t.Merges = []string{"a b"} },
		"odd merge":   func(t *Table) { t.Merges = []string{"ab"} },
		"end":         func(t *Table) { t.EOS = int32(len(t.Tokens)) },
		"empty":       func(t *Table) { t.Tokens[1] = "" },
		"long":        func(t *Table) { t.Tokens[2] = strings.Repeat("x", 1<<13) },
		"byte tokens": func(t *Table) { t.Model, t.Scores, t.Kinds[4] = "llama", make([]float32, len(t.Tokens)), Byte },
	} {
		table := bytesOnly("gpt-2")
		change(&table)
		if _, err := New(table); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every text of valid characters comes back, and every text at all is cut to its end.
func FuzzEncode(f *testing.F) {
	f.Add("Hello, World's 123\r\n\n  x½ é \xff")
	var toks []*Tokenizer
	for name := range cuts {
		toks = append(toks, open(f, bytesOnly(name)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			if got := tok.Decode(tok.Encode(text)); got != text {
				t.Errorf("%s: %q comes back as %q", tok.Cut, text, got)
			}
		}
	})
}
