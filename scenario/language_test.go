package scenario_test

import (
	"strings"
	"testing"

	"agora/scenario"
)

const opening = `
	stake   val1 1000
	subnet  text miners a b
	weights val1 a=0.75 b=0.25
`

// TestStoriesThatAreNotTrueFail tells stories whose last line is wrong.
func TestStoriesThatAreNotTrueFail(t *testing.T) {
	for line, want := range map[string]string{
		"expect incentive a<b":                  "a<b does not hold: 0.7",
		"expect incentive a>b b=0.3":            "b=0.3 does not hold",
		"expect incentive a=75%+1":              "75% has no place in text",
		"expect incentive z>0":                  "z has no place in text",
		"expect incentive dividends":            "nothing is claimed",
		"expect happiness a":                    `"happiness" is no measure`,
		"expect balance a=$before":              `nothing is noted as "before"`,
		"expect jailed val1":                    "val1=yes does not hold",
		"a sends b 1000":                        "insufficient funds",
		"a sends b much":                        "is no amount of TAO",
		"a sends":                               "sends wants at least 2 words",
		"a dances":                              `nobody knows how one "dances"`,
		"silence":                               "neither a command nor a person",
		`fails "anything" a sends b 1`:          "it succeeded",
		`fails "no such subnet" a sends b 1000`: "it failed otherwise",
		`fails "open a sends b 1`:               "a quote is not closed",
		"stake val2 1000":                       "comes before the first line that acts",
		"in nowhere":                            "no such subnet",
		"until tomorrow":                        "is no phase",
		"weights val1 a=lots":                   "is not miner=share",
		"weights val1 a=2":                      "a share of 0 to 1",
		"blocks many":                           "invalid syntax",
		"governance sets tempo=1":               "out of bounds",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			err := scenario.Run(opening + "settle\n" + line)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "line 6: ") {
				t.Errorf("got %v, want line 6 and %q", err, want)
			}
		})
	}
}

func TestTheStageIsChecked(t *testing.T) {
	for story, want := range map[string]string{
		"stake val1":                                 "wants at least 2 words",
		"stake val1 1000 val2":                       "pairs",
		"subnet text tempo=soon":                     "invalid syntax",
		"params subnet kindness=1\nstake v 9\nepoch": "unknown field",
		"subnet text miners a\nepoch":                "",
	} {
		err := scenario.Run(story)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", story, err, want)
		}
	}
}

// FuzzTell holds the language to its word: whatever a story says before the chain begins, telling it ends without a panic.
func FuzzTell(f *testing.F) {
	f.Add("stake val1 1000\nfunds a 1 b 2")
	f.Add(`params subnet a=b # "`)
	f.Add(`subnet "two words" tempo=10 owner=a voices v miners m`)
	f.Add("stake val1 1e9 -5")
	f.Add("funds a 99999999999999999999")
	f.Fuzz(func(t *testing.T, story string) {
		w := scenario.On(nil)
		for line := range strings.Lines(story) {
			if words := strings.Fields(line); len(words) > 0 && scenario.SetsTheStage(words[0]) {
				if err := w.Tell(line); err != nil && !strings.HasPrefix(err.Error(), "line 1: ") {
					t.Errorf("%q: %v names no line", line, err)
				}
			}
		}
	})
}
