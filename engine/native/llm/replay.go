package llm

import (
	"context"
	"fmt"

	"agora/engine"
	"agora/engine/native/batch"
	"agora/engine/native/model"
	"agora/engine/native/sample"
	"agora/wire/openai"
)

// Replay implements engine.Replayer. Prompt and answer go through the model in passes of model.MaxPass tokens, so a check
// costs much less than the answer did.
func (e *Engine) Replay(ctx context.Context, r *openai.ChatRequest, ids []int32, seed [32]byte) (engine.Verdict, error) {
	a, err := e.chatAsk(ctx, r)
	if err != nil {
		return engine.Verdict{}, err
	}
	if len(ids) == 0 {
		return engine.Verdict{Differs: 0, Prompt: len(a.prompt)}, nil
	}
	if len(ids) > a.limit {
		return engine.Verdict{Differs: a.limit, Over: true, Prompt: len(a.prompt)}, nil
	}
	a.seeds, a.logprob = []sample.Seed{seed}, false
	w := e.newWriter(a, 0)
	v := engine.Verdict{Differs: -1, Prompt: len(a.prompt)}
	out := &outlet{calls: a.tools, emit: func(t engine.Token) error {
		v.Content = append(v.Content, t.Bytes...)
		if t.End != nil {
			v.Finish, v.Calls = t.End.Finish, t.End.Calls
		}
		return nil
	}}
	err = e.each(ctx, a.prompt, ids, func(position int, logits []float32) bool {
		id, done := w.Choose(position, logits)
		last := position == len(ids)-1
		switch {
		case w.err != nil, id != ids[position], done && !last:
			v.Differs = position
		case last:
			v.Ends = done || len(ids) == a.limit
		}
		w.drain(out)
		return v.Differs < 0
	})
	if err != nil || !v.Right() {
		return v, err
	}
	if w.finish == engine.FinishLength {
		w.cutter.Flush()
	}
	w.drain(out)
	return v, out.end(&w.finish, w.cutter.At(), w.ids)
}

// drain gives on what has been written; its reader takes everything.
func (w *writer) drain(out *outlet) {
	for len(w.tokens) > 0 {
		_ = out.add(<-w.tokens)
	}
}

// Score implements engine.Replayer.
func (e *Engine) Score(ctx context.Context, ids []int32) ([]float64, error) {
	if len(ids) < 2 {
		return nil, nil
	}
	scores := make([]float64, 0, len(ids)-1)
	err := e.each(ctx, ids[:1], ids[1:], func(position int, logits []float32) bool {
		scores = append(scores, min(0, float64(logits[ids[position+1]])-sample.Normaliser(logits)))
		return true
	})
	return scores, err
}

// mostRead bounds the keys and values of a text that is read for Replay and Score, in bytes: 8,192 tokens of a model of 8 billion
// parameters take 2 GiB, and the shape of a small file could ask for a thousand times as much.
const mostRead = 4 << 30

// each calls see with the logits before each of the ids that follow a prompt, until it says no. The error is batch.ErrTooLarge for a text
// of more than mostRead, else of the model or of ctx.
func (e *Engine) each(ctx context.Context, prompt, ids []int32, see func(position int, logits []float32) bool) error {
	if need := e.model.Memory(len(prompt) + len(ids)); need > e.readable {
		return fmt.Errorf("%w: %d bytes, at most %d", batch.ErrTooLarge, need, e.readable)
	}
	for _, id := range ids {
		if id < 0 || int(id) >= e.model.Vocab {
			return fmt.Errorf("%w: %d", model.ErrToken, id)
		}
	}
	r := e.runners.Get().(*model.Runner)
	defer e.runners.Put(r)
	seq := e.model.NewSequence()
	next, position := prompt, 0
	for position < len(ids) {
		wanted := 1
		if position > 0 {
			wanted = len(next)
		}
		logits, err := r.Forward(model.Input{Sequence: seq, Tokens: next, Logits: wanted})
		if err != nil {
			return err
		}
		for _, row := range logits {
			if !see(position, row) {
				return nil
			}
			position++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		next = ids[position-1 : min(len(ids)-1, position-1+model.MaxPass)]
	}
	return nil
}
