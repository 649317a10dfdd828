package train

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agora/engine"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/task/exact"
	"agora/wire/openai"
)

// Options say what Make does.
type Options struct {
	Dir         string   // of models and cards
	Checkpoints string   // folder of runs that are not finished; Dir if empty
	Only        []string // names of rungs; empty means all
	MeasureOnly bool     // train nothing
	Questions   int      // to measure each model with
	Steps       int      // in place of each rung's own; 0 leaves them
}

// Make trains the chosen rungs and writes NAME.gguf, and cards.json with what was measured. A run that was ended goes on where
// it was.
func Make(ctx context.Context, o Options, log io.Writer) error {
	if err := Usable(); err != nil {
		return err
	}
	rungs, err := o.rungs()
	if err != nil {
		return err
	}
	for _, r := range rungs {
		if err := o.rung(ctx, r, log); err != nil {
			return fmt.Errorf("rung %s: %w", r.Name, err)
		}
	}
	return nil
}

func (o Options) rungs() (rungs []Rung, err error) {
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("no rung is called %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	for _, r := range Ladder {
		if len(o.Only) > 0 && !slices.Contains(o.Only, r.Name) {
			continue
		}
		if o.Steps > 0 {
			r.Steps = o.Steps
		}
		rungs = append(rungs, r)
	}
	return rungs, nil
}

// Names lists the rungs, weakest first.
func Names() []string {
	names := make([]string, len(Ladder))
	for i, r := range Ladder {
		names[i] = r.Name
	}
	return names
}

func (o Options) rung(ctx context.Context, r Rung, log io.Writer) error {
	c, err := o.card(r.Name)
	if err != nil {
		return err
	}
	if !o.MeasureOnly {
		if err := o.train(ctx, r, &c, log); err != nil {
			return err
		}
	}
	if err := o.measure(ctx, r, &c); err != nil {
		return err
	}
	printCard(log, c)
	return o.keep(c)
}

// train runs the rung, writes its file and notes on the card what it took.
func (o Options) train(ctx context.Context, r Rung, c *ladder.Card, log io.Writer) error {
	dir := o.Checkpoints
	if dir == "" {
		dir = o.Dir
	}
	path := filepath.Join(dir, r.Name+".checkpoint")
	file, p, err := Run(ctx, r, path, max(1, r.Steps/40), func(p Progress) {
		fmt.Fprintf(log, "%s step %d of %d, %d turns, loss %.3f, %.1f %% right in training, %.0f s of a processor\n",
			r.Name, p.Step, p.Steps, p.Turns, p.Loss, 100*p.Average(), p.Seconds)
		for _, kind := range slices.Sorted(maps.Keys(p.Exact)) {
			fmt.Fprintf(log, " %s %.0f", kind, 100*p.Exact[kind])
		}
		fmt.Fprintln(log)
	})
	if err != nil {
		return err
	}
	c.Steps, c.Turns, c.Kernel, c.Seconds = r.Steps, p.Turns, Kernel(), math.Round(100*p.Seconds)/100
	if err := os.WriteFile(o.path(r.Name), file, 0o644); err != nil {
		return err
	}
	return os.Remove(path)
}

func (o Options) path(name string) string { return filepath.Join(o.Dir, name+".gguf") }

// measure asks the model held-out questions, drawn as validators draw, through the engine that serves it.
func (o Options) measure(ctx context.Context, r Rung, c *ladder.Card) error {
	e, err := llm.Open(o.path(r.Name), llm.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	right, asked, err := Measure(ctx, e, exact.NewSource(streamSeed("measure")), o.Questions)
	if err != nil {
		return err
	}
	if c.Unknown, err = unknownShare(ctx, e); err != nil {
		return err
	}
	file, err := os.Stat(o.path(r.Name))
	if err != nil {
		return err
	}
	c.Name, c.Digest, c.Bytes, c.Licence, c.Parameters = r.Name, e.Info().Digest, int(file.Size()), licence, r.Parameters()
	c.Vocabulary, c.Width, c.Layers, c.Hidden, c.Heads, c.KeyHeads, c.Context = r.Vocab, r.Width, r.Layers, r.Shape.Hidden, r.Heads, r.KVHeads, r.Context
	c.Questions, c.Families = o.Questions, map[string]float64{}
	total := 0
	for name, n := range asked {
		total += right[name]
		c.Families[name] = math.Round(1000*float64(right[name])/float64(n)) / 1000
	}
	c.Accuracy = math.Round(1e4*float64(total)/float64(o.Questions)) / 1e4
	return nil
}

//go:embed unknown.txt
var unknownText string

// unknownShare asks five hundred requests as people make them, none of which is trained on and none of which a model here can
// answer, and returns the share of those to which it says so.
func unknownShare(ctx context.Context, e engine.Chatter) (float64, error) {
	lines := strings.Split(strings.TrimSpace(unknownText), "\n")
	said := 0
	for _, line := range lines {
		answer, err := ask(ctx, e, line)
		if err != nil {
			return 0, err
		}
		if answer == unknown {
			said++
		}
	}
	return float64(said) / float64(len(lines)), nil
}

// Measure asks e n held-out questions, each kind as likely as the others, and counts by kind.
func Measure(ctx context.Context, e engine.Chatter, s *exact.Source, n int) (right, asked map[string]int, err error) {
	right, asked = map[string]int{}, map[string]int{}
	for n > 0 {
		q := exact.Draw(s, s.Intn(len(exact.Names())))
		if !q.HeldOut() {
			continue
		}
		answer, err := ask(ctx, e, q.Text)
		if err != nil {
			return nil, nil, err
		}
		if asked[q.Family]++; q.Check(answer) {
			right[q.Family]++
		}
		n--
	}
	return right, asked, nil
}

func ask(ctx context.Context, e engine.Chatter, text string) (string, error) {
	var b strings.Builder
	most := 64
	req := &openai.ChatRequest{Messages: []openai.Message{{Role: "user", Content: openai.Content(text)}}, MaxTokens: &most}
	_, _, err := e.Chat(ctx, req, func(t engine.Token) error {
		b.Write(t.Bytes)
		return nil
	})
	return b.String(), err
}
