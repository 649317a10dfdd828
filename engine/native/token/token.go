// Package token turns text into the tokens of a model and back, by the vocabulary in the model's file.
//
// What a user writes stays text: the names of control tokens in it, such as <|im_end|>, are spelled out like other
// words. Templates put control tokens in by number.
package token

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"agora/engine/native/gguf"
)

// Errors that callers tell apart.
var (
	ErrUnsupported = errors.New("this tokenizer is not supported")
	ErrDamaged     = errors.New("the tokenizer's tables contradict each other")
)

// Kind says what a token is for, by its number in GGUF.
type Kind byte

// The kinds that matter here.
const (
	Normal      Kind = 1
	Unknown     Kind = 2
	Control     Kind = 3
	UserDefined Kind = 4 // found in plain text before it is cut
	Unused      Kind = 5
	Byte        Kind = 6
)

const (
	maxTokens = 1 << 21
	maxToken  = 1 << 12 // bytes of one
)

// Table is a vocabulary as files hold it.
type Table struct {
	Model  string // "gpt2": bytes merged by rank; "llama": characters merged by score
	Cut    string // how gpt2 text is cut into words first
	Tokens []string
	Kinds  []Kind    // one per token
	Scores []float32 // llama: one per token
	Merges []string  // gpt2: "left right", best first
	BOS    int32     // -1 for none
	EOS    int32
	Unk    int32
	AddBOS bool // put BOS before a text
	Prefix bool // llama: put a space before a text
}

// Tokenizer encodes and decodes. It is only read, by any number of goroutines.
type Tokenizer struct {
	Table
	ids     map[string]int32
	bytes   [][]byte // what each token writes
	encoder interface {
		encode(out []int32, text string) []int32
	}
	defined []int32 // user-defined tokens, longest first
	ends    map[int32]bool
}

// New checks the table and builds what encoding needs.
func New(table Table) (*Tokenizer, error) {
	t := &Tokenizer{Table: table, ids: make(map[string]int32, len(table.Tokens)), ends: map[int32]bool{}}
	if err := t.check(); err != nil {
		return nil, err
	}
	for i, s := range t.Tokens {
		if _, twice := t.ids[s]; !twice { // files have doubles among the unused; the first is the one that text gives
			t.ids[s] = int32(i)
		}
	}
	var err error
	switch t.Model {
	case "gpt2":
		t.encoder, err = newPairs(t)
	case "llama":
		t.encoder, err = newPieces(t)
	default:
		err = fmt.Errorf("%w: model %q; gpt2 and llama are", ErrUnsupported, t.Model)
	}
	if err != nil {
		return nil, err
	}
	for i, k := range t.Kinds {
		if k == UserDefined {
			t.defined = append(t.defined, int32(i))
		}
	}
	slices.SortStableFunc(t.defined, func(a, b int32) int { return len(t.Tokens[b]) - len(t.Tokens[a]) })
	t.findEnds()
	return t, nil
}

func (t *Tokenizer) check() error {
	n := len(t.Tokens)
	if n == 0 || n > maxTokens || len(t.Kinds) != n || t.Model == "llama" && len(t.Scores) != n {
		return fmt.Errorf("%w: %d tokens, %d kinds, %d scores", ErrDamaged, n, len(t.Kinds), len(t.Scores))
	}
	for i, s := range t.Tokens {
		if s == "" && t.Kinds[i] == UserDefined || len(s) > maxToken {
			return fmt.Errorf("%w: token %d has %d bytes", ErrDamaged, i, len(s))
		}
	}
	for _, id := range []int32{t.BOS, t.EOS, t.Unk} {
		if id < -1 || int(id) >= n {
			return fmt.Errorf("%w: special token %d of %d", ErrDamaged, id, n)
		}
	}
	return nil
}

// findEnds marks the control tokens that end an answer.
func (t *Tokenizer) findEnds() {
	if t.EOS >= 0 {
		t.ends[t.EOS] = true
	}
	for _, name := range []string{"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<end_of_turn>", "</s>", "<eos>", "<|end|>"} {
		if id, ok := t.ids[name]; ok && (t.Kinds[id] == Control || t.Kinds[id] == UserDefined) {
			t.ends[id] = true
		}
	}
}

// FromGGUF reads the vocabulary of a model file.
func FromGGUF(f *gguf.File) (*Tokenizer, error) {
	t := Table{}
	t.Model, _ = f.Meta("tokenizer.ggml.model").Text()
	t.Cut, _ = f.Meta("tokenizer.ggml.pre").Text()
	for _, s := range f.Meta("tokenizer.ggml.tokens").Strings() {
		t.Tokens = append(t.Tokens, s)
	}
	for _, s := range f.Meta("tokenizer.ggml.merges").Strings() {
		t.Merges = append(t.Merges, s)
	}
	for _, v := range f.Meta("tokenizer.ggml.scores").Elements() {
		x, _ := v.Float()
		t.Scores = append(t.Scores, float32(x))
	}
	for _, v := range f.Meta("tokenizer.ggml.token_type").Elements() {
		x, _ := v.Int()
		t.Kinds = append(t.Kinds, Kind(x))
	}
	if len(t.Kinds) == 0 {
		t.Kinds = slices.Repeat([]Kind{Normal}, len(t.Tokens))
	}
	special := func(key string) int32 {
		if n, ok := f.Meta("tokenizer.ggml." + key).Int(); ok {
			return int32(n)
		}
		return -1
	}
	t.BOS, t.EOS, t.Unk = special("bos_token_id"), special("eos_token_id"), special("unknown_token_id")
	t.AddBOS = t.Model == "llama" || cuts[t.Cut].bos
	if v, ok := f.Meta("tokenizer.ggml.add_bos_token").Bool(); ok {
		t.AddBOS = v
	}
	t.Prefix = t.Model == "llama"
	if v, ok := f.Meta("tokenizer.ggml.add_space_prefix").Bool(); ok {
		t.Prefix = v
	}
	return New(t)
}

// Len is the number of tokens.
func (t *Tokenizer) Len() int { return len(t.Tokens) }

// ID is the number of a token by its exact spelling in the vocabulary.
func (t *Tokenizer) ID(spelling string) (int32, bool) {
	id, ok := t.ids[spelling]
	return id, ok
}

// End says whether a token ends an answer.
func (t *Tokenizer) End(id int32) bool { return t.ends[id] }

// Bytes is what a token writes: nothing for control tokens. The slice is not to be changed.
func (t *Tokenizer) Bytes(id int32) []byte {
	if id < 0 || int(id) >= len(t.bytes) {
		return nil
	}
	return t.bytes[id]
}

// Decode joins what the tokens write.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.Write(t.Bytes(id))
	}
	return b.String()
}

// Encode is the tokens of plain text, without BOS.
func (t *Tokenizer) Encode(text string) []int32 {
	parts := []part{{text: text, id: -1}}
	for _, id := range t.defined {
		if strings.Contains(text, t.Tokens[id]) {
			parts = carve(parts, t.Tokens[id], id)
		}
	}
	var out []int32
	for _, p := range parts {
		if p.id >= 0 {
			out = append(out, p.id)
		} else if p.text != "" {
			out = t.encoder.encode(out, p.text)
		}
	}
	return out
}

// part is text, or a user-defined token that stood in it.
type part struct {
	text string
	id   int32
}

// carve takes every occurrence of a token's spelling out of the parts that are still text.
func carve(parts []part, spelling string, id int32) []part {
	var out []part
	for _, p := range parts {
		for p.id < 0 {
			before, after, found := strings.Cut(p.text, spelling)
			if !found {
				break
			}
			out = append(out, part{before, -1}, part{"", id})
			p.text = after
		}
		out = append(out, p)
	}
	return out
}

// Words is how a text is cut before it is encoded; nothing where the model does not cut.
func (t *Tokenizer) Words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		p, ok := t.encoder.(*pairs)
		for ok && text != "" {
			n := p.cut(text)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}
