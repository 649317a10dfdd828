package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"agora/task/kit/guest"
)

var vocabulary = strings.Fields("a an all bold big cold dogs find go his her hot ill just kids long many my no old on our pay quick red run shy six small ten the up us we " +
	"cats sit by walk fish good for from have hill had lamps moon must most put rest say tall try warm wood why so old lid milk mild pink fell lay bell did " +
	"at is in it to and of but see cool how low two few")

// writer is a program that keeps the conditions whose words it knows.
func writer(knows string) guest.Engine {
	find := func(question, form string) string {
		m := regexp.MustCompile(form).FindStringSubmatch(question)
		if m == nil || !strings.Contains(knows, strings.Fields(form)[0]) {
			return ""
		}
		return m[1]
	}
	return guest.Talker(func(q string) string {
		n, _ := strconv.Atoi(find(q, `exactly (\d+) words`))
		commas, _ := strconv.Atoi(find(q, `exactly (\d+) commas`))
		noun, first, avoid, end := find(q, `word "(\w+)"`), find(q, `first letter is "(\w)"`), find(q, `letter "(\w)" is nowhere`), find(q, `last character is "(.+?)"`)
		var words []string
		for _, w := range vocabulary {
			if (avoid == "" || !strings.Contains(w, avoid)) && (len(words) > 0 || strings.HasPrefix(w, first)) && len(words) < max(n, 4) {
				words = append(words, w)
			}
		}
		if noun != "" && len(words) > 1 {
			words[len(words)-1] = noun
		}
		for i := range min(commas, len(words)-1) {
			words[i] += ","
		}
		return strings.Join(words, " ") + end
	})
}

func TestTheBetterWriterWins(t *testing.T) {
	good, poor := writer("exactly word first letter last"), writer("exactly word last")
	guest.Ordered(t, guest.Seeds(), 30, good, poor)
	if m := guest.Mean(guest.Served(), [32]byte{}, 50, good); m < 0.8 {
		t.Errorf("a writer that keeps conditions scores %.2f", m)
	}
	if m := guest.Mean(guest.Served(), [32]byte{}, 50, guest.Talker(func(q string) string { return q })); m > 0.2 {
		t.Errorf("the question itself scores %.2f", m)
	}
}
