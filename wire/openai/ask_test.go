package openai

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"agora/wire/walk"
)

func TestAskKnowsWhatARequestNeeds(t *testing.T) {
	chat := func(with string) string { return `{"messages":[{"role":"user","content":"hi"}]` + with + `}` }
	say := func(messages string) string { return `{"messages":[` + messages + `]}` }
	const user = `{"role":"user","content":"hi"}`
	for body, want := range map[string]string{
		chat(``): "",
		chat(`,"tools":[],"tool_choice":"none","functions":null,"n":1,"logprobs":false,"logit_bias":{},"echo":false,"presence_penalty":0.0`): "",
		chat(`,"response_format":{"type":"text"},"user":"u","metadata":{"a":"b"},"store":false,"reasoning_effort":"low"`):                    "",
		chat(`,"tools":[{"type":"function"}]`):                    "tools=tools",
		chat(`,"functions":[{"name":"f"}]`):                       "tools=functions",
		chat(`,"response_format":{"type":"json_object"}`):         "response_format=response_format",
		chat(`,"response_format": {"type":"json_schema"}`):        "response_format=response_format",
		chat(`,"modalities":["text","audio"]`):                    "audio=modalities",
		chat(`,"n":2`):                                            "n=n",
		chat(`,"n":2.0`):                                          "n=n",
		chat(`,"logprobs":true,"top_logprobs":3`):                 "logprobs=logprobs logprobs=top_logprobs",
		chat(`,"web_search_options":{}`):                          "web_search=web_search_options",
		chat(`,"Web_Search_Options":{},"guided_choice":["a"]`):    "web_search=web_search_options response_format=guided_choice",
		chat(`,"structured_outputs":{"regex":"a"},"grammar":"g"`): "response_format=structured_outputs response_format=grammar",
		chat(`,"repetition_penalty":1.2,"repeat_penalty":0.9`):    "penalties=repetition_penalty penalties=repeat_penalty",
		chat(`,"repetition_penalty":1.0,"repeat_penalty":null,"guided_json":null,"grammar":"","web_search_options":null,"prediction":{"type":"content","content":"x"},"service_tier":"flex","verbosity":"low"`): "",
		chat(`,"logit_bias":{"7":1}`):                              "logit_bias=logit_bias",
		chat(`,"presence_penalty":-1`):                             "penalties=presence_penalty",
		chat(`,"frequency_penalty":1`):                             "penalties=frequency_penalty",
		say(`{"role":"system","content":"be"},` + user):            "system=messages",
		say(`{"role":"developer","content":"be"},` + user):         "system=messages",
		say(user + `,{"role":"assistant","content":"ho"},` + user): "turns=messages",
		say(user + `,` + user):                                     "turns=messages",
		say(user + `,{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},{"role":"tool","content":"4"}`):     "turns=messages tools=messages",
		say(`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:"}}]}`): "images=messages",
		say(`{"role":"user","content":[{"type":"input_audio"},{"type":"file"}]}`):                                      "audio=messages files=messages",
		`{"prompt":"a"}`:                            "",
		`{"prompt":"a","logprobs":0}`:               "logprobs=logprobs",
		`{"prompt":["a","b"],"best_of":2}`:          "n=best_of prompts=prompt",
		`{"prompt":[1,2],"echo":true,"suffix":"z"}`: "echo=echo suffix=suffix tokens=prompt",
		`{"prompt":["a"],"echo":null,"suffix":""}`:  "",
		`{"messages":"no","prompt":null,"n":"x"}`:   "",
		`[]`: "",
	} {
		var got []string
		for _, n := range ReadAsk([]byte(body)).Needs {
			got = append(got, strings.Join(n.Names(), "+")+"="+n.Param)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestAskHoldsWhatUsersSay(t *testing.T) {
	a := ReadAsk([]byte(`{"n":3,"messages":[{"role":"system","content":"be"},{"role":"user","content":"one"},{"role":"assistant","content":"x"},` +
		`{"role":"user","content":[{"type":"text","text":"two"},{"type":"image_url"},{"type":"text","text":"three"}]}]}`))
	if fmt.Sprintf("%q %d %d", a.Prompts, a.Bytes, a.Choices) != `["one" "two\nthree"] 15 3` {
		t.Fatalf("%q %d %d", a.Prompts, a.Bytes, a.Choices)
	}
	if a := ReadAsk([]byte(`{"prompt":["a","bc"]}`)); fmt.Sprintf("%q %d", a.Prompts, a.Bytes) != `["a" "bc"] 3` {
		t.Fatalf("%q %d", a.Prompts, a.Bytes)
	}
}

// What the model reads of a refusal that is sent back is what is held against items under test, wherever it stands.
func TestARefusalIsReadAsTheModelReadsIt(t *testing.T) {
	const said = `{"model":"m","messages":[{"role":"user","content":[{"type":"refusal","text":"a","refusal":"one"},{"refusal":"b","type":"text","text":"two"}]}]}`
	req, err := DecodeChat([]byte(said))
	if err != nil {
		t.Fatal(err)
	}
	if asked := ReadAsk([]byte(said)).Prompts; len(asked) != 1 || string(asked[0]) != "one\ntwo" || req.Messages[0].Content != "one\ntwo" {
		t.Errorf("asked %q, read %q", asked, req.Messages[0].Content)
	}
	for _, part := range []string{`{"type":"refusal","text":"a"}`, `{"type":"refusal","refusal":null}`, `{"refusal":"a"}`, `{"type":"image","text":"a"}`} {
		if _, err := DecodeChat([]byte(`{"model":"m","messages":[{"role":"user","content":[` + part + `]}]}`)); err == nil {
			t.Errorf("%s is read as text", part)
		}
	}
}

func TestLackIsRefusedByItsParameter(t *testing.T) {
	a := ReadAsk([]byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("x", 1600) + `"}],"tools":[{"type":"function"}],"n":2}`))
	for _, can := range []Ability{0, CanTools | CanChoices} {
		if e := a.Refusal(can); e != nil {
			t.Error(can.Names(), e)
		}
	}
	e := a.Refusal(CanChat | CanTools)
	if e == nil || e.Status != 400 || e.Code != CodeUnsupported || e.Param != "n" || !strings.Contains(e.Message, "only one answer") {
		t.Fatal(e)
	}
	if e := a.TooLong(100); e == nil || e.Code != CodeContext || e.Param != "messages" {
		t.Fatal(e)
	}
	for _, context := range []int{0, 101} {
		if e := a.TooLong(context); e != nil {
			t.Fatal(e)
		}
	}
}

func TestWordsOfOneLetterSurelyTakeATokenEach(t *testing.T) {
	a := ReadAsk([]byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("a ", 1500) + `"}]}`))
	if a.TooLong(1000) == nil || a.TooLong(1001) != nil {
		t.Fatal(a.least())
	}
}

// The tokens were counted by SmolLM2's tokenizer (49,152 of them), which is small among today's: larger ones need fewer.
func TestRuleOfThumbHoldsWithItsMargin(t *testing.T) {
	for text, tokens := range map[string]int{
		"Which number follows 24, 27, 30, 33?": 19,
		"It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.":     29,
		"Die Würde des Menschen ist unantastbar. Sie zu achten und zu schützen ist Verpflichtung aller staatlichen Gewalt.": 41,
		"所有的人在尊严和权利上一律平等。他们赋有理性和良心。":                                                                                        41,
		"Все люди рождаются свободными и равными в своем достоинстве и правах.":                                             54,
		"func (a Ask) Fits(context int) bool {\n\treturn context <= 0 || a.Tokens+a.Tokens/4+replyRoom <= context\n}\n":     40,
		"{\"name\":\"Ada\",\"born\":1815,\"fields\":[\"mathematics\",\"computing\"],\"active\":false}":                      26,
		"3.14159265358979323846264338327950288419716939937510":                                                              52,
		"حُرِّيَّةُ الإنسان حقٌّ طبيعيّ":                                                                                    29,
		"Can you tell me 😀😀 what's the weather like in Ouagadougou, Antananarivo and Reykjavík?":                            33,
		"All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood. Internationalization of telecommunication infrastructures notwithstanding.": 40,
	} {
		a := ReadAsk([]byte(`{"prompt":` + strconv.Quote(text) + `}`))
		if least, rule := a.least(), a.Tokens+a.Tokens/4; least > tokens || rule < tokens || a.Tokens > 2*tokens {
			t.Errorf("%.30q has %d tokens: at least %d, by the rule %d", text, tokens, least, a.Tokens)
		}
		if a.Fits(tokens) || !a.Fits(3*tokens+replyRoom) || !a.Fits(0) {
			t.Errorf("%.30q has %d tokens: does it fit?", text, tokens)
		}
	}
}

// What stands outside the turns is read by the model too.
func TestToolsAndTurnsCountTowardTheContext(t *testing.T) {
	bare := ReadAsk([]byte(`{"messages":[{"role":"user","content":"hi"}]}`)).Tokens
	turns := ReadAsk([]byte(`{"messages":[{"role":"user","content":"hi"},{"role":"user","content":"hi"}]}`)).Tokens
	tools := ReadAsk([]byte(`{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}]}`)).Tokens
	if turns != 2*bare || tools < bare+20 {
		t.Fatal(bare, turns, tools)
	}
}

func TestAbilitiesHaveNames(t *testing.T) {
	all := Ability(1<<abilities - 1)
	if got := Abilities(append(all.Names(), "teleport")); got != all {
		t.Fatal(got.Names())
	}
	if got := Abilities([]string{"tools", "system"}); got != CanTools|CanSystem {
		t.Fatal(got.Names())
	}
}

func FuzzAsk(f *testing.F) {
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"n":1e99,"tools":[1]}`))
	f.Add([]byte(`{"prompt":[[1,2]],"messages":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := ReadAsk(body)
		if a.Choices < 1 || a.Bytes > 3*len(body) {
			t.Fatalf("%+v", a)
		}
		a.Refusal(CanChat)
	})
}

// A text's length is the same however its signs are looked at.
func TestLengthsOfTextsAreThoseOfTheirSigns(t *testing.T) {
	for text, want := range map[string][2]int{
		"":                        {0, 0},
		"word":                    {1, 2},
		"a b":                     {2, 2},
		"  Some words, 12 of\n":   {4, 9},
		"naïve größe":             {2, 4},
		"日本 語":                    {2, 5},
		"\u00a0x\u2003\U0001f600": {2, 5},
		"a\xffb":                  {1, 4},
	} {
		if words, tokens := lengthOf([]byte(text)); words != want[0] || tokens != want[1] {
			t.Errorf("%q: %d words, %d tokens; want %v", text, words, tokens, want)
		}
	}
}

// plainLengthOf is lengthOf, one sign after another.
func plainLengthOf(text []byte) (words, tokens int) {
	parts, before := 0, uint8(space)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		now, n := wideOf(r)
		if r < utf8.RuneSelf {
			now, n = kinds[r], 15
		}
		switch now {
		case gap:
			now = space
		case letter:
			n = 3
			if before != letter {
				n = 15
			}
		case space:
			if r == ' ' {
				n = 0
			}
		}
		if before == space && now != space {
			words++
		}
		parts, before, text = parts+n, now, text[size:]
	}
	return words, (parts + 14) / 15
}

// What is counted eight bytes at once is what is counted sign by sign, wherever a text begins and however often it is said.
func FuzzLengthsAreThoseOfTheirSigns(f *testing.F) {
	for _, seed := range []string{
		"", "word word word word ", "Some text, with 12 signs;\tand\r\nlines\v\f\x00\x7f", "Die Würde des Menschen ist unantastbar.", "日本 語\u00a0x\u2003\U0001f600",
		"a\xffb\xc3", "@AZ[`az{09!~ \x1f", "x y z ",
	} {
		f.Add([]byte(seed), uint16(1))
	}
	f.Add([]byte("one two, "), uint16(300))
	f.Fuzz(func(t *testing.T, text []byte, times uint16) {
		text = bytes.Repeat(text, int(times)%512)
		for from := range min(9, len(text)+1) {
			words, tokens := lengthOf(text[from:])
			var most Ask
			if most.hold(text[from:]); utf8.Valid(text[from:]) && (words > most.words || tokens > most.Tokens) {
				t.Fatalf("%q has %d words and %d tokens, of which it may have %d and %d", text[from:], words, tokens, most.words, most.Tokens)
			}
			if most.holdJSON(text[from:]); len(most.forms) > 0 && tokens > most.Tokens-len(text[from:]) {
				t.Fatalf("%q has %d tokens", text[from:], tokens)
			}
			if w, n := plainLengthOf(text[from:]); words != w || tokens != n {
				t.Fatalf("%q has %d words and %d tokens, not %d and %d", text[from:], w, n, words, tokens)
			}
		}
	})
}

// A gateway that has found a body's members reads of them what is read of the body.
func TestMembersAskWhatTheirBodyAsks(t *testing.T) {
	body := []byte(`{"model":"m","N":2,"messages":[{"role":"system","content":"a \"quoted\" word\\"},{"role":"user","content":"b"}],"max_tokens":7}`)
	var members []Member
	err := walk.Object(body, func(key, value []byte) error {
		members = append(members, Member{string(key), value})
		return nil
	})
	got := AskOf(members)
	if !got.SurelyFits(4096) || got.Tokens <= ReadAsk(body).Tokens {
		t.Fatalf("%+v", got)
	}
	got.Count()
	if want := ReadAsk(body); err != nil || got.Bytes == 0 || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
}
