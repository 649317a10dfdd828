package scenario

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed testdata/*.txt
var stories embed.FS

// RunNamed tells the story of a file in testdata, named without its ending. The error names the line.
func RunNamed(name string) error {
	text, err := stories.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		return fmt.Errorf("there is no story %q: %w", name, err)
	}
	return Run(string(text))
}

// Run tells a story in a world of its own. The error names the line.
func Run(text string) error {
	w, err := New()
	if err != nil {
		return err
	}
	return w.Tell(text)
}

// Tell carries out the lines of text. The error names the line.
func (w *World) Tell(text string) error {
	for i, line := range strings.Split(text, "\n") {
		words, err := split(line)
		if err == nil && len(words) > 0 {
			err = w.do(words)
		}
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", i+1, strings.TrimSpace(line), err)
		}
	}
	return nil
}

// split cuts a line into words. "quotes" hold one word; # ends the line.
func split(line string) (words []string, err error) {
	for {
		line = strings.TrimLeft(line, " \t\r")
		switch {
		case line == "" || line[0] == '#':
			return words, nil
		case line[0] == '"':
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("a quote is not closed: %s", line)
			}
			word, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			words, line = append(words, word), line[len(quoted):]
		default:
			end := strings.IndexAny(line, " \t\r")
			if end < 0 {
				end = len(line)
			}
			words, line = append(words, line[:end]), line[end:]
		}
	}
}

// parts cuts words at sep.
func parts(words []string, sep string) [][]string {
	out := [][]string{nil}
	for _, word := range words {
		if word == sep {
			out = append(out, nil)
			continue
		}
		out[len(out)-1] = append(out[len(out)-1], word)
	}
	return out
}

// settings reads words of the form name=value.
func settings(words []string) (map[string]string, error) {
	out := map[string]string{}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not name=value", word)
		}
		out[name] = value
	}
	return out, nil
}
