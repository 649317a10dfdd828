package exam

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"agora/task"
	"agora/task/wasm"
	"agora/wire/openai"
)

// TaskFamily is the family of a contest whose items a module draws: the sitting says which.
const TaskFamily = "wasm"

// Task is a task that somebody wrote, as an examiner sees it: *wasm.Module is one. Both methods say wasm.ErrModule where the module is at
// fault, which is the same on every machine; any other error is this machine's.
type Task interface {
	Item(ctx context.Context, seed task.Seed, index uint64) (wasm.Item, error)
	Score(ctx context.Context, key, answer []byte) (wasm.Verdict, error)
}

// Tasks finds the task whose module has a digest, "sha256:<hex>". An error says that it is not ready here.
type Tasks func(ctx context.Context, digest string) (Task, error)

// Judged is the contest of a subnet whose items a module draws.
func Judged(tasks Tasks) Contest {
	return Contest{Parts: []Part{{TaskFamily, 1}}, whole: 1, tasks: tasks}
}

// drawTask fills in a question of a module. One that the module cannot give has nothing for every model.
func (c Contest) drawTask(ctx context.Context, of Drawn, index uint64, q *Question) error {
	t, err := c.tasks(ctx, of.Task)
	if err != nil {
		return fmt.Errorf("the task %.20s is not ready here: %w", of.Task, err)
	}
	item, err := t.Item(ctx, of.Seed, index)
	if err != nil && !faulty(err) {
		return err
	}
	limit, reason := 0, "the task gives no item"
	if err == nil {
		q.Text, limit, reason = asked(item)
	}
	id, text := q.ID, kept(q.Text)
	q.ask = func(ctx context.Context, s Subject) (Result, error) {
		if reason != "" {
			return Result{Reason: reason}, nil
		}
		r, err := askItem(ctx, s, task.Item{ID: id, Path: item.Path, Body: item.Body, Score: scoreBy(ctx, t, item.Key)}, limit)
		r.Asked = text
		return r, err
	}
	return nil
}

// toldText is how many bytes of a task's question, of an answer and of a reason are kept: a token may have 4,096.
const toldText = 2 << 10

// kept is the beginning of a text, or all of a short one.
func kept(text string) string {
	if len(text) <= toldText {
		return text
	}
	return strings.ToValidUTF8(text[:toldText], "")
}

// scoreBy judges answers by an item's key. What this machine lacks is task.ErrNoScore.
func scoreBy(ctx context.Context, t Task, key []byte) func([]byte) (float64, error) {
	return func(answer []byte) (float64, error) {
		v, err := t.Score(ctx, key, answer)
		if err != nil && !faulty(err) {
			err = fmt.Errorf("%w: %w", task.ErrNoScore, err)
		}
		return v.Score, err
	}
}

// faulty says that a module failed by its own fault, as it does everywhere.
func faulty(err error) bool { return errors.Is(err, wasm.ErrModule) && !errors.Is(err, wasm.ErrHost) }

// asked is the last turn of an item's chat and the most tokens of an answer, or why it cannot be put to a model.
func asked(item wasm.Item) (text string, limit int, reason string) {
	const chat = "/v1/chat/completions"
	if item.Path != chat {
		return "", 0, fmt.Sprintf("the task asks %s, open models are asked %s", item.Path, chat)
	}
	r, err := openai.DecodeChat(item.Body)
	if err != nil || len(r.Messages) == 0 {
		return "", 0, "the task's item is no chat"
	}
	limit = MaxTokens
	for _, told := range []*int{r.MaxTokens, r.MaxCompletion} {
		if told != nil {
			limit = max(1, min(*told, MaxTaskTokens))
		}
	}
	return string(r.Messages[len(r.Messages)-1].Content), limit, ""
}

// taskID is SHA-256 over the module's digest, the seed and the index.
func taskID(of Drawn, index uint64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("agora item of "+of.Task+"\x00"), of.Seed[:]...), index))
}
