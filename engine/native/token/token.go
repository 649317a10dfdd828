// Package token turns text into the tokens of a model and back, by the vocabulary in the model's file.
//
// What a user writes stays text: the names of control tokens in it, such as <|im_end|>, are spelled out like other
// words. Templates put control tokens in by number.
package token

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"agora/engine/native/gguf"
)

// Errors that callers tell apart.
var (
	ErrUnsupported = errors.New("this tokenizer is not supported")
	ErrDamaged     = errors.New("the tokenizer's tables contradict each other, get the model again or ask who made it")
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
	maxText   = 1 << 28 // of all
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
	ids     *index
	written // what each token writes
	encoder interface {
		encode(out []int32, text string) []int32
	}
	defined []int32 // user-defined tokens, longest first
	ends    map[int32]bool
}

// New checks the table and builds what encoding needs.
func New(table Table) (*Tokenizer, error) {
	t := &Tokenizer{Table: table, ends: map[int32]bool{}}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.ids = newIndex(t.Tokens)
	t.text, t.written.ends = make([]byte, 0, t.bytes()), make([]int32, 0, len(t.Tokens))
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

func (t *Table) check() error {
	n := len(t.Tokens)
	if n == 0 || n > maxTokens || len(t.Kinds) != n || (t.Model == "llama" || len(t.Scores) > 0) && len(t.Scores) != n {
		return fmt.Errorf("%w: %d tokens, %d kinds, %d scores", ErrDamaged, n, len(t.Kinds), len(t.Scores))
	}
	all := 0
	for i, s := range t.Tokens {
		if all += len(s); s == "" && t.Kinds[i] == UserDefined || len(s) > maxToken || all > maxText {
			return fmt.Errorf("%w: token %d has %d bytes, the first %d together %d", ErrDamaged, i, len(s), i+1, all)
		}
	}
	for _, id := range []int32{t.BOS, t.EOS, t.Unk} {
		if id < -1 || int(id) >= n {
			return fmt.Errorf("%w: special token %d of %d", ErrDamaged, id, n)
		}
	}
	return nil
}

// bytes is how long all spellings are together.
func (t *Table) bytes() (n int) {
	for _, s := range t.Tokens {
		n += len(s)
	}
	return n
}

// findEnds marks the control tokens that end an answer.
func (t *Tokenizer) findEnds() {
	if t.EOS >= 0 {
		t.ends[t.EOS] = true
	}
	for _, name := range []string{"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<end_of_turn>", "</s>", "<eos>", "<|end|>"} {
		if id, ok := t.ids.find(name); ok && (t.Kinds[id] == Control || t.Kinds[id] == UserDefined) {
			t.ends[id] = true
		}
	}
}

// FromGGUF reads the vocabulary of a model file.
func FromGGUF(f *gguf.File) (*Tokenizer, error) {
	t, err := TableOf(f)
	if err != nil {
		return nil, err
	}
	return New(t)
}

// TableOf reads the table of a model file and checks that its parts agree.
func TableOf(f *gguf.File) (t Table, err error) {
	t.Model, _ = f.Meta("tokenizer.ggml.model").Text()
	t.Cut, _ = f.Meta("tokenizer.ggml.pre").Text()
	tokens, merges := f.Meta("tokenizer.ggml.tokens"), f.Meta("tokenizer.ggml.merges")
	scores, kinds := f.Meta("tokenizer.ggml.scores"), f.Meta("tokenizer.ggml.token_type")
	if max(tokens.Len(), merges.Len(), scores.Len(), kinds.Len()) > maxTokens {
		return t, fmt.Errorf("%w: %d tokens and %d merges, at most %d are read", ErrUnsupported, tokens.Len(), merges.Len(), maxTokens)
	}
	t.Tokens, t.Merges = texts(tokens), texts(merges)
	t.Scores, t.Kinds = make([]float32, 0, scores.Len()), make([]Kind, 0, kinds.Len())
	for _, v := range scores.Elements() {
		x, _ := v.Float()
		t.Scores = append(t.Scores, float32(x))
	}
	for _, v := range kinds.Elements() {
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
	return t, t.check()
}

func texts(v gguf.Value) []string {
	out := make([]string, 0, v.Len())
	for _, s := range v.Strings() {
		out = append(out, s)
	}
	return out
}

// written holds what tokens write one after the other: token i from ends[i−1] to ends[i].
type written struct {
	text []byte
	ends []int32
}

// next ends a token, which wrote what was appended to the text since the last.
func (w *written) next() { w.ends = append(w.ends, int32(len(w.text))) }

// Bytes is what a token writes: nothing for control tokens. The slice is not to be changed.
func (w *written) Bytes(id int32) []byte {
	if id < 0 || int(id) >= len(w.ends) {
		return nil
	}
	from, to := int32(0), w.ends[id]
	if id > 0 {
		from = w.ends[id-1]
	}
	return w.text[from:to:to]
}

// Len is the number of tokens.
func (t *Tokenizer) Len() int { return len(t.Tokens) }

// ID is the number of a token by its exact spelling in the vocabulary.
func (t *Tokenizer) ID(spelling string) (int32, bool) {
	return t.ids.find(spelling)
}

// Ends lists the tokens that end an answer, in order.
func (t *Tokenizer) Ends() []int32 { return slices.Sorted(maps.Keys(t.ends)) }

// End says whether a token ends an answer.
func (t *Tokenizer) End(id int32) bool { return t.ends[id] }

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
