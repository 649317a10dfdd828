package batch

import (
	"slices"

	"agora/engine/native/model"
)

// keep holds texts that were read, for prompts that begin as they do: the next turn of a conversation, another choice of
// the same request, the same instructions. The one unused longest goes first.
type keep struct {
	texts []text // the last used last
	bytes int64  // with what texts share counted for each
}

type text struct {
	tokens []int32
	seq    *model.Sequence
}

// worth is how many tokens a common beginning must have to be taken over.
const worth = 8

// find returns a sequence of its own that begins as the prompt does, short of its last token, and for how many tokens;
// nil where nothing worth it is kept.
func (k *keep) find(prompt []int32) (*model.Sequence, int) {
	best, at := 0, -1
	for i, t := range k.texts {
		if n := min(common(t.tokens, prompt), len(prompt)-1); n > best {
			best, at = n, i
		}
	}
	if best < worth {
		return nil, 0
	}
	t := k.texts[at]
	k.texts = append(slices.Delete(k.texts, at, at+1), t)
	return t.seq.Fork(best), best
}

func common(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// add keeps a text; one that it continues is no longer needed.
func (k *keep) add(tokens []int32, seq *model.Sequence) {
	if len(tokens) < worth {
		return
	}
	k.texts = slices.DeleteFunc(k.texts, func(t text) bool {
		if len(t.tokens) > len(tokens) || common(t.tokens, tokens) < len(t.tokens) {
			return false
		}
		k.bytes -= int64(t.seq.Bytes())
		return true
	})
	t := text{slices.Clone(tokens), seq.Fork(seq.Len())}
	k.texts = append(k.texts, t)
	k.bytes += int64(t.seq.Bytes())
}

// shrink forgets texts until what is kept takes at most so many bytes.
func (k *keep) shrink(room int64) {
	n := 0
	for n < len(k.texts) && k.bytes > room {
		k.bytes -= int64(k.texts[n].seq.Bytes())
		n++
	}
	k.texts = slices.Delete(k.texts, 0, n)
}
