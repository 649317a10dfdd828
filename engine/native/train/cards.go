package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Card says what a model is and what was measured. Shares are between 0 and 1.
type Card struct {
	Name       string             `json:"name"`
	Digest     string             `json:"digest"` // as everywhere: "sha256:<hex>" over tensors and tokenizer
	Parameters int                `json:"parameters"`
	Shape      Shape              `json:"shape"`
	Steps      int                `json:"training_steps"`
	Turns      int                `json:"training_turns"`   // questions seen
	Seconds    float64            `json:"training_seconds"` // of a processor
	Kernel     string             `json:"training_kernel"`
	Questions  int                `json:"questions"` // held out, drawn as validators draw
	Accuracy   float64            `json:"accuracy"`  // exact, greedy, over Questions
	Families   map[string]float64 `json:"families"`  // accuracy by kind of question
	Unknown    float64            `json:"unknown"`   // of 500 everyday requests: answered "I do not know."
}

func (o Options) cardsPath() string { return filepath.Join(o.Dir, "cards.json") }

// Cards reads cards.json; a missing file has none.
func (o Options) Cards() ([]Card, error) {
	file, err := os.ReadFile(o.cardsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var cards []Card
	if err := json.Unmarshal(file, &cards); err != nil {
		return nil, fmt.Errorf("%s: %w", o.cardsPath(), err)
	}
	return cards, nil
}

// card is the model's card so far; one that was never made has only its name.
func (o Options) card(name string) (Card, error) {
	cards, err := o.Cards()
	if i := slices.IndexFunc(cards, func(c Card) bool { return c.Name == name }); i >= 0 {
		return cards[i], err
	}
	return Card{Name: name}, err
}

// keep writes the card into cards.json, weakest model first. Cards of models that the ladder no longer has go.
func (o Options) keep(card Card) error {
	cards, err := o.Cards()
	if err != nil {
		return err
	}
	cards = slices.DeleteFunc(cards, func(c Card) bool { return c.Name == card.Name || !onLadder(c.Name) })
	cards = append(cards, card)
	slices.SortFunc(cards, func(a, b Card) int {
		if a.Accuracy < b.Accuracy {
			return -1
		}
		return 1
	})
	file, err := json.MarshalIndent(cards, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.cardsPath(), append(file, '\n'), 0o644)
}

func onLadder(name string) bool {
	return slices.ContainsFunc(Ladder, func(r Rung) bool { return r.Name == name })
}

func printCard(log io.Writer, c Card) {
	fmt.Fprintf(log, "%s: %.1f %% of %d held-out questions, %.1f %% of everyday requests not known, %d parameters\n",
		c.Name, 100*c.Accuracy, c.Questions, 100*c.Unknown, c.Parameters)
	for _, name := range slices.Sorted(maps.Keys(c.Families)) {
		fmt.Fprintf(log, " %s %.0f", name, 100*c.Families[name])
	}
	fmt.Fprintln(log)
}
