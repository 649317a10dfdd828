// Command constraints is a task: write one sentence under conditions that a program can check.
package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"agora/task/kit/guest"
)

var nouns = strings.Fields("river lantern kettle garden market bridge violin pepper window castle mirror basket harbour forest ticket pocket candle engine thunder cotton")

// rule is one condition: the kind, and the text or number that it is about.
type rule struct {
	Kind string
	Text string
	N    int
}

var forms = map[string]string{
	"words": "It has exactly {n} words.", "commas": "It has exactly {n} commas.", "holds": "Use the word {t}.",
	"avoids": "The letter {t} is nowhere in it.", "begins": "Its first letter is {t}.", "ends": "Its last character is {t}.",
	"lower": "It is all in lower case.",
}

func (r rule) String() string {
	return strings.NewReplacer("{n}", fmt.Sprint(r.N), "{t}", fmt.Sprintf("%q", r.Text)).Replace(forms[r.Kind])
}

// holds says whether a text keeps the condition.
func (r rule) holds(text string) bool {
	low := strings.ToLower(text)
	words := strings.FieldsFunc(low, func(c rune) bool { return c != '\'' && (c < 'a' || c > 'z') })
	switch r.Kind {
	case "words":
		return len(words) == r.N
	case "commas":
		return strings.Count(text, ",") == r.N
	case "holds":
		return strings.Contains(" "+strings.Join(words, " ")+" ", " "+r.Text+" ")
	case "avoids":
		return !strings.Contains(low, r.Text)
	case "begins":
		return len(words) > 0 && strings.HasPrefix(words[0], r.Text)
	case "ends":
		return strings.HasSuffix(text, r.Text)
	}
	return text == low
}

// draw picks a word that must be there, a number of words and two more conditions, which can be kept together.
func draw(s *guest.Source) []rule {
	noun, first := guest.Pick(s, nouns), guest.Pick(s, strings.Split("abcdfghlmoprstw", ""))
	avoid := guest.Pick(s, strings.Split("aeiounrt", ""))
	for strings.Contains(noun+first, avoid) {
		avoid = guest.Pick(s, strings.Split("aeiounrtxz", ""))
	}
	more := []rule{{"begins", first, 0}, {"avoids", avoid, 0}, {"commas", "", 1 + s.Intn(2)}, {"ends", guest.Pick(s, []string{"!", "?", "..."}), 0}, {"lower", "", 0}}
	rules := []rule{{"holds", noun, 0}, {"words", "", 6 + s.Intn(7)}}
	for range 2 {
		at := s.Intn(len(more))
		rules = append(rules, more[at])
		more = append(more[:at:at], more[at+1:]...)
	}
	return rules
}

func item(seed [32]byte, index uint64) guest.Item {
	rules := draw(guest.NewSource(seed, index))
	key, _ := json.Marshal(rules) // texts and numbers marshal
	return guest.Chat("", "Write one English sentence, and nothing else. "+strings.Trim(fmt.Sprint(rules), "[]"), 64, key)
}

// score is the square of the share of conditions that are kept, so that most of the pay is for keeping all; 0 without the word.
func score(key, answer []byte) (float64, string) {
	var rules []rule
	text, err := guest.Text(answer)
	if err != nil || json.Unmarshal(key, &rules) != nil || len(rules) == 0 || text == "" {
		return 0, "no answer"
	}
	if !rules[0].holds(text) {
		return 0, "broken: " + rules[0].String()
	}
	kept, broken := 0.0, ""
	for _, r := range rules {
		if r.holds(text) {
			kept += 1 / float64(len(rules))
			continue
		}
		broken += " " + r.String()
	}
	return kept * kept, "broken:" + broken
}

func init() {
	guest.Serve(guest.Task{Name: "constraints", About: "Writes a sentence under conditions.", Version: "1", Item: item, Score: score})
}

func main() {}
