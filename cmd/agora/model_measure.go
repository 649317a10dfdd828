package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agora/engine"
	"agora/task"
	"agora/task/exact"
	"agora/wire/openai"
)

// speed is what `agora model bench` measures, in tokens per second of one stream.
type speed struct {
	Model   string  `json:"model"`
	Digest  string  `json:"digest"`
	Prompt  int     `json:"prompt_tokens"`
	Answer  int     `json:"answer_tokens"`
	Prefill float64 `json:"prefill_tokens_per_second"`
	Decode  float64 `json:"decode_tokens_per_second"`
}

func (m *models) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench NAME", Short: "Measure how fast a model reads and writes on this machine", Args: cobra.ExactArgs(1),
		Example: "  agora model bench chat-large",
		RunE: func(cmd *cobra.Command, args []string) error {
			e, end, err := m.open(args[0])
			if err != nil {
				return err
			}
			s, err := measure(cmd.Context(), e)
			if err = errors.Join(err, end()); err != nil {
				return err
			}
			return m.print(cmd, s, fmt.Sprintf("%s: reads %.0f and writes %.0f tokens per second, one at a time (%d and %d tokens)\ndigest %s\n", s.Model, s.Prefill, s.Decode, s.Prompt, s.Answer, s.Digest))
		},
	}
	m.flag(cmd)
	m.engineFlags(cmd)
	return cmd
}

// measure lets the model answer one long question. The time to the first token is reading, the rest writing.
func measure(ctx context.Context, e engine.Engine) (speed, error) {
	most := max(8, min(128, e.Info().Context/4))
	prompt := strings.Repeat("The rain fell on the roof and the river rose. ", max(1, min(40, e.Info().Context/128)))
	began := time.Now()
	var first time.Time
	note := func(engine.Token) error {
		if first.IsZero() {
			first = time.Now()
		}
		return nil
	}
	var usage openai.Usage
	var err error
	if c, ok := e.(engine.Chatter); ok && e.Info().Can&openai.CanTurns != 0 {
		usage, _, err = c.Chat(ctx, &openai.ChatRequest{Model: e.Info().Model, MaxTokens: &most, Messages: []openai.Message{{Role: "user", Content: openai.Content(prompt)}}}, note)
	} else if c, ok := e.(engine.Completer); ok {
		usage, _, err = c.Complete(ctx, &openai.CompletionRequest{Model: e.Info().Model, MaxTokens: &most, Prompt: openai.Prompt(prompt)}, note)
	} else {
		usage, _, err = e.(engine.Chatter).Chat(ctx, &openai.ChatRequest{Model: e.Info().Model, MaxTokens: &most, Messages: []openai.Message{{Role: "user", Content: "Spell tiger backwards."}}}, note)
	}
	if err != nil {
		return speed{}, err
	}
	s := speed{Model: e.Info().Model, Digest: e.Info().Digest, Prompt: usage.PromptTokens, Answer: usage.CompletionTokens}
	if reading := first.Sub(began).Seconds(); reading > 0 {
		s.Prefill = float64(s.Prompt) / reading
	}
	if writing := time.Since(first).Seconds(); s.Answer > 1 && writing > 0 {
		s.Decode = float64(s.Answer-1) / writing
	}
	return s, nil
}

// marks is what `agora model eval` finds.
type marks struct {
	Model   string            `json:"model"`
	Digest  string            `json:"digest"`
	Asked   int               `json:"asked"`
	Right   int               `json:"right"`
	Percent float64           `json:"percent"`
	Kinds   map[string]kindOf `json:"kinds"`
}

type kindOf struct {
	Asked int `json:"asked"`
	Right int `json:"right"`
}

func (m *models) evalCommand() *cobra.Command {
	n, seed := 200, ""
	cmd := &cobra.Command{
		Use: "eval NAME", Short: "Ask a model fresh questions of the exact family and count the right answers", Args: cobra.ExactArgs(1),
		Long: "Questions are drawn from a seed as validators draw theirs, and answered greedily. The same seed gives the same\n" +
			"questions, so two models can be compared.",
		Example: "  agora model eval chat-large --n 60",
		RunE: func(cmd *cobra.Command, args []string) error {
			e, end, err := m.open(args[0])
			if err != nil {
				return err
			}
			found, err := evaluate(cmd.Context(), e, seed, n, (&progress{to: cmd.ErrOrStderr(), plain: true}).tell)
			if err = errors.Join(err, end()); err != nil {
				return err
			}
			return m.print(cmd, found, found.text())
		},
	}
	m.flag(cmd)
	m.engineFlags(cmd)
	cmd.Flags().IntVar(&n, "n", n, "questions to ask, 1 to 100,000")
	cmd.Flags().StringVar(&seed, "seed", "eval", "any text: the questions follow from it")
	return cmd
}

// evaluate asks n questions, one after the other.
func evaluate(ctx context.Context, e engine.Engine, seed string, n int, tell func(string, int64, int64)) (marks, error) {
	c, ok := e.(engine.Chatter)
	if !ok {
		return marks{}, fmt.Errorf("%s does not answer questions; it continues texts", e.Info().Model)
	}
	if n < 1 || n > 100_000 {
		return marks{}, usageError{fmt.Errorf("--n is %d, want 1 to 100,000", n)}
	}
	found := marks{Model: e.Info().Model, Digest: e.Info().Digest, Kinds: map[string]kindOf{}}
	for i := range n {
		tell("asking", int64(i), int64(n))
		q := exact.At(task.Seed(sha256.Sum256([]byte(seed))), uint64(i))
		right, err := answers(ctx, c, q)
		if err != nil {
			return marks{}, err
		}
		k := found.Kinds[q.Family]
		k.Asked++
		found.Asked++
		if right {
			k.Right++
			found.Right++
		}
		found.Kinds[q.Family] = k
	}
	found.Percent = 100 * float64(found.Right) / float64(found.Asked)
	return found, nil
}

// answers asks one question. A model that cannot read it is wrong.
func answers(ctx context.Context, c engine.Chatter, q exact.Question) (bool, error) {
	most := 128
	req := &openai.ChatRequest{Model: "eval", MaxTokens: &most, Messages: []openai.Message{{Role: "user", Content: openai.Content(q.Text)}}}
	var text []byte
	_, _, err := c.Chat(ctx, req, func(t engine.Token) error {
		text = append(text, t.Bytes...)
		return nil
	})
	var refusal *openai.Error
	if errors.As(err, &refusal) && refusal.Status == 400 {
		return false, nil
	}
	return err == nil && q.Check(string(text)), err
}

func (m marks) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d right, %.1f %%\n  digest       %s\n", m.Model, m.Right, m.Asked, m.Percent, m.Digest)
	for _, kind := range slices.Sorted(maps.Keys(m.Kinds)) {
		k := m.Kinds[kind]
		fmt.Fprintf(&b, "  %-12s %d of %d\n", kind, k.Right, k.Asked)
	}
	return b.String()
}
