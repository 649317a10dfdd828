package exact

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// saidOf makes the question of a heading in testdata/said.txt, as its kind's generator would.
func saidOf(heading string) Question {
	part := append(strings.Split(heading, " | "), "")
	kind, text, answer, about := part[0], part[1], part[2], part[3]
	q := posed(kind, text, answer)
	q.Spell = slices.Contains(strings.Fields("reverse sortletters nthletter upper initials"), kind) || kind == "roman" && !strings.Contains(text, "'")
	switch kind {
	case "count":
		q.turn.unit = count(NewSource([32]byte{})).unit
	case "length":
		q.turn.unit = length(NewSource([32]byte{})).unit
	case "facts":
		for word, also := range alsoOpposite {
			if slices.Contains(wordsIn(text), word) {
				q.turn.also = strings.Fields(also)
			}
		}
	case "nthword":
		q.turn.among = strings.Fields(text[strings.Index(text, ":")+1:])
	case "extract":
		q.turn.about = []string{about}
		for _, all := range [][]string{cities(), names, colours} {
			if slices.Contains(all, answer) {
				q.turn.among = all
			}
		}
	}
	return q
}

func TestWhatPeopleSayIsReadForWhatItAmountsTo(t *testing.T) {
	text, err := os.ReadFile("testdata/said.txt")
	if err != nil {
		t.Fatal(err)
	}
	var q Question
	n := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch said := strings.ReplaceAll(line[min(2, len(line)):], `\n`, "\n"); {
		case line == "" || line[0] == '#':
		case line[0] != '+' && line[0] != '-':
			q = saidOf(line)
		case q.Check(said) != (line[0] == '+'):
			t.Errorf("%s: %q counts as %v", q.Text, said, line[0] != '+')
			fallthrough
		default:
			n++
		}
	}
	t.Logf("%d sayings", n)
}
