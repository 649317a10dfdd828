package chat

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"agora/engine/native/model"
	"agora/engine/native/sample"
)

// Tokens implements task.Reader. A text stands where a question does.
func (e *Engine) Tokens(text string) (ids []int32, begin int) {
	return append([]int32{User}, e.vocab.Encode(text)...), 1
}

// Written implements task.Reader. The space that Encode puts before a text is left out.
func (e *Engine) Written(ids []int32) [][]byte {
	words := make([][]byte, len(ids))
	for i, id := range ids {
		words[i] = []byte(e.vocab.Text(id))
	}
	if len(words) > 0 && len(words[0]) > 0 && words[0][0] == ' ' {
		words[0] = words[0][1:]
	}
	return words
}

// Window implements task.Reader.
func (e *Engine) Window() int { return e.info.Context }

// Score is the natural logarithm of each token's probability after the ones before it, but for the first token.
func (e *Engine) Score(ctx context.Context, ids []int32) ([]float64, error) {
	if len(ids) < 2 {
		return nil, nil
	}
	d := e.idle.Get().(*decoder)
	defer e.idle.Put(d)
	d.text.Truncate(0)
	scores := make([]float64, 0, len(ids)-1)
	for from := 0; from < len(ids)-1; from += model.MaxPass {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+model.MaxPass, len(ids)-1)
		logits, err := d.runner.Forward(model.Input{Sequence: d.text, Tokens: ids[from:to], Logits: to - from})
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", from, err)
		}
		for i, row := range logits {
			scores = append(scores, min(0, float64(row[ids[from+i+1]])-sample.Normaliser(row)))
		}
	}
	return scores, nil
}

// OpenFile loads a weights file that was made for the vocabulary of the models that ship. The name of the model is the file's.
func OpenFile(path string) (*Engine, error) {
	v, err := vocabulary()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrDamaged, info.Size(), maxFile)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Load(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), file, v)
}

// maxFile bounds a weights file, in bytes: more than any shape that Check passes and that a small machine can hold.
const maxFile = 1 << 28
