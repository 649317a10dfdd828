// Command translation is a task: translate a sentence, so well that another model can translate it back.
package main

import (
	"fmt"
	"strings"

	"agora/task/kit/guest"
)

const language = "German"

// judge translates back: the best of another subnet, or weights by their digest, which every validator runs.
var judge = guest.Subnet(1)

var (
	adjectives = strings.Fields("old young small large tired happy quiet strange rich poor clever brave")
	people     = strings.Fields("doctor farmer teacher sailor painter baker lawyer singer soldier gardener")
	verbs      = strings.Fields("buys sells finds loses paints carries hides washes")
	numbers    = strings.Fields("two three four five six seven eight nine")
	colours    = strings.Fields("red green blue yellow black white brown grey")
	things     = strings.Fields("apples chairs books bottles horses boats flowers letters stones windows")
	places     = strings.Fields("house garden forest market school kitchen station church")
	times      = strings.Fields("today yesterday tomorrow often never always")
)

func item(seed [32]byte, index uint64) guest.Item {
	s := guest.NewSource(seed, index)
	p := func(list []string) string { return guest.Pick(s, list) }
	text := fmt.Sprintf("The %s %s %s %s %s %s %s in the %s of the %s %s.",
		p(adjectives), p(people), p(times), p(verbs), p(numbers), p(colours), p(things), p(places), p(adjectives), p(people))
	return guest.Chat("", "Translate into "+language+": "+text, 128, []byte(text))
}

// score is how much of the sentence comes back: the longest common subsequence of words over the longer text, 0 below a half, so that
// what is always alike earns nothing. A text that keeps a half of the source's words is no translation.
func score(key, answer []byte) (float64, string) {
	text, err := guest.Text(answer)
	if err != nil || text == "" || len(text) > 1000 {
		return 0, "no translation"
	}
	source := words(string(key))
	if same := common(source, words(text)); 2*same > len(source) {
		return 0, "it is the sentence itself"
	}
	back := guest.Ask(judge, "Translate into English: "+text, 128)
	again := words(back)
	share := float64(common(source, again)) / float64(max(len(source), len(again)))
	return max(0, 2*share-1), fmt.Sprintf("comes back as %q", back)
}

// words are a text's words in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r != 'ä' && r != 'ö' && r != 'ü' && r != 'ß' && (r < 'a' || r > 'z') })
}

// common is the length of the longest common subsequence.
func common(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, w := range a {
		before := 0
		for j, v := range b {
			above := row[j+1]
			if w == v {
				row[j+1] = before + 1
			} else {
				row[j+1] = max(row[j+1], row[j])
			}
			before = above
		}
	}
	return row[len(b)]
}

func init() {
	guest.Serve(guest.Task{Name: "translation", About: "Translates English sentences into " + language + ".", Version: "1", Item: item, Score: score})
}

func main() {}
