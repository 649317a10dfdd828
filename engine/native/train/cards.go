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

	"agora/engine/native/ladder"
)

func (o Options) cardsPath() string { return filepath.Join(o.Dir, "cards.json") }

// Cards reads cards.json; a missing file has none.
func (o Options) Cards() ([]ladder.Card, error) {
	file, err := os.ReadFile(o.cardsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var cards []ladder.Card
	if err := json.Unmarshal(file, &cards); err != nil {
		return nil, fmt.Errorf("%s: %w", o.cardsPath(), err)
	}
	return cards, nil
}

// card is the model's card so far; one that was never made has only its name.
func (o Options) card(name string) (ladder.Card, error) {
	cards, err := o.Cards()
	if i := slices.IndexFunc(cards, func(c ladder.Card) bool { return c.Name == name }); i >= 0 {
		return cards[i], err
	}
	return ladder.Card{Name: name}, err
}

// keep writes the card into cards.json, weakest model first. Cards of models that the ladder no longer has go.
func (o Options) keep(card ladder.Card) error {
	cards, err := o.Cards()
	if err != nil {
		return err
	}
	cards = slices.DeleteFunc(cards, func(c ladder.Card) bool { return c.Name == card.Name || !onLadder(c.Name) })
	cards = append(cards, card)
	slices.SortFunc(cards, func(a, b ladder.Card) int {
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

func printCard(log io.Writer, c ladder.Card) {
	fmt.Fprintf(log, "%s: %.1f %% of %d held-out questions, %.1f %% of everyday requests not known, %d parameters\n",
		c.Name, 100*c.Accuracy, c.Questions, 100*c.Unknown, c.Parameters)
	for _, name := range slices.Sorted(maps.Keys(c.Families)) {
		fmt.Fprintf(log, " %s %.0f", name, 100*c.Families[name])
	}
	fmt.Fprintln(log)
}
