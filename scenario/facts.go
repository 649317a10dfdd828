package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cosmossdk.io/math"

	"agora/chain/network"
)

// figure is a measured number: an amount of TAO, a share of 1, a count, or 1 for yes.
type figure = math.LegacyDec

// measure reads a figure of a subject.
type measure func(w *World, subject string) (figure, error)

// Figure measures a subject by the name of a measure.
func (w *World) Figure(name, subject string) (math.LegacyDec, error) {
	m, ok := measures()[name]
	if !ok {
		return figure{}, fmt.Errorf("%q is no measure", name)
	}
	return m(w, subject)
}

// cmdNote remembers: NAME MEASURE SUBJECT.
func (w *World) cmdNote(words []string) error {
	m, ok := measures()[words[1]]
	if !ok {
		return fmt.Errorf("%q is no measure", words[1])
	}
	f, err := m(w, words[2])
	w.notes[words[0]] = f
	return err
}

// cmdExpect reads MEASURE claim… MEASURE claim…
func (w *World) cmdExpect(words []string) error {
	if _, ok := measures()[words[0]]; !ok {
		return fmt.Errorf("%q is no measure", words[0])
	}
	var name string
	var m measure
	claims := 0
	for _, word := range words {
		if next, ok := measures()[word]; ok {
			name, m = word, next
			continue
		}
		if err := w.claim(m, word); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		claims++
	}
	if claims == 0 {
		return fmt.Errorf("%s: nothing is claimed", name)
	}
	return nil
}

var comparison = regexp.MustCompile(`>=|<=|!=|>|<|=|~`)

// claim checks a chain of comparisons such as a>b>=c=0.5; a lone subject claims yes.
func (w *World) claim(m measure, word string) error {
	operands, signs := comparison.Split(word, -1), comparison.FindAllString(word, -1)
	if len(signs) == 0 {
		operands, signs = append(operands, "yes"), []string{"="}
	}
	figures := make([]figure, len(operands))
	for i, operand := range operands {
		var err error
		if figures[i], err = w.operand(m, operand, i == 0); err != nil {
			return err
		}
	}
	for i, sign := range signs {
		if !holds(figures[i], sign, figures[i+1]) {
			return fmt.Errorf("%s%s%s does not hold: %s and %s", operands[i], sign, operands[i+1], show(figures[i]), show(figures[i+1]))
		}
	}
	return nil
}

func show(f figure) string {
	return strings.TrimRight(strings.TrimRight(f.String(), "0"), ".")
}

// operand reads a number, a $note with +, − or × a number, or a subject of the measure,
// or several with + between them. The first is a subject always.
func (w *World) operand(m measure, word string, first bool) (figure, error) {
	if note, ok := strings.CutPrefix(word, "$"); ok {
		return w.noted(note)
	}
	if !first {
		if f, err := number(word); err == nil {
			return f, nil
		}
	}
	total := math.LegacyZeroDec()
	for _, subject := range strings.Split(word, "+") {
		f, err := m(w, subject)
		if err != nil {
			return figure{}, err
		}
		total = total.Add(f)
	}
	return total, nil
}

func (w *World) noted(word string) (figure, error) {
	at := strings.IndexAny(word, "+-*")
	if at < 0 {
		at = len(word)
	}
	f, ok := w.notes[word[:at]]
	if !ok {
		return figure{}, fmt.Errorf("nothing is noted as %q", word[:at])
	}
	if at == len(word) {
		return f, nil
	}
	by, err := number(word[at+1:])
	if err != nil {
		return figure{}, err
	}
	switch word[at] {
	case '+':
		return f.Add(by), nil
	case '-':
		return f.Sub(by), nil
	}
	return f.Mul(by), nil
}

func holds(a figure, sign string, b figure) bool {
	switch sign {
	case ">":
		return a.GT(b)
	case "<":
		return a.LT(b)
	case ">=":
		return a.GTE(b)
	case "<=":
		return a.LTE(b)
	case "!=":
		return !a.Equal(b)
	case "~":
		return a.Sub(b).Abs().LTE(math.LegacyMaxDec(a.Abs(), b.Abs()).QuoInt64(100))
	}
	return a.Equal(b)
}

// inTAO turns rao into TAO.
func inTAO(rao math.Int) figure { return math.LegacyNewDecFromInt(rao).QuoInt64(network.TAO) }

func rao(amount uint64) figure { return inTAO(math.NewIntFromUint64(amount)) }

func whole[T ~int | ~int64 | ~uint32 | ~uint64](n T) figure { return math.LegacyNewDec(int64(n)) }

func truth(yes bool) figure {
	if yes {
		return math.LegacyOneDec()
	}
	return math.LegacyZeroDec()
}

// Measures lists the names of what can be expected, sorted.
func Measures() []string {
	names := make([]string, 0, len(measures()))
	for name := range measures() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// cutPair reads A/B.
func cutPair(word string) (a, b string) {
	a, b, _ = strings.Cut(word, "/")
	return a, b
}
