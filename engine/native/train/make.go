package train

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"agora/engine"
	"agora/engine/native/chat"
	"agora/task/exact"
	"agora/wire/openai"
)

// Options say what Make does.
type Options struct {
	Dir         string   // of vocabulary, weights and cards
	Only        []string // names of rungs; empty means all
	Vocabulary  bool     // make the vocabulary anew
	MeasureOnly bool     // train nothing
	Questions   int      // to measure each model with
}

// Make trains the chosen rungs and writes NAME.bin, and cards.json with what was measured.
func Make(o Options, log io.Writer) error {
	if err := Usable(); err != nil {
		return err
	}
	for _, name := range o.Only {
		if !onLadder(name) {
			return fmt.Errorf("no rung is called %q; the ladder is in ladder.go", name)
		}
	}
	v, err := o.vocabulary()
	if err != nil {
		return err
	}
	for _, r := range Ladder {
		if len(o.Only) > 0 && !slices.Contains(o.Only, r.Name) {
			continue
		}
		if err := o.rung(r, v, log); err != nil {
			return fmt.Errorf("rung %s: %w", r.Name, err)
		}
	}
	return nil
}

func (o Options) vocabulary() (*chat.Vocabulary, error) {
	path := filepath.Join(o.Dir, "vocab.txt")
	if o.Vocabulary {
		if err := os.WriteFile(path, Vocabulary(), 0o644); err != nil {
			return nil, err
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w (the flag -vocabulary makes it)", err)
	}
	return chat.NewVocabulary(file)
}

func (o Options) rung(r Rung, v *chat.Vocabulary, log io.Writer) error {
	card, err := o.card(r.Name)
	if err != nil {
		return err
	}
	if !o.MeasureOnly {
		if err := o.train(r, v, &card, log); err != nil {
			return err
		}
	}
	if err := o.measure(v, &card); err != nil {
		return err
	}
	printCard(log, card)
	return o.keep(card)
}

// train runs the rung, writes its weights and notes on the card what it took.
func (o Options) train(r Rung, v *chat.Vocabulary, card *chat.ModelCard, log io.Writer) error {
	started := time.Now()
	w, p, err := Run(r, v, max(1, r.Steps/8), func(p Progress) {
		fmt.Fprintf(log, "%s step %d, %d turns, loss %.3f, %.1f %% right in training, %.0f s\n",
			r.Name, p.Step, p.Turns, p.Loss, 100*p.Average(), time.Since(started).Seconds())
	})
	if err != nil {
		return err
	}
	card.Steps, card.Turns, card.Kernel = r.Steps, p.Turns, Kernel
	card.Seconds = math.Round(time.Since(started).Seconds())
	return os.WriteFile(o.weightsPath(r.Name), w.Marshal(v), 0o644)
}

func (o Options) weightsPath(name string) string { return filepath.Join(o.Dir, name+".bin") }

// measure asks the model held-out questions, drawn as validators draw, through the engine that serves them.
func (o Options) measure(v *chat.Vocabulary, card *chat.ModelCard) error {
	file, err := os.ReadFile(o.weightsPath(card.Name))
	if err != nil {
		return err
	}
	e, err := chat.Load(card.Name, file, v)
	if err != nil {
		return err
	}
	right, asked, err := Measure(e, exact.NewSource(streamSeed("measure", 0)), o.Questions)
	if err != nil {
		return err
	}
	info, shape := e.Info(), e.Shape()
	card.Width, card.Layers, card.Hidden, card.Context = shape.Width, shape.Layers, shape.Hidden, shape.Context
	card.Parameters = shape.Parameters()
	card.Digest, card.Precision, card.Licence = info.Digest, info.Precision, info.Licence
	card.Questions, card.Families = o.Questions, map[string]float64{}
	total := 0
	for name, n := range asked {
		total += right[name]
		card.Families[name] = math.Round(1000*float64(right[name])/float64(n)) / 1000
	}
	card.Accuracy = math.Round(1e4*float64(total)/float64(o.Questions)) / 1e4
	return nil
}

// Measure asks e n held-out questions, each kind as likely as the others, and counts by kind.
func Measure(e engine.Chatter, s *exact.Source, n int) (right, asked map[string]int, err error) {
	right, asked = map[string]int{}, map[string]int{}
	for n > 0 {
		q := exact.Draw(s, s.Intn(len(exact.Names())))
		if !q.HeldOut() {
			continue
		}
		answer, err := ask(e, q.Text)
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

func ask(e engine.Chatter, text string) (string, error) {
	var b strings.Builder
	req := &openai.ChatRequest{Messages: []openai.Message{{Role: "user", Content: openai.Content(text)}}}
	_, _, err := e.Chat(context.Background(), req, func(t engine.Token) error {
		b.Write(t.Bytes)
		return nil
	})
	return b.String(), err
}
