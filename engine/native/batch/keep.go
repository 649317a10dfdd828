package batch

import (
	"slices"
	"time"

	"agora/engine/native/model"
)

// keep holds texts that were read, for prompts that begin as they do: the next turn of a conversation, another choice of
// the same request, the same instructions. The one unused longest goes first, and so does whatever nobody used for a while:
// what is kept is at most what came in that time, however long the model serves.
type keep struct {
	texts []text // the last used last
	bytes int64  // with what texts share counted for each
}

type text struct {
	tokens []int32
	seq    *model.Sequence
	used   time.Time
}

// patience is how long a text is kept that no prompt begins with: the pause in a conversation.
const patience = 5 * time.Minute

// worth is how many tokens a common beginning must have to be taken over.
const worth = 8

// find returns a sequence of its own that begins as the prompt does, short of its last token, and for how many tokens;
// nil where nothing worth it is kept.
func (k *keep) find(prompt []int32, now time.Time) (*model.Sequence, int) {
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
	t.used = now
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

// add keeps a text, whose sequence nobody else may go on with; one that it continues is no longer needed.
func (k *keep) add(tokens []int32, seq *model.Sequence, now time.Time) {
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
	t := text{slices.Clone(tokens), seq, now}
	k.texts = append(k.texts, t)
	k.bytes += int64(t.seq.Bytes())
}

// shrink forgets the texts that were not used for too long, and more until what is kept takes at most so many bytes.
func (k *keep) shrink(room int64, now time.Time) {
	n := 0
	for n < len(k.texts) && (k.bytes > room || now.Sub(k.texts[n].used) > patience) {
		k.bytes -= int64(k.texts[n].seq.Bytes())
		n++
	}
	k.texts = slices.Delete(k.texts, 0, n)
}
