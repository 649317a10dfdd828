// Command capitals is a task: name the capital of a country.
package main

import (
	"fmt"
	"strings"

	"agora/task/kit/guest"
)

var capitals = []string{
	"France Paris", "Italy Rome", "Spain Madrid", "Germany Berlin", "Japan Tokyo", "Egypt Cairo", "Poland Warsaw", "Greece Athens",
	"Norway Oslo", "Sweden Stockholm", "Austria Vienna", "Portugal Lisbon", "Hungary Budapest", "Ireland Dublin", "Cuba Havana",
}

func init() {
	guest.Serve(guest.Task{Name: "capitals", About: "Names the capital of a country.", Version: "1", Item: item, Score: score})
}

func main() {}

// item numbers its questions: a validator asks none twice, and a market needs hundreds. Drawn from more countries it would be a better one.
func item(seed [32]byte, index uint64) guest.Item {
	s := guest.NewSource(seed, index)
	country, capital, _ := strings.Cut(guest.Pick(s, capitals), " ")
	return guest.Chat("", fmt.Sprintf("Question %d: What is the capital of %s?", s.Intn(1_000_000), country), 16, []byte(capital))
}

func score(key, answer []byte) (float64, string) {
	text, err := guest.Text(answer)
	switch {
	case err != nil:
		return 0, err.Error()
	case text != "" && strings.EqualFold(lastWord(text), string(key)):
		return 1, "right"
	}
	return 0, fmt.Sprintf("%q is not %s", text, key)
}

// lastWord is where models put an answer: "Paris", "It is Paris.".
func lastWord(text string) string {
	words := strings.Fields(text)
	return strings.Trim(words[len(words)-1], ".!*")
}
