package exam

import (
	"context"
	"errors"
	"fmt"
	"time"

	"agora/engine"
	"agora/wire/openai"
)

// MaxWork is how many multiplications of weights a model may need for a question, and what takes as long; MaxMemory the bytes of keys and
// values to read a text. Whoever needs more has nothing. Both follow from the model and the question alone, so that all examiners agree,
// whatever their machines. One core of 2026 does so many multiplications in about five minutes: 1,024 tokens of 14 billion parameters.
const (
	MaxWork   = 1 << 44
	MaxMemory = 1 << 30
)

// What a question would take a model more than there may be of: MaxWork and MaxMemory.
var (
	ErrWork   = errors.New("exam: the question takes this model too much work")
	ErrMemory = errors.New("exam: the question takes this model too much memory")
)

// slowest is the multiplications in a second below which a machine is held to stand still.
const slowest = 1_000_000_000

// errLate says that an engine did not answer while even a slow machine would have: it hangs, or the machine does. It says nothing of the
// model.
var errLate = errors.New("exam: no answer")

// metered is a model that may do so much for a question, and is waited for as long as that takes.
type metered struct {
	Subject
	left     uint64        // multiplications
	patience time.Duration // beside what the work takes a slow machine
}

// Chat implements engine.Chatter. The longest answer is what counts, so that nothing is begun which might not end.
func (m *metered) Chat(ctx context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (used openai.Usage, finish engine.Finish, err error) {
	work, err := m.ChatWork(r)
	if err != nil {
		return used, finish, err
	}
	err = m.do(ctx, work, func(ctx context.Context) (err error) {
		used, finish, err = m.Subject.Chat(ctx, r, emit)
		return err
	})
	return used, finish, err
}

// Score implements task.Reader.
func (m *metered) Score(ctx context.Context, ids []int32) (scores []float64, err error) {
	if need := m.Memory(len(ids)); need > MaxMemory { // the batcher bounds that of Chat
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMemory, need, MaxMemory)
	}
	err = m.do(ctx, m.Work(len(ids)), func(ctx context.Context) (err error) {
		scores, err = m.Subject.Score(ctx, ids)
		return err
	})
	return scores, err
}

func (m *metered) do(ctx context.Context, work uint64, run func(context.Context) error) error {
	if work > m.left {
		return fmt.Errorf("%w: %d multiplications, %d are left", ErrWork, work, m.left)
	}
	m.left -= work
	long := m.patience + time.Duration(work/slowest)*time.Second
	limited, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	err := run(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w within %v: %w", errLate, long, err)
	}
	return err
}
