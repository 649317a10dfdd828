package main

import (
	"encoding/json"
	"regexp"
	"strconv"
	"testing"

	"agora/task/kit/guest"
)

// reader is a program that finds each field by the first of its patterns that matches.
func reader(patterns map[string][]string) guest.Engine {
	return guest.Talker(func(letter string) string {
		got := map[string]any{}
		for field, list := range patterns {
			for _, p := range list {
				m := regexp.MustCompile(p).FindStringSubmatch(letter)
				if m == nil {
					continue
				}
				got[field] = m[1]
				if n, err := strconv.Atoi(m[1]); err == nil {
					got[field] = n
				}
				break
			}
		}
		if n, ok := got["count"].(int); ok {
			if price, ok := got["price"].(int); ok {
				got["total"] = n * price
			}
		}
		text, _ := json.Marshal(got) // texts and numbers marshal
		return "Here it is:\n```json\n" + string(text) + "\n```"
	})
}

var (
	careful = reader(map[string][]string{
		"name": {`(?:Yours|Regards), (\w+)`, `Hello! (\w+)`, `From: (\w+)`}, "city": {`(?:them|shop) in (\w+)`, `From: \w+, (\w+)`, `branch at (\w+)`},
		"item":  {`Now I need \d+ (\w+)`, `send (\w+)`, `of your (\w+)`, `lacks (\w+)`},
		"count": {`Now I need (\d+)`, `\? (\d+) of them`, `take (\d+)`, `Ship (\d+)`}, "price": {`(\d+) crowns`}, "date": {`(\d+ [A-Z]\w+)`},
	})
	hasty = reader(map[string][]string{
		"name": {`(?:Yours|Regards), (\w+)`, `Hello! (\w+)`, `From: (\w+)`}, "city": {` in ([A-Z]\w+)`}, "item": {`\d+ ([a-z]+s)\b`},
		"count": {`(\d+)`}, "price": {`(\d+) crowns`}, "date": {`(\d+ [A-Z]\w+)`},
	})
)

func TestTheBetterReaderWins(t *testing.T) {
	guest.Ordered(t, guest.Seeds(), 20, careful, hasty)
	if m := guest.Mean(guest.Served(), [32]byte{}, 50, careful); m != 1 {
		t.Errorf("who reads all of it scores %.2f", m)
	}
	if m := guest.Mean(guest.Served(), [32]byte{}, 50, guest.Talker(func(q string) string { return q })); m > 0 {
		t.Errorf("the letter itself scores %.2f", m)
	}
}
