package hub

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agora/engine/native/token"
)

// spm is what llama.cpp makes of texts under Llama 2's vocabulary; see package token.
func spm(t *testing.T) (table token.Table, cases []struct {
	Text   string
	Tokens []string
},
) {
	t.Helper()
	f, err := os.Open("../token/testdata/llama-spm.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		Table token.Table
		Cases []struct {
			Text   string
			Tokens []string
		}
	}
	if err := json.NewDecoder(z).Decode(&x); err != nil {
		t.Fatal(err)
	}
	return x.Table, x.Cases
}

// mergesOf writes scores as merges: of the best piece first, each way in which two others make it.
func mergesOf(table token.Table) (list [][]string) {
	known, order := map[string]bool{}, []int{}
	for i, s := range table.Tokens {
		known[s] = true
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case table.Scores[a] > table.Scores[b]:
			return -1
		case table.Scores[a] < table.Scores[b]:
			return 1
		}
		return 0
	})
	for _, i := range order {
		s := table.Tokens[i]
		for at := range s {
			if table.Kinds[i] == token.Normal && at > 0 && known[s[:at]] && known[s[at:]] {
				list = append(list, []string{s[:at], s[at:]})
			}
		}
	}
	return list
}

// A SentencePiece vocabulary that is published as BPE with byte fallback cuts texts as the original does.
func TestPiecesAsMergesCutAsPiecesByScore(t *testing.T) {
	table, cases := spm(t)
	vocab := map[string]int{}
	for i, s := range table.Tokens {
		if _, twice := vocab[s]; !twice {
			vocab[s] = i
		}
	}
	for _, form := range []string{
		`"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null`,
		`"normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}`,
	} {
		model, err := json.Marshal(map[string]any{"type": "BPE", "vocab": vocab, "merges": mergesOf(table), "byte_fallback": true, "unk_token": "<unk>"})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(path, []byte(`{"model":`+string(model)+`,"added_tokens":[],`+form+`}`), 0o600); err != nil {
			t.Fatal(err)
		}
		tok, err := readTokenizer(path, &config{BOS: 1.0, EOS: 2.0})
		if err != nil {
			t.Fatal(err)
		}
		if !tok.AddBOS || !tok.Prefix {
			t.Errorf("BOS %v, prefix %v", tok.AddBOS, tok.Prefix)
		}
		for _, c := range cases {
			var got []string
			for _, id := range tok.Encode(c.Text) {
				got = append(got, tok.Tokens[id])
			}
			if !slices.Equal(got, c.Tokens) {
				t.Errorf("%q\n got %q\nwant %q", c.Text, got, c.Tokens)
			}
		}
		refused := strings.Replace(form, "Metaspace", "Whitespace", 1)
		refused = strings.Replace(refused, "Prepend", "NFKC", 1)
		if err := os.WriteFile(path, []byte(`{"model":`+string(model)+`,"added_tokens":[],`+refused+`}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readTokenizer(path, &config{}); !errors.Is(err, token.ErrUnsupported) {
			t.Errorf("%s: %v", refused, err)
		}
	}
}
