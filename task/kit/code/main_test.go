package main

import (
	"regexp"
	"strings"
	"testing"

	"agora/task/kit/guest"
)

// programmer is a program that turns words into a formula, innermost brackets first, as far as it knows them.
func programmer(knows map[string]string) guest.Engine {
	inner := regexp.MustCompile(`\(([^()]*)\)`)
	return guest.Talker(func(q string) string {
		q = strings.TrimSuffix(strings.TrimPrefix(q, "Compute "), ".")
		var parts []string
		put := func(words string) string {
			for form, formula := range knows {
				if m := regexp.MustCompile("^" + form + "$").FindStringSubmatchIndex(words); m != nil {
					return string(regexp.MustCompile("^"+form+"$").ExpandString(nil, formula, words, m))
				}
			}
			return words
		}
		for inner.MatchString(q) {
			q = inner.ReplaceAllStringFunc(q, func(s string) string {
				parts = append(parts, put(s[1:len(s)-1]))
				return "$" + string(rune('A'+len(parts)-1))
			})
		}
		q = regexp.MustCompile(`^(\d+) more than (.*)$`).ReplaceAllStringFunc(q, func(s string) string {
			n, rest, _ := strings.Cut(s, " more than ")
			return put(rest) + "+" + n
		})
		for i := len(parts) - 1; i >= 0; i-- {
			q = strings.ReplaceAll(q, "$"+string(rune('A'+i)), "("+parts[i]+")")
		}
		return q
	})
}

var all = map[string]string{
	`the larger of (\S+) and (\S+)`: "if($1>$2,$1,$2)", `the smaller of (\S+) and (\S+)`: "if($1<$2,$1,$2)", `the sum of (\S+) and (\S+)`: "($1+$2)",
	`(\S+) times (\S+)`: "($1*$2)", `the distance between (\S+) and (\S+)`: "if($1>$2,$1-$2,$2-$1)", `the last digit of (\S+)`: "($1%10)",
	`the square of (\S+)`: "($1*$1)", `half of (\S+), rounded down`: "($1/2)",
}

func TestTheBetterProgrammerWins(t *testing.T) {
	some := map[string]string{}
	for words, formula := range all {
		if !strings.Contains(formula, "if") {
			some[words] = formula
		}
	}
	guest.Ordered(t, guest.Seeds(), 30, programmer(all), programmer(some))
	if m := guest.Mean(guest.Served(), [32]byte{}, 100, programmer(all)); m < 0.95 {
		t.Errorf("who knows all words scores %.2f", m)
	}
	if m := guest.Mean(guest.Served(), [32]byte{}, 100, guest.Talker(func(string) string { return "a+b" })); m > 0.2 {
		t.Errorf("a constant formula scores %.2f", m)
	}
}
