package chat

import (
	"bytes"
	"strings"
	"testing"

	"agora/task"
	"agora/task/exact"
)

func testVocabulary(t testing.TB) *Vocabulary {
	t.Helper()
	v, err := vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTextComesBackFromItsTokens(t *testing.T) {
	v := testVocabulary(t)
	for i := range uint64(2000) {
		q := exact.At(task.Seed{1}, i)
		if got := v.Decode(v.Encode(q.Text)); got != q.Text {
			t.Errorf("%q comes back as %q", q.Text, got)
		}
		if got := v.Decode(v.Spell(q.Answer)); got != q.Answer {
			t.Errorf("%q comes back as %q", q.Answer, got)
		}
	}
}

func FuzzTextComesBackFromItsTokens(f *testing.F) {
	for _, s := range []string{"", " ", "  two", "What is 12 + 30?", "a\nb", `{"name": "Ann", "age": 3}`, "stone house", "é\x00\xff"} {
		f.Add(s)
	}
	v := testVocabulary(f)
	f.Fuzz(func(t *testing.T, s string) {
		want := []byte(s)
		for i, c := range want { // the rest of the bytes have no token
			if c != '\n' && (c < ' ' || c > '~') {
				want[i] = '?'
			}
		}
		if got := v.Decode(v.Encode(s)); got != string(want) {
			t.Errorf("%q comes back as %q", s, got)
		}
	})
}

func TestLettersInQuotesStayVisible(t *testing.T) {
	v := testVocabulary(t)
	if ids := v.Encode("'stone'"); len(ids) != 7 {
		t.Errorf("'stone' is %d tokens, want one per character", len(ids))
	}
	if ids := v.Encode("stone house"); len(ids) != 2 {
		t.Errorf("stone house is %d tokens, want one per word", len(ids))
	}
}

func TestDamagedVocabularyIsRefused(t *testing.T) {
	for name, file := range map[string]string{
		"empty":           "",
		"no question":     "\"<end>\"\n\"<user>\"\n\"<assistant>\"\n\"a\"\n",
		"not quoted":      "\"<end>\"\n\"<user>\"\n\"<assistant>\"\n?\n",
		"twice":           "\"<end>\"\n\"<user>\"\n\"<assistant>\"\n\"?\"\n\"?\"\n",
		"an empty token":  "\"<end>\"\n\"<user>\"\n\"<assistant>\"\n\"?\"\n\"\"\n",
		"too many tokens": strings.Repeat("\"?\"\n", maxVocab+1),
	} {
		if _, err := NewVocabulary([]byte(file)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzVocabulary(f *testing.F) {
	file, err := files.ReadFile("weights/vocab.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(bytes.Replace(file, []byte(`"a"`), []byte(`"é"`), 1))
	f.Fuzz(func(t *testing.T, file []byte) {
		v, err := NewVocabulary(file)
		if err != nil {
			return
		}
		for _, id := range v.Encode("What is 12 + 30? é") {
			if id < 0 || int(id) >= v.Size() {
				t.Fatalf("token %d of %d", id, v.Size())
			}
		}
	})
}
