package hub

import (
	"fmt"
	"regexp"
	"strings"

	"agora/engine/native/token"
)

// A SentencePiece vocabulary is published as BPE with byte fallback: its blanks are marks, and what its scores said is the
// order of its merges.

const blank = "▁"

var byteToken = regexp.MustCompile(`^<0x[0-9A-F]{2}>$`)

// pieces makes the table one by scores: the earlier a merge, the better the piece that it makes.
func (f *tokenizerFile) pieces(t token.Table) (*token.Tokenizer, error) {
	prefix, err := f.prefix()
	if err != nil {
		return nil, err
	}
	rank := make(map[string]int, len(t.Merges))
	for i, m := range t.Merges {
		left, right, ok := strings.Cut(m, " ")
		if !ok {
			return nil, fmt.Errorf("%w: merge %d, %q", token.ErrDamaged, i, m)
		}
		if _, twice := rank[left+right]; !twice {
			rank[left+right] = i
		}
	}
	t.Scores = make([]float32, len(t.Tokens))
	for i, s := range t.Tokens {
		at, made := rank[s]
		if !made {
			at = len(t.Merges) + i
		}
		t.Scores[i] = -float32(at)
		switch {
		case t.Kinds[i] == token.Normal && byteToken.MatchString(s):
			t.Kinds[i] = token.Byte
		case s == f.Model.Unknown && s != "":
			t.Kinds[i], t.Unk = token.Unknown, int32(i)
		}
	}
	t.Model, t.Merges, t.Prefix, t.AddBOS = "llama", nil, prefix, t.BOS >= 0
	return token.New(t)
}

// prefix says whether a text begins with a blank of its own. What the file does to texts beside marking blanks is refused by
// name.
func (f *tokenizerFile) prefix() (prefix bool, err error) {
	for _, x := range f.Change.list(f.Change.Changes) {
		switch {
		case x.Type == "" || x.Type == "Replace" && x.Pattern.Text == " " && x.Content == blank:
		case x.Type == "Prepend" && x.Prepend == blank:
			prefix = true
		default:
			return false, fmt.Errorf("%w: text changed by %q", token.ErrUnsupported, x.Type)
		}
	}
	for _, x := range f.Cut.list(f.Cut.Stages) {
		switch {
		case x.Type == "" || x.Type == "Split" && x.Pattern.Text == " ": // after the change there is no space to split at
		case x.Type == "Metaspace" && x.Blank == blank && x.Apart != nil && !*x.Apart:
			prefix = x.Scheme != "never"
		default:
			return false, fmt.Errorf("%w: text cut by %q", token.ErrUnsupported, x.Type)
		}
	}
	return prefix, nil
}

// list is the steps of a sequence, or the one step that a stage is.
func (s *stage) list(steps []stage) []stage {
	if s.Type == "Sequence" {
		return steps
	}
	return []stage{*s}
}
