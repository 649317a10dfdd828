package train

import (
	_ "embed"
	"strings"

	"agora/task/exact"
)

//go:embed everyday.txt
var everydayText string

// everyday holds forms of requests that the models cannot answer, with {name} where a word of that list stands.
type everyday struct {
	forms []string
	lists map[string][]string
}

var requests = parseEveryday(everydayText)

func parseEveryday(text string) everyday {
	e := everyday{lists: map[string][]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, words, list := strings.Cut(line, " = ")
		switch {
		case line == "" || line[0] == '#':
		case list && !strings.ContainsAny(name, " {"):
			e.lists[name] = strings.Fields(words)
		default:
			e.forms = append(e.forms, line)
		}
	}
	return e
}

// draw is one request as people type it; now and then words in no order, or letters.
func (e everyday) draw(s *exact.Source) string {
	var text string
	switch s.Intn(20) {
	case 0:
		text = e.words(s)
	case 1:
		text = scribble(s)
	default:
		text = e.fill(s, e.forms[s.Intn(len(e.forms))])
	}
	if bare := strings.TrimRight(text, ".?!"); bare != "" && one(s, 3) {
		text = bare
	}
	if !one(s, 3) {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if one(s, 6) {
		text = openings[s.Intn(len(openings))] + text
	}
	if one(s, 10) {
		text += closings[s.Intn(len(closings))]
	}
	return text
}

var (
	openings = []string{"Please: ", "Hi! ", "Hello, ", "Question: ", "Can you tell me: ", "hey ", "so ", "ok ", "please ", "I wonder, ", "quick question: "}
	closings = []string{" please", " Thanks!", " thanks", "??", " I really need to know.", " for school", " right now", "!"}
)

func (e everyday) fill(s *exact.Source, form string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(form, "{")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return b.String()
		}
		if list := e.lists[name]; len(list) > 0 {
			b.WriteString(list[s.Intn(len(list))])
		}
		form = after
	}
}

func (e everyday) words(s *exact.Source) string {
	words := make([]string, 1+s.Intn(8))
	for i := range words {
		from := strings.Fields(e.forms[s.Intn(len(e.forms))])
		words[i] = e.fill(s, from[s.Intn(len(from))])
	}
	return strings.Join(words, " ")
}

func scribble(s *exact.Source) string {
	var b strings.Builder
	for range 1 + s.Intn(5) {
		for range 1 + s.Intn(8) {
			b.WriteByte("abcdefghijklmnopqrstuvwxyz.,!?0123456789"[s.Intn(40)])
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

func one(s *exact.Source, n int) bool { return s.Intn(n) == 0 }
