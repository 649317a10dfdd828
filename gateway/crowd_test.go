package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"agora/engine"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// parrot says what it was asked, word by word, and as many prompt tokens as the first word names.
type parrot struct{}

func (parrot) Info() engine.Info { return engine.Info{Model: "best", Engine: "test"} }

func (parrot) Chat(_ context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	words := strings.SplitAfter(string(r.Messages[len(r.Messages)-1].Content), " ")
	for _, w := range words {
		if err := emit(engine.Token{Bytes: []byte(w)}); err != nil {
			return openai.Usage{}, "", err
		}
	}
	number, _ := strconv.Atoi(strings.TrimSpace(words[0]))
	return openai.Usage{PromptTokens: number, CompletionTokens: len(words), TotalTokens: number + len(words)}, engine.FinishStop, nil
}

// asked is one question of the crowd.
type asked struct {
	number int
	text   string
	stream bool
	leaves bool // in the middle
}

func (a asked) body() []byte {
	text, _ := json.Marshal(a.text) // strings always marshal
	return fmt.Appendf(nil, `{"model":"chat","stream":%t,"messages":[{"role":"user","content":%s}]}`, a.stream, text)
}

// The memory of requests and answers is used again, by many at once, in all sizes, with consumers that leave in the middle: each is
// told its own answer with its own usage, and what is checked of it is its own.
func TestACrowdIsAnsweredEachItsOwn(t *testing.T) {
	n := newNetwork(t)
	n.signs(parrot{}, seatOf)
	var checked, bad atomic.Int64
	n.Proofs.Checked = func(c Checked) {
		checked.Add(1)
		var asked openai.ChatRequest
		if err := json.Unmarshal(c.Body, &asked); err != nil || c.Err != nil || c.Answer.Choices[0].Content != string(asked.Messages[0].Content) {
			bad.Add(1)
			t.Errorf("the answer to %.200q (%d bytes) was checked: %+v, %v, signed %q", c.Body, len(c.Body), c.Answer, c.Err, c.Signed)
		}
	}
	const askers, each = 12, 60
	var whole, left atomic.Int64
	var g errgroup.Group
	for i := range askers {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		g.Go(func() error {
			for j := range each {
				a := asked{number: 1 + i*each + j, stream: random.IntN(2) == 0, leaves: random.IntN(8) == 0}
				words := 1 + random.IntN(1+random.IntN(400))
				a.text = fmt.Sprint(a.number, strings.Repeat(fmt.Sprintf(" say\n%d \"é\"", a.number), words))
				if a.leaves {
					left.Add(1)
				}
				ok, err := n.askOwn(t.Context(), a)
				if err != nil {
					return err
				}
				if ok {
					whole.Add(1)
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	require.Greater(t, whole.Load(), int64(askers*each/2))
	require.Greater(t, left.Load(), int64(askers*each/20))
	require.Eventually(t, func() bool { return checked.Load() >= whole.Load() }, 20*time.Second, 10*time.Millisecond)
	require.Zero(t, bad.Load())
}

// askOwn asks one question and holds the answer to it. False is of one that was not waited for, or that the miner had no place for.
func (n *network) askOwn(ctx context.Context, a asked) (bool, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/v1/chat/completions", bytes.NewReader(a.body()))
	if err != nil {
		return false, err
	}
	r.Header.Set("Authorization", "Bearer "+n.secret)
	if a.leaves {
		time.AfterFunc(time.Duration(a.number%7)*time.Millisecond, leave)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, unlessLeft(a, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, unlessLeft(a, err)
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		return false, nil
	}
	text, usage, err := heardIn(answer, a.stream)
	if err != nil || text != a.text || usage.PromptTokens != a.number {
		return false, fmt.Errorf("question %d, %d bytes, stream %t: %d, %d prompt tokens, %d bytes of text: %w\n%.300s", a.number, len(a.text), a.stream, resp.StatusCode, usage.PromptTokens, len(text), err, answer)
	}
	return true, nil
}

func unlessLeft(a asked, err error) error {
	if a.leaves {
		return nil
	}
	return err
}

// heardIn is the text of an answer's only choice, and its usage.
func heardIn(answer []byte, stream bool) (string, openai.Usage, error) {
	var read receipt.Reader
	var last struct{ Usage openai.Usage }
	take := func(data []byte, add func([]byte) error) error {
		if err := json.Unmarshal(data, &last); err != nil {
			return err
		}
		return add(data)
	}
	if !stream {
		if err := take(answer, read.Whole); err != nil {
			return "", last.Usage, err
		}
	}
	for line := range strings.Lines(string(answer)) {
		if data, ok := strings.CutPrefix(line, "data: {"); ok && stream {
			if err := take([]byte("{"+data), read.Chunk); err != nil {
				return "", last.Usage, err
			}
		}
	}
	choices, err := read.Choices()
	if err != nil {
		return "", last.Usage, err
	}
	return choices[0].Content, last.Usage, nil
}
