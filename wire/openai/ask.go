package openai

import (
	"bytes"
	"encoding/json"
	"math/bits"
	"slices"
	"strings"
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
	Prompts []string // what users say in it: each turn of theirs, or each prompt
	Bytes   int      // of all its text
	Tokens  int      // that it has, by a rule of thumb
	Choices int      // answers wanted, at least 1
	words   int

	MaxTokens int      // of each answer; 0 where the request does not say
	MaxPrice  MaxPrice // above which it does not want to be answered
}

// MaxPrice is what a request allows in provider.max_price, in rao per million tokens; 0 is no limit.
type MaxPrice struct{ In, Out uint64 }

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

// asked are the fields of a request that decide who can answer.
type asked struct {
	Messages       json.RawMessage `json:"messages"`
	Prompt         json.RawMessage `json:"prompt"`
	Tools          json.RawMessage `json:"tools"`
	Functions      json.RawMessage `json:"functions"`
	ResponseFormat json.RawMessage `json:"response_format"`
	Modalities     json.RawMessage `json:"modalities"`
	Audio          json.RawMessage `json:"audio"`
	N              json.RawMessage `json:"n"`
	BestOf         json.RawMessage `json:"best_of"`
	Logprobs       json.RawMessage `json:"logprobs"`
	TopLogprobs    json.RawMessage `json:"top_logprobs"`
	LogitBias      json.RawMessage `json:"logit_bias"`
	Presence       json.RawMessage `json:"presence_penalty"`
	Frequency      json.RawMessage `json:"frequency_penalty"`
	Echo           json.RawMessage `json:"echo"`
	Suffix         json.RawMessage `json:"suffix"`
	MaxTokens      json.RawMessage `json:"max_tokens"`
	MaxCompletion  json.RawMessage `json:"max_completion_tokens"`
	Provider       json.RawMessage `json:"provider"`
}

// ReadAsk reads the body of a request to one of the two endpoints.
func ReadAsk(body []byte) Ask {
	var f asked
	a := Ask{Choices: 1}
	if json.Unmarshal(body, &f) != nil {
		return a
	}
	a.need(CanTools, "tools", given(f.Tools))
	a.need(CanTools, "functions", given(f.Functions))
	a.need(CanFormat, "response_format", isFormat(f.ResponseFormat))
	a.need(CanAudio, "modalities", bytes.Contains(f.Modalities, []byte(`"audio"`)))
	a.need(CanAudio, "audio", given(f.Audio))
	a.Choices = int(min(max(1, numberOf(f.N)), maxJoined))
	a.need(CanChoices, "n", numberOf(f.N) > 1)
	a.need(CanChoices, "best_of", numberOf(f.BestOf) > 1)
	a.need(CanLogprobs, "logprobs", f.Logprobs != nil && string(f.Logprobs) != "null" && string(f.Logprobs) != "false")
	a.need(CanLogprobs, "top_logprobs", numberOf(f.TopLogprobs) > 0)
	a.need(CanBias, "logit_bias", given(f.LogitBias))
	a.need(CanPenalties, "presence_penalty", numberOf(f.Presence) != 0)
	a.need(CanPenalties, "frequency_penalty", numberOf(f.Frequency) != 0)
	a.need(CanEcho, "echo", string(f.Echo) == "true")
	a.need(CanSuffix, "suffix", given(f.Suffix))
	for _, raw := range []json.RawMessage{f.Tools, f.Functions, f.ResponseFormat} {
		a.countJSON(raw)
	}
	a.readMessages(f.Messages)
	a.readPrompt(f.Prompt)
	a.MaxTokens = int(min(max(0, numberOf(f.MaxTokens), numberOf(f.MaxCompletion)), 1<<30))
	a.MaxPrice = readMaxPrice(f.Provider)
	return a
}

// readMaxPrice reads what OpenRouter calls provider preferences, as far as they are about money: TAO per million tokens.
func readMaxPrice(raw json.RawMessage) MaxPrice {
	var p struct {
		MaxPrice struct {
			Prompt     json.RawMessage `json:"prompt"`
			Completion json.RawMessage `json:"completion"`
		} `json:"max_price"`
	}
	if json.Unmarshal(orNothing(raw), &p) != nil {
		return MaxPrice{}
	}
	return MaxPrice{raoOf(p.MaxPrice.Prompt), raoOf(p.MaxPrice.Completion)}
}

// raoOf reads an amount of TAO, a number or a string; 0 is none, and what is less than a rao is one.
func raoOf(raw json.RawMessage) uint64 {
	var text string
	if json.Unmarshal(orZero(raw), &text) == nil {
		raw = json.RawMessage(text)
	}
	const perTAO, most = 1e9, 1e18
	if rao := numberOf(raw) * perTAO; rao > 0 {
		return uint64(max(1, min(rao+0.5, most)))
	}
	return 0
}

func (a *Ask) need(what Ability, param string, asked bool) {
	if asked {
		a.Needs = append(a.Needs, Need{what, param})
	}
}

func isFormat(raw json.RawMessage) bool {
	var f struct {
		Type string `json:"type"`
	}
	return given(raw) && json.Unmarshal(raw, &f) == nil && f.Type != "text" && f.Type != ""
}

// numberOf is 0 for what is no number.
func numberOf(raw json.RawMessage) float64 {
	var n float64
	if json.Unmarshal(orZero(raw), &n) != nil {
		return 0
	}
	return n
}

func (a *Ask) readMessages(raw json.RawMessage) {
	var messages []struct {
		Role      string          `json:"role"`
		Content   json.RawMessage `json:"content"`
		ToolCalls json.RawMessage `json:"tool_calls"`
	}
	if json.Unmarshal(orNothing(raw), &messages) != nil {
		return
	}
	needed, turns := Ability(0), 0
	for _, m := range messages {
		text, parts := readContent(m.Content)
		a.count(text)
		a.Tokens += perMessage
		needed |= parts
		switch m.Role {
		case "system", "developer":
			needed |= CanSystem
			continue
		case "user":
			a.Prompts = append(a.Prompts, text)
		case "tool", "function":
			needed |= CanTools
		}
		if given(m.ToolCalls) {
			needed |= CanTools
		}
		turns++
	}
	a.need(CanTurns, "messages", turns > 1)
	for _, one := range []Ability{CanSystem, CanImages, CanAudio, CanFiles, CanTools} {
		a.need(one, "messages", needed&one != 0)
	}
}

// readContent is a message's text, and what its other parts need.
func readContent(raw json.RawMessage) (text string, parts Ability) {
	if raw == nil || json.Unmarshal(raw, &text) == nil {
		return text, 0
	}
	var list []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return "", 0
	}
	texts := make([]string, 0, len(list))
	for _, p := range list {
		switch {
		case strings.Contains(p.Type, "text"), p.Type == "refusal":
			texts = append(texts, p.Text)
		case strings.Contains(p.Type, "image"):
			parts |= CanImages
		case strings.Contains(p.Type, "audio"):
			parts |= CanAudio
		default:
			parts |= CanFiles
		}
	}
	return strings.Join(texts, "\n"), parts
}

func (a *Ask) readPrompt(raw json.RawMessage) {
	list, ok := stringOrList(orNothing(raw))
	if !ok {
		a.need(CanTokens, "prompt", true)
		return
	}
	a.need(CanPrompts, "prompt", len(list) > 1)
	a.Prompts = append(a.Prompts, list...)
	for _, text := range list {
		a.count(text)
	}
}
