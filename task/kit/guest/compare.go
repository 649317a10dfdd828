package guest

import (
	"encoding/json"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// Engine answers an item's request: path and body, the body of the answer.
type Engine func(path string, request []byte) []byte

// Mean is what an engine scores on n items of a seed.
func Mean(t Task, seed [32]byte, n int, e Engine) float64 {
	sum := 0.0
	for i := range n {
		item := t.Item(seed, uint64(i))
		score, _ := t.Score(item.Key, e(item.Path, item.Request))
		sum += score
	}
	return sum / float64(n)
}

// atOnce is how many seeds are compared at the same time.
const atOnce = 8

// Test is what a comparison needs of *testing.T, whose package is not compiled into modules.
type Test interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Ordered fails unless the better engine scores more on n items than the worse for at least 99 % of so many seeds: what a task is for.
// Engines and judges are asked by several at once.
func Ordered(t Test, seeds, n int, better, worse Engine) {
	t.Helper()
	right := right(Served(), seeds, n, better, worse)
	t.Logf("the order is right for %d of %d seeds", right, seeds)
	if right*100 < seeds*99 {
		t.Errorf("that is less than 99 %%")
	}
}

// right counts in how many of so many seeds the better engine scores more on n items than the worse.
func right(t Task, seeds, n int, better, worse Engine) int {
	var right atomic.Int64
	var work sync.WaitGroup
	for part := range atOnce {
		work.Go(func() {
			for i := part; i < seeds; i += atOnce {
				seed := [32]byte{byte(i), byte(i >> 8), 1}
				if Mean(t, seed, n, better) > Mean(t, seed, n, worse) {
					right.Add(1)
				}
			}
		})
	}
	work.Wait()
	return int(right.Load())
}

// Talker is an engine of a function from the last message's text to an answer's.
func Talker(answer func(question string) string) Engine {
	return func(_ string, request []byte) []byte {
		var r struct{ Messages []Message }
		if err := json.Unmarshal(request, &r); err != nil || len(r.Messages) == 0 {
			return nil
		}
		return Answer(answer(r.Messages[len(r.Messages)-1].Content))
	}
}

// Answer is the body of a chat completion with this text.
func Answer(text string) []byte {
	return body(map[string]any{"object": "chat.completion", "choices": []any{map[string]any{
		"index": 0, "finish_reason": "stop", "message": Message{"assistant", text},
	}}})
}

// Seeds is how many seeds a test compares engines on: 12, or as many as TASK_SEEDS says.
func Seeds() int {
	if n, err := strconv.Atoi(os.Getenv("TASK_SEEDS")); err == nil && n > 0 {
		return n
	}
	return 12
}
