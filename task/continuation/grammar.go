package continuation

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// Productions is the text of the grammar, with a description of its notation.
//
//go:embed grammar.txt
var Productions string

// symbol is a piece of a production: text to write or a name to choose from.
type symbol struct {
	text string // empty for a name
	name int    // index into grammar.names
}

// production is one choice of a name.
type production struct {
	weight  uint64
	symbols []symbol
}

// grammar maps each name to its choices. Name 0 is "story".
type grammar struct {
	names   []string
	index   map[string]int
	choices [][]production
	total   []uint64             // sum of weights
	first   []map[string]float64 // the words that a name can begin with, and their chances
	starts  []map[string]int     // the choice that each of those words belongs to
}

// parseGrammar reads the notation that grammar.txt describes.
func parseGrammar(text string) (*grammar, error) {
	g := &grammar{index: map[string]int{}}
	g.id("story")
	var topics []string
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if fields[0] == "topics" {
			topics = fields[1:]
			continue
		}
		for _, copied := range expand(strings.Join(fields, " "), topics) {
			if err := g.line(copied); err != nil {
				return nil, fmt.Errorf("grammar line %d: %w", n+1, err)
			}
		}
	}
	return g, g.check()
}

// expand writes a line once per topic and once per number, where it asks for that.
func expand(line string, topics []string) []string {
	lines := []string{line}
	for _, mark := range []struct {
		text   string
		values []string
	}{{"@", topics}, {"%", []string{"s", "p"}}} {
		if strings.Contains(line, mark.text) {
			lines = replaceEach(lines, mark.text, mark.values)
		}
	}
	return lines
}

// replaceEach writes every line once per value, with the mark replaced.
func replaceEach(lines []string, mark string, values []string) []string {
	var out []string
	for _, l := range lines {
		for _, v := range values {
			out = append(out, strings.ReplaceAll(l, mark, v))
		}
	}
	return out
}

// id returns the number of a name, giving it one at first sight.
func (g *grammar) id(name string) int {
	if i, known := g.index[name]; known {
		return i
	}
	i := len(g.names)
	g.index[name] = i
	g.names = append(g.names, name)
	g.choices = append(g.choices, nil)
	g.total = append(g.total, 0)
	return i
}

// line files one line of the grammar.
func (g *grammar) line(line string) error {
	left, right, ok := strings.Cut(line, " = ")
	if !ok {
		return fmt.Errorf("%q: want NAME = CHOICES", line)
	}
	kind, name, listed := strings.Cut(left, " ")
	if listed {
		return g.list(kind, name, strings.Fields(right))
	}
	for choice := range strings.SplitSeq(right, " | ") {
		fields := strings.Fields(choice)
		weight, err := strconv.ParseUint(fields[0], 10, 16)
		if err != nil || weight == 0 || len(fields) < 2 {
			return fmt.Errorf("%q: want a weight above 0 and symbols", choice)
		}
		g.add(left, weight, fields[1:]...)
	}
	return nil
}

// list files a list of words with Zipf's weights.
func (g *grammar) list(kind, name string, words []string) error {
	endings := map[string][2][2]string{ // (suffix of the name, ending of the word)
		"words": {{"", ""}},
		"nouns": {{".s", ""}, {".p", "s"}},
		"verbs": {{".s", "s"}, {".p", ""}},
	}
	forms, known := endings[kind]
	if !known {
		return fmt.Errorf("%q: want words, nouns or verbs", kind)
	}
	for k, word := range words {
		for i, form := range forms {
			if i == 0 || form[0] != "" {
				g.add(name+form[0], uint64(120/(k+3)), word+form[1])
			}
		}
	}
	return nil
}

// add appends one choice to a name.
func (g *grammar) add(name string, weight uint64, fields ...string) {
	p := production{weight: weight}
	for _, f := range fields {
		p.symbols = append(p.symbols, g.symbol(f))
	}
	i := g.id(name)
	g.choices[i] = append(g.choices[i], p)
	g.total[i] += weight
}

// symbol reads one field of a choice.
func (g *grammar) symbol(field string) symbol {
	switch {
	case strings.HasPrefix(field, "<") && strings.HasSuffix(field, ">"):
		return symbol{name: g.id(field[1 : len(field)-1])}
	case field == `\n`:
		return symbol{text: "\n"}
	case strings.HasPrefix(field, "^"):
		return symbol{text: field[1:]}
	case strings.Contains(".,:", field):
		return symbol{text: field}
	}
	return symbol{text: " " + field}
}

// check makes sure that every name has choices and that they begin with different words, so that a text has one
// derivation. It fills first and starts.
func (g *grammar) check() error {
	for i, name := range g.names {
		if len(g.choices[i]) == 0 {
			return fmt.Errorf("grammar: <%s> has no choices", name)
		}
	}
	g.first = make([]map[string]float64, len(g.names))
	g.starts = make([]map[string]int, len(g.names))
	for i := range g.names {
		if err := g.begin(i, 0); err != nil {
			return err
		}
	}
	return nil
}

// begin finds out what a name can begin with, and which choice each of those words belongs to.
func (g *grammar) begin(name, depth int) error {
	if g.first[name] != nil {
		return nil
	}
	if depth > len(g.names) {
		return fmt.Errorf("grammar: <%s> begins with itself", g.names[name])
	}
	first, starts := map[string]float64{}, map[string]int{}
	for i, p := range g.choices[name] {
		share := float64(p.weight) / float64(g.total[name])
		head := p.symbols[0]
		words := map[string]float64{head.text: 1}
		if head.text == "" {
			if err := g.begin(head.name, depth+1); err != nil {
				return err
			}
			words = g.first[head.name]
		}
		for word, chance := range words {
			if _, taken := starts[word]; taken {
				return fmt.Errorf("grammar: two choices of <%s> begin with %q", g.names[name], word)
			}
			starts[word], first[word] = i, share*chance
		}
	}
	g.first[name], g.starts[name] = first, starts
	return nil
}
