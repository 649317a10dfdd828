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

	"agora/engine/native/chat"
)

func (o Options) cardsPath() string { return filepath.Join(o.Dir, "cards.json") }

// cards reads cards.json; a missing file has none.
func (o Options) cards() ([]chat.ModelCard, error) {
	file, err := os.ReadFile(o.cardsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var cards []chat.ModelCard
	if err := json.Unmarshal(file, &cards); err != nil {
		return nil, fmt.Errorf("%s: %w", o.cardsPath(), err)
	}
	return cards, nil
}

// card is the model's card so far; one that was never made has only its name.
func (o Options) card(name string) (chat.ModelCard, error) {
	cards, err := o.cards()
	if i := slices.IndexFunc(cards, func(c chat.ModelCard) bool { return c.Name == name }); i >= 0 {
		return cards[i], err
	}
	return chat.ModelCard{Name: name}, err
}

// keep writes the card into cards.json, weakest model first. Cards of models that the ladder no longer has go.
func (o Options) keep(card chat.ModelCard) error {
	cards, err := o.cards()
	if err != nil {
		return err
	}
	cards = slices.DeleteFunc(cards, func(c chat.ModelCard) bool { return c.Name == card.Name || !onLadder(c.Name) })
	cards = append(cards, card)
	slices.SortFunc(cards, func(a, b chat.ModelCard) int {
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

func printCard(log io.Writer, c chat.ModelCard) {
	fmt.Fprintf(log, "%s: %.1f %% of %d held-out questions, %d parameters\n", c.Name, 100*c.Accuracy, c.Questions, c.Parameters)
	for _, name := range slices.Sorted(maps.Keys(c.Families)) {
		fmt.Fprintf(log, " %s %.0f", name, 100*c.Families[name])
	}
	fmt.Fprintln(log)
}
