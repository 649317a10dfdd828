package main

import (
	"strings"
	"testing"

	"agora/task/kit/guest"
)

// The task is ordinary Go: its tests run without a sandbox, with go test.
func TestItemsAreFreshAndScored(t *testing.T) {
	seen := map[string]bool{}
	for i := range uint64(200) {
		item := guest.Served().Item([32]byte{1}, i)
		seen[string(item.Request)] = true
		right := []byte(`{"choices":[{"message":{"role":"assistant","content":"` + string(item.Key) + `."}}]}`)
		if score, why := guest.Served().Score(item.Key, right); score != 1 {
			t.Errorf("the right answer scores %v: %s", score, why)
		}
		if strings.Contains(string(item.Request), string(item.Key)) {
			t.Errorf("the question tells the answer: %s", item.Request)
		}
	}
	if len(seen) < 198 { // by chance two may be the same
		t.Errorf("%d different questions among 200: a validator asks none twice, and pays nobody for less than 100 answers", len(seen))
	}
}

// pupil knows the capitals of the first so many countries.
func pupil(known int) guest.Engine {
	return guest.Talker(func(question string) string {
		for _, pair := range capitals[:known] {
			if country, capital, _ := strings.Cut(pair, " "); strings.Contains(question, country) {
				return "It is " + capital + "."
			}
		}
		return "I do not know."
	})
}

func TestTheBetterPupilWins(t *testing.T) {
	guest.Ordered(t, guest.Seeds(), 20, pupil(len(capitals)), pupil(len(capitals)/2))
	if m := guest.Mean(guest.Served(), [32]byte{}, 50, guest.Talker(func(q string) string { return q })); m > 0 {
		t.Errorf("the question itself scores %.2f", m)
	}
}
