// Package grammar is the task family in which a model's own probabilities are measured: how many bits it needs for each byte of a
// text that nobody has seen, drawn from the documented source of package continuation.
//
//	bits  = −Σ log2 p(token) / bytes of the text
//	score = max(0, 1 − bits/8)
//
// The model is asked itself, not its server, so there is nothing to declare and nothing to believe. A code that spends fewer bits than
// the source's entropy on average is impossible, however a model cuts its text into tokens: what a model gains it has learnt.
package grammar

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"agora/task"
	"agora/task/continuation"
)

const (
	// Name is the family's name.
	Name = "grammar"
	// Length is the number of bytes of a passage.
	Length = 1024
	// longest is the number of bytes that one token may write: a token that writes a whole passage would be no prediction.
	longest = 32
	// free is what a byte costs that nothing was predicted of, in bits.
	free = 8
)

// Reasons for a score of 0.
var (
	ErrText  = errors.New("the model's tokens do not write the text")
	ErrToken = errors.New("a token writes more than 32 bytes")
	ErrBits  = errors.New("the model gives no probability")
)

// Passage is one item: text of the source.
type Passage struct {
	ID   [32]byte // SHA-256 over the family's name and Text
	Text []byte   // Length bytes
}

// At draws the passage of a seed and index, the same on every machine.
func At(seed task.Seed, index uint64) Passage {
	key := append([]byte("agora grammar item 1"), seed[:]...)
	text := continuation.Default().Sample(sha256.Sum256(binary.BigEndian.AppendUint64(key, index)), Length)[:Length]
	return Passage{ID: sha256.Sum256(append([]byte(Name+"\x00"), text...)), Text: text}
}

// Score measures a model on a passage: the score, in [0, 1] and with the same bits on every machine, and bits per byte. An error of the
// list above is the model's own and means a score of 0; others are of ctx or of the machine.
func (p Passage) Score(ctx context.Context, r task.Reader) (score, bits float64, err error) {
	ids, begin := r.Tokens(string(p.Text))
	if err := p.check(r, ids[min(begin, len(ids)):]); err != nil {
		return 0, 0, err
	}
	nats, err := sum(ctx, r, ids, begin)
	if err != nil {
		return 0, 0, err
	}
	bits = float64(nats / math.Ln2)
	if begin == 0 {
		bits += float64(free * len(r.Written(ids[:1])[0]))
	}
	bits /= Length
	if !(bits >= 0) {
		return 0, 0, fmt.Errorf("%w: %v bits", ErrBits, bits)
	}
	return max(0, 1-float64(bits/free)), bits, nil
}

// check says whether tokens write the passage. Some tokenizers put a space before a text, which is not the text's.
func (p Passage) check(r task.Reader, ids []int32) error {
	words := r.Written(ids)
	for _, w := range words {
		if len(w) > longest {
			return fmt.Errorf("%w: %.40q", ErrToken, w)
		}
	}
	if len(ids) == 0 || !bytes.Equal(bytes.Join(words, nil), p.Text) {
		return ErrText
	}
	return nil
}

// sum is −Σ ln p of all tokens after the first begin, or after the first where there are none. A text longer than the model's window
// is read in windows that begin an eighth of a window before what is new in them: a full overlap costs eight times as much for a few
// hundredths of a bit.
func sum(ctx context.Context, r task.Reader, ids []int32, begin int) (float64, error) {
	window, total := max(2, r.Window()), 0.0
	for next := max(1, begin); next < len(ids); {
		from := 0
		if len(ids) > window {
			from = max(0, next-max(1, window/8))
		}
		to := min(len(ids), from+window)
		scores, err := r.Score(ctx, ids[from:to])
		if err != nil {
			return 0, err
		}
		if len(scores) != to-from-1 {
			return 0, fmt.Errorf("%w: %d numbers for %d tokens", ErrBits, len(scores), to-from)
		}
		for _, s := range scores[next-from-1:] {
			total -= s
		}
		next = to
	}
	return total, nil
}
