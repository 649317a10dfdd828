package localnet

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"agora/engine"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/ngram"
	"agora/task"
	"agora/task/continuation"
	"agora/task/exact"
	"agora/wire/openai"
)

const (
	truthQuestions = 600    // asked of each chat model
	truthBytes     = 40_000 // of fresh text for each text model
	truthNoise     = 0.06   // of an accuracy: 2.3 standard errors of a difference of paired answers near one half
	truthBitsNoise = 0.03   // bits per byte
)

// Quality is what a miner's model is really worth, measured without the market. Higher is better.
type Quality struct {
	Value float64
	Noise float64 // models closer than this may share a place
	Text  string
}

// truth measures the models behind the miners on questions and text that nobody has seen. It is computed once a seed.
type truth struct {
	seed string
	mu   sync.Mutex
	of   map[string]Quality
}

// measure returns the quality of every miner's model.
func (t *truth) measure(ctx context.Context, miners []Miner) (map[string]Quality, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]Quality{}
	}
	for _, m := range miners {
		if _, done := t.of[m.Model]; done {
			continue
		}
		q, err := t.quality(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", m.Model, err)
		}
		t.of[m.Model] = q
	}
	return t.of, nil
}

func (t *truth) quality(ctx context.Context, m Miner) (Quality, error) {
	switch {
	case m.NetUID == textNet:
		return t.text(m.Model)
	}
	e, err := ladder.Open(m.Model, llm.Options{})
	if err != nil {
		return Quality{}, err
	}
	defer e.Close() // it was read only
	return t.chat(ctx, e)
}

// text is the bits per byte of fresh text, negated.
func (t *truth) text(model string) (Quality, error) {
	e, err := ngram.Open(model)
	if err != nil {
		return Quality{}, err
	}
	source := continuation.Default()
	text := source.Sample(sha256.Sum256([]byte("truth "+t.seed)), truthBytes)
	bits := e.Model().Bits(text) / float64(len(text))
	return Quality{-bits, truthBitsNoise, fmt.Sprintf("%.3f bits per byte (the source's entropy is %.3f)", bits, source.Entropy())}, nil
}

// chat is the share of fresh questions answered exactly.
func (t *truth) chat(ctx context.Context, e engine.Chatter) (Quality, error) {
	seed := task.Seed(sha256.Sum256([]byte("truth " + t.seed)))
	right := 0.0
	for i := range uint64(truthQuestions) {
		item := exact.Family{}.Item(seed, i)
		answer, err := answerOf(ctx, e, item.Body)
		if err != nil {
			return Quality{}, err
		}
		score, err := item.Score(answer)
		if err == nil { // a malformed answer is a wrong one
			right += score
		}
	}
	share := right / truthQuestions
	return Quality{share, truthNoise, fmt.Sprintf("%.1f %% right", 100*share)}, nil
}

// answerOf asks the engine without any wire and returns what a server would.
func answerOf(ctx context.Context, e engine.Chatter, body []byte) ([]byte, error) {
	var req openai.ChatRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	var text strings.Builder
	_, finish, err := e.Chat(ctx, &req, func(tok engine.Token) error {
		text.Write(tok.Bytes)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(openai.ChatResponse{Object: "chat.completion", Choices: []openai.ChatChoice{{
		Message: openai.Message{Role: "assistant", Content: openai.Content(text.String())}, FinishReason: string(finish),
	}}})
}

// ordered says whether incentives follow qualities: of two models further apart than the noise, the servers of the better one earn more
// together. The text names the first pair of which that is not so.
func ordered(miners []Miner, quality map[string]Quality, incentive map[uint32]uint32) (bool, string) {
	earned := map[string]uint32{}
	for _, m := range miners {
		earned[m.Model] += incentive[m.UID]
	}
	for a := range earned {
		for b := range earned {
			qa, qb := quality[a], quality[b]
			if qa.Value > qb.Value+max(qa.Noise, qb.Noise) && earned[a] <= earned[b] {
				return false, fmt.Sprintf("%s (%s) earns %d, %s (%s) earns %d", a, qa.Text, earned[a], b, qb.Text, earned[b])
			}
		}
	}
	return true, ""
}
