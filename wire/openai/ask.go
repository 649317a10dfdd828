package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"agora/wire/walk"
)

// Ability is a set of things that requests ask of a model beyond one question in text. The empty set is unknown: who
// declares nothing is asked, and refuses by itself.
type Ability uint32

// The abilities, by the names that cards carry.
const (
	CanChat       Ability = 1 << iota // answers /v1/chat/completions
	CanComplete                       // answers /v1/completions
	CanTools                          // calls tools
	CanFormat                         // writes JSON of a given schema
	CanImages                         // sees images
	CanAudio                          // hears or speaks
	CanFiles                          // reads other parts than text, images and audio
	CanTurns                          // remembers earlier turns
	CanSystem                         // follows a system prompt
	CanChoices                        // gives several answers to one request
	CanLogprobs                       // tells log-probabilities
	CanBias                           // takes logit_bias
	CanPenalties                      // takes presence_penalty and frequency_penalty
	CanEcho                           // repeats the prompt
	CanSuffix                         // fills in between prompt and suffix
	CanTokens                         // takes token ids
	CanPrompts                        // takes several prompts in one request
	CanEmbed                          // answers /v1/embeddings
	CanRerank                         // answers /v1/rerank
	CanDraw                           // answers /v1/images/generations
	CanSpeak                          // answers /v1/audio/speech
	CanTranscribe                     // answers /v1/audio/transcriptions
	CanSearch                         // looks for what it says on the web
	abilities     = iota
)

// words are the abilities' names on cards, and what a model without them is told to lack.
var words = [abilities]struct{ name, lack string }{
	{"chat", "does not answer chats"},
	{"completions", "does not continue texts"},
	{"tools", "does not call tools"},
	{"response_format", "does not write JSON to order"},
	{"images", "does not see images"},
	{"audio", "neither hears nor speaks"},
	{"files", "reads only text"},
	{"turns", "reads only one question, no earlier turns"},
	{"system", "does not follow system prompts"},
	{"n", "gives only one answer per request"},
	{"logprobs", "does not tell log-probabilities"},
	{"logit_bias", "does not take a bias"},
	{"penalties", "does not take penalties"},
	{"echo", "does not repeat the prompt"},
	{"suffix", "does not fill in before a suffix"},
	{"tokens", "does not take token ids"},
	{"prompts", "takes one prompt per request"},
	{"embeddings", "does not embed"},
	{"rerank", "does not rank texts"},
	{"images_out", "does not draw"},
	{"speech", "does not speak"},
	{"transcriptions", "does not write down what is said"},
	{"web_search", "does not search the web"},
}

// Names lists the abilities of a set, in a fixed order.
func (a Ability) Names() []string {
	var list []string
	for i, w := range words {
		if a&(1<<i) != 0 {
			list = append(list, w.name)
		}
	}
	return list
}

// Abilities is the set with these names; unknown ones are left out.
func Abilities(names []string) Ability {
	var a Ability
	for i, w := range words {
		if slices.Contains(names, w.name) {
			a |= 1 << i
		}
	}
	return a
}

// Need is an ability that a request asks for, and the parameter with which it does.
type Need struct {
	Ability
	Param string
}

// Ask is what a request asks, as far as it decides who can answer. It is read leniently: whether the request is valid is
// for the miner to say.
type Ask struct {
	Needs   []Need
	Prompts [][]byte // what users say in it: each turn of theirs, or each prompt; parts of the body where it has no escapes
	Bytes   int      // of all its text
	Tokens  int      // that it has, by a rule of thumb; at most so many before Count
	Choices int      // answers wanted, at least 1
	words   int      // at most so many before Count
	turns   int
	texts   [][]byte // that count, and other JSON that does
	forms   [][]byte

	MaxTokens int      // of each answer; 0 where the request does not say
	MaxPrice  MaxPrice // above which it does not want to be answered
}

// Needed is all that the request needs.
func (a Ask) Needed() Ability {
	var all Ability
	for _, n := range a.Needs {
		all |= n.Ability
	}
	return all
}

// Refusal is the error for the first need that is not in can, nil if there is none or can is unknown.
func (a Ask) Refusal(can Ability) *Error {
	if can == 0 {
		return nil
	}
	for _, n := range a.Needs {
		if can&n.Ability == 0 {
			return Invalid(n.Param, "this model %s", words[bits.TrailingZeros32(uint32(n.Ability))].lack).WithCode(CodeUnsupported)
		}
	}
	return nil
}

// The fields of a request that decide who can answer, by their places in asked.
const (
	inMessages = iota
	inPrompt
	inTools
	inFunctions
	inResponseFormat
	inModalities
	inAudio
	inN
	inBestOf
	inLogprobs
	inTopLogprobs
	inLogitBias
	inPresence
	inFrequency
	inEcho
	inSuffix
	inMaxTokens
	inMaxCompletion
	inProvider
	inSearch
	fromAlso    // on stand other servers' names
	fieldsAsked = fromAlso + 9
)

var askedNames = [fieldsAsked]string{
	"messages", "prompt", "tools", "functions", "response_format", "modalities", "audio", "n", "best_of", "logprobs", "top_logprobs",
	"logit_bias", "presence_penalty", "frequency_penalty", "echo", "suffix", "max_tokens", "max_completion_tokens", "provider",
	"web_search_options", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar", "json_schema",
	"repetition_penalty", "repeat_penalty",
}

// askedAt are their places.
var askedAt = func() map[string]int {
	at := make(map[string]int, len(askedNames))
	for i, name := range askedNames {
		at[name] = i
	}
	return at
}()

// asked are their values as they stand in the body; nil where they are not given.
type asked [fieldsAsked]json.RawMessage

// over is walk.Object, or walk.Members for a body that was walked over before.
type over func(body []byte, each func(key, value []byte) error) error

func (f *asked) read(body []byte, members over) error {
	return members(body, func(key, value []byte) error {
		keepAsked(f, key, value)
		return nil
	})
}

// keepAsked keeps a member that counts. Names are taken in any case, as Go's servers take them.
func keepAsked[T string | []byte](f *asked, key T, value []byte) {
	if i, ok := askedAt[string(key)]; ok {
		f[i] = value
		return
	}
	if isPlain(key) {
		return
	}
	for i, name := range askedNames {
		if is(key, name) {
			f[i] = value
			return
		}
	}
}

// isPlain says that a name has only small letters, digits and signs, so that it is no other name in another case.
func isPlain[T string | []byte](name T) bool {
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// is says whether a member has a name, in any case: any decoder may take it for that.
func is[T string | []byte](key T, name string) bool {
	if string(key) == name {
		return true
	}
	if len(key) == 0 || key[0] < utf8.RuneSelf && key[0]|0x20 != name[0] {
		return false
	}
	return strings.EqualFold(string(key), name)
}

// ReadAsk reads the body of a request to one of the two endpoints.
func ReadAsk(body []byte) Ask { return askOf(body, walk.Object) }

func askOf(body []byte, members over) Ask {
	var f asked
	if f.read(body, members) != nil {
		return Ask{Choices: 1}
	}
	a := f.ask()
	a.Count()
	return a
}

// Member is one of a request's body, with its value as it stands there.
type Member struct {
	Name  string
	Value json.RawMessage
}

// AskOf is ReadAsk of a body whose members a walk has found before, without Count.
func AskOf(members []Member) Ask {
	var f asked
	for i := range members {
		keepAsked(&f, members[i].Name, members[i].Value)
	}
	return f.ask()
}

// ask is what these members ask, which have been walked over before.
func (f *asked) ask() Ask {
	a := Ask{Choices: 1}
	a.need(CanTools, "tools", given(f[inTools]))
	a.need(CanTools, "functions", given(f[inFunctions]))
	a.need(CanFormat, "response_format", isFormat(f[inResponseFormat]))
	a.need(CanAudio, "modalities", bytes.Contains(f[inModalities], []byte(`"audio"`)))
	a.need(CanAudio, "audio", given(f[inAudio]))
	a.Choices = int(min(max(1, numberOf(f[inN])), maxJoined))
	a.need(CanChoices, "n", numberOf(f[inN]) > 1)
	a.need(CanChoices, "best_of", numberOf(f[inBestOf]) > 1)
	a.need(CanLogprobs, "logprobs", f[inLogprobs] != nil && string(f[inLogprobs]) != "null" && string(f[inLogprobs]) != "false")
	a.need(CanLogprobs, "top_logprobs", numberOf(f[inTopLogprobs]) > 0)
	a.need(CanBias, "logit_bias", given(f[inLogitBias]))
	a.need(CanPenalties, "presence_penalty", numberOf(f[inPresence]) != 0)
	a.need(CanPenalties, "frequency_penalty", numberOf(f[inFrequency]) != 0)
	a.need(CanEcho, "echo", string(f[inEcho]) == "true")
	a.need(CanSuffix, "suffix", given(f[inSuffix]))
	a.need(CanSearch, "web_search_options", f[inSearch] != nil && string(f[inSearch]) != "null")
	for i := fromAlso; i < fieldsAsked; i++ {
		if name := askedNames[i]; strings.HasPrefix(name, "rep") {
			a.need(CanPenalties, name, f[i] != nil && numberOf(f[i]) != 1 && string(f[i]) != "null")
		} else {
			a.need(CanFormat, name, given(f[i]))
		}
	}
	for _, raw := range []json.RawMessage{f[inTools], f[inFunctions], f[inResponseFormat]} {
		a.holdJSON(raw)
	}
	a.readMessages(f[inMessages])
	a.readPrompt(f[inPrompt])
	a.MaxTokens = int(min(max(0, numberOf(f[inMaxTokens]), numberOf(f[inMaxCompletion])), 1<<30))
	a.MaxPrice, _ = ReadMaxPrice(f[inProvider]) // a limit that cannot be read is refused before
	return a
}

func (a *Ask) need(what Ability, param string, asked bool) {
	if asked {
		a.Needs = append(a.Needs, Need{what, param})
	}
}

func isFormat(raw json.RawMessage) bool {
	if !given(raw) {
		return false
	}
	var f struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(raw, &f) == nil && f.Type != "text" && f.Type != ""
}

// numberOf is 0 for what is no number.
func numberOf(raw json.RawMessage) float64 {
	if raw == nil {
		return 0
	}
	var n float64
	if json.Unmarshal(orZero(raw), &n) != nil {
		return 0
	}
	return n
}

// turn is a message as it stands in a request.
type turn struct {
	role           string
	content, calls json.RawMessage
}

// errKind is a value of another kind than is wanted.
var errKind = errors.New("openai: a value of another kind")

// readTurn reads a message; null is an empty one.
func readTurn(raw []byte) (t turn, err error) {
	if string(raw) == "null" {
		return t, nil
	}
	err = walk.Members(raw, func(key, value []byte) error {
		switch {
		case is(key, "content"):
			t.content = value
		case is(key, "tool_calls"):
			t.calls = value
		case is(key, "role"):
			return takeText(&t.role, value)
		}
		return nil
	})
	return t, err
}

// takeText keeps a string; null changes nothing, and what is neither is errKind.
func takeText[T string | []byte](into *T, value []byte) error {
	if string(value) == "null" {
		return nil
	}
	text, ok := walk.Text(value)
	if !ok {
		return errKind
	}
	*into = T(text)
	return nil
}

// readMessages reads the messages of a request, none where one of them is no message.
func (a *Ask) readMessages(raw json.RawMessage) {
	if raw == nil {
		return
	}
	before := *a
	needed, turns := Ability(0), 0
	err := walk.Values(raw, func(value []byte) error {
		m, err := readTurn(value)
		if err != nil {
			return err
		}
		text, parts := readContent(m.content)
		a.hold(text)
		a.turns++
		a.Tokens += perMessage
		needed |= parts
		switch m.role {
		case "system", "developer":
			needed |= CanSystem
			return nil
		case "user":
			a.Prompts = append(a.Prompts, text)
		case "tool", "function":
			needed |= CanTools
		}
		if given(m.calls) {
			needed |= CanTools
		}
		turns++
		return nil
	})
	if err != nil {
		*a = before
		return
	}
	a.need(CanTurns, "messages", turns > 1)
	for _, one := range []Ability{CanSystem, CanImages, CanAudio, CanFiles, CanTools} {
		a.need(one, "messages", needed&one != 0)
	}
}

// readContent is a message's text, and what its other parts need.
func readContent(raw json.RawMessage) (text []byte, parts Ability) {
	if said, ok := walk.Text(raw); ok || raw == nil || string(raw) == "null" {
		return said, 0
	}
	var texts [][]byte
	err := walk.Values(raw, func(value []byte) error {
		kind, text, err := readPart(value)
		switch {
		case strings.Contains(kind, "text"), kind == "refusal":
			texts = append(texts, text)
		case strings.Contains(kind, "image"):
			parts |= CanImages
		case strings.Contains(kind, "audio"):
			parts |= CanAudio
		default:
			parts |= CanFiles
		}
		return err
	})
	if err != nil {
		return nil, 0
	}
	return bytes.Join(texts, []byte("\n")), parts
}

// readPart reads one part of a message's content.
func readPart(raw []byte) (kind string, text []byte, err error) {
	if string(raw) == "null" {
		return "", nil, nil
	}
	var refusal []byte
	err = walk.Members(raw, func(key, value []byte) error {
		switch {
		case is(key, "type"):
			return takeText(&kind, value)
		case is(key, "text"):
			return takeText(&text, value)
		case is(key, "refusal"):
			return takeText(&refusal, value)
		}
		return nil
	})
	if kind == "refusal" {
		text = refusal
	}
	return kind, text, err
}

func (a *Ask) readPrompt(raw json.RawMessage) {
	if raw == nil {
		return
	}
	list, ok := stringOrList(raw)
	if !ok {
		a.need(CanTokens, "prompt", true)
		return
	}
	a.need(CanPrompts, "prompt", len(list) > 1)
	for _, one := range list {
		text := []byte(one)
		a.Prompts = append(a.Prompts, text)
		a.hold(text)
	}
}
