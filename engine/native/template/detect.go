package template

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// probe is the conversation on which a file's template is compared with the list.
var probe = Conversation{Turns: []Turn{
	{Role: "system", Text: "\x01S"}, {Role: "user", Text: "\x01U"}, {Role: "assistant", Text: "\x01A"}, {Role: "user", Text: "\x01V"},
}}

// Detect picks the template of the list that says the same as source, a file's own template. Begin and end are how the
// vocabulary writes the first and last token of a text.
//
// The program is read, not run: its literal texts are taken out, and a template of the list fits when what it writes for
// a fixed conversation can be put together from these texts, the conversation's own and the two tokens, and when the
// program holds the family's markers and no other's. ErrNone where there is no template, ErrUnknown where none fits.
func Detect(source, begin, end string) (*Template, error) {
	if strings.TrimSpace(source) == "" {
		return nil, ErrNone
	}
	said := literals(source)
	for i := range families {
		f := &families[i]
		if !f.marked(source) {
			continue
		}
		t := newTemplate(f)
		t.Begin = strings.Contains(source, "bos_token") || (begin != "" && strings.Contains(source, begin) && !f.says(begin))
		if !covers(said, t, source, begin, end) {
			continue
		}
		t.System = hidden(said)
		return t, nil
	}
	return nil, fmt.Errorf("%w: name one of %s if you know that the model was trained with it", ErrUnknown, strings.Join(Names(), ", "))
}

func (f *family) marked(source string) bool {
	for _, s := range f.needs {
		if !strings.Contains(source, s) {
			return false
		}
	}
	for _, s := range f.foreign {
		if strings.Contains(source, s) {
			return false
		}
	}
	return true
}

// says whether the token is one of the family's own markers: in ChatML files the first token is often <|im_start|>.
func (f *family) says(token string) bool { return slices.Contains(f.needs, token) }

// covers says whether what t writes for the probe is made of the texts said, with and without a system turn where the
// file refuses one.
func covers(said []string, t *Template, source, begin, end string) bool {
	c := probe
	if strings.Contains(source, "System role not supported") {
		c.Turns = c.Turns[1:]
	}
	parts, err := t.Render(c)
	if err != nil {
		return false
	}
	atoms := append([]string{"system", "user", "assistant", "model", "\x01S", "\x01U", "\x01A", "\x01V"}, said...)
	if strings.Contains(source, "bos_token") {
		atoms = append(atoms, "\x02")
	}
	if strings.Contains(source, "eos_token") {
		atoms = append(atoms, "\x03")
	}
	ends := []string{"\x00", "\x00"} // nothing
	if begin != "" {
		ends = append(ends, begin, "\x02")
	}
	if end != "" {
		ends = append(ends, end, "\x03")
	}
	plain := strings.NewReplacer(ends...)
	for i, a := range atoms {
		atoms[i] = plain.Replace(a)
	}
	return made(plain.Replace(String(parts, "\x02", "\x03")), atoms)
}

// made says whether text is a sequence of atoms.
func made(text string, atoms []string) bool {
	reached := make([]bool, len(text)+1)
	reached[0] = true
	for i := range text {
		if !reached[i] {
			continue
		}
		for _, a := range atoms {
			if a != "" && strings.HasPrefix(text[i:], a) {
				reached[i+len(a)] = true
			}
		}
	}
	return reached[len(text)]
}

var (
	tag     = regexp.MustCompile(`(?s)\{[{%#]-?.*?-?[}%#]\}`)
	literal = regexp.MustCompile(`(?s)'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"`)
	escapes = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\'`, `'`, `\"`, `"`, `\\`, `\`)
)

// literals lists the texts that a template can write: between its tags, and in quotes within them.
func literals(source string) []string {
	var said []string
	rest := 0
	add := func(raw string) {
		said = append(said, raw, strings.TrimPrefix(raw, "\n"), strings.TrimSpace(raw))
	}
	for _, at := range tag.FindAllStringIndex(source, -1) {
		add(source[rest:at[0]])
		rest = at[1]
		if body := source[at[0]:at[1]]; !strings.HasPrefix(body, "{#") {
			for _, m := range literal.FindAllStringSubmatch(body, -1) {
				said = append(said, escapes.Replace(m[1]+m[2]))
			}
		}
	}
	add(source[rest:])
	return said
}

// hidden finds the system text that a ChatML file gives where the conversation has none, whole in one literal or apart.
func hidden(said []string) string {
	for _, s := range said {
		if text, ok := strings.CutPrefix(s, "<|im_start|>system\n"); ok {
			if text, _, ok := strings.Cut(text, "<|im_end|>"); ok && text != "" {
				return text
			}
		}
	}
	return ""
}
