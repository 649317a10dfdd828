package train

import (
	"crypto/sha256"
	"strconv"
	"strings"

	"agora/task/continuation"
	"agora/task/exact"
)

// conversation is one text that is trained on: turns, or a plain text without any.
type conversation struct {
	system string
	turns  []turn
	text   string
}

type turn struct {
	question, answer string
	kind             int // of question; see kinds
}

// The kinds beside those of exact.Names, in this order after them.
const (
	helpKind   = iota // a greeting, or a known request that has no answer
	noneKind          // everyday requests
	againKind         // what goes back to the answer before
	otherKinds        // how many there are
)

func kinds() int { return len(exact.Names()) + otherKinds }

func kindName(i int) string {
	names := exact.Names()
	if i < len(names) {
		return names[i]
	}
	return []string{"help", "none", "again"}[i-len(names)]
}

const unknown = "I do not know."

// drawer makes conversations.
type drawer struct {
	source  *exact.Source
	running []float64 // share of right turns, by kind
	turns   bool      // whether conversations may have more than one, and a system text
}

// draw makes a conversation: one turn, or one to five of which most are one. Of the latter one in ten begins with a system text,
// which changes nothing.
func (d *drawer) draw() conversation {
	var c conversation
	turns := 1
	if d.turns {
		turns = []int{1, 1, 1, 1, 1, 1, 1, 2, 3, 5}[d.source.Intn(10)]
		if one(d.source, 10) {
			c.system = systemText(d.source)
		}
	}
	for range turns {
		c.turns = append(c.turns, d.turn(c.turns))
	}
	return c
}

func (d *drawer) turn(before []turn) turn {
	s, n := d.source, len(exact.Names())
	if len(before) > 0 && one(s, 8) {
		if t, ok := again(s, before[len(before)-1]); ok {
			return turn{t[0], t[1], n + againKind}
		}
	}
	switch r := s.Intn(100); {
	case r < 10:
		return turn{requests.draw(s), unknown, n + noneKind}
	case r < 13:
		q := exact.Help(s)
		return turn{q.Text, q.Answer, n + helpKind}
	}
	return d.question()
}

// share of a kind whose running accuracy is p, at most 1: what is weak is practised.
func share(p float64) float64 { return min(1, 1.1-p) }

// question draws a question that is not held out.
func (d *drawer) question() turn {
	s, n := d.source, len(exact.Names())
	for {
		kind := s.Intn(n)
		for s.Intn(1000) >= int(1000*share(d.running[kind])) {
			kind = s.Intn(n)
		}
		if q := exact.Draw(s, kind); !q.HeldOut() {
			return turn{dressed(s, q.Text), q.Answer, kind}
		}
	}
}

// dressed puts a word about the form of the answer beside one question in eight: what people say to models that talk much.
func dressed(s *exact.Source, text string) string {
	if !one(s, 8) {
		return text
	}
	say := fillIn(s, forms[s.Intn(len(forms))])
	if one(s, 2) {
		return say + " " + text
	}
	if last := text[len(text)-1]; last != '.' && last != '?' && last != '!' {
		text += "."
	}
	return text + " " + say
}

var (
	forms = []string{
		"{Reply} with {only} {the}.", "{Reply} with {the} {alone}.", "{Only} {the}, {no}.", "{The} {alone}.", "Give {only} {the}.", "No {words}, {only} {the}.",
		"{Reply} in as few words as you can.", "{The} {only}, {no}.", "Do not {explain}.", "{Reply} {briefly}.", "I {only} want {the}.", "{Reply} without {words}.",
	}
	formWords = map[string]string{
		"Reply": "Reply|Answer|Respond", "only": "only|just|nothing but", "Only": "Only|Just", "the": "the answer|the result|the value|your answer|the final answer",
		"The": "The answer|Your answer|The result", "alone": "alone|only|and nothing else", "no": "no explanation|nothing else|no sentence around it|no words around it|no more",
		"words": "explanation|explanations|other words|extra words|a sentence", "explain": "explain|explain anything|add anything|write a sentence", "briefly": "briefly|shortly|in short",
	}
)

func fillIn(s *exact.Source, form string) string {
	for name, list := range sorted(formWords) {
		if place := "{" + name + "}"; strings.Contains(form, place) {
			options := strings.Split(list, "|")
			form = strings.ReplaceAll(form, place, options[s.Intn(len(options))])
		}
	}
	return form
}

// again asks something about the answer before; false where there is nothing to ask.
func again(s *exact.Source, before turn) (t [2]string, ok bool) {
	if before.answer == unknown || len(before.answer) > 24 {
		return t, false
	}
	n, err := strconv.Atoi(before.answer)
	if err != nil || n > 9000 || one(s, 2) {
		return [2]string{pickOne(s, "Say that again.", "What did you say?", "Repeat your answer.", "What was that?", "Tell me that once more."), before.answer}, true
	}
	by := 1 + s.Intn(9)
	if one(s, 2) && n >= by {
		return [2]string{pickOne(s, "Subtract ", "Take away ") + strconv.Itoa(by) + pickOne(s, " from that.", " from it."), strconv.Itoa(n - by)}, true
	}
	return [2]string{pickOne(s, "Add ", "Now add ") + strconv.Itoa(by) + pickOne(s, " to that.", " to it."), strconv.Itoa(n + by)}, true
}

func pickOne(s *exact.Source, list ...string) string { return list[s.Intn(len(list))] }

// systemText is what clients put before a conversation.
func systemText(s *exact.Source) string {
	if one(s, 4) {
		return requests.fill(s, "You are a {adj} {job} who knows about {topic} and {topic}.")
	}
	return pickOne(s, "You are a helpful assistant.", "You are a helpful, honest assistant.", "You are ChatGPT, a large language model.", "Answer briefly.", "Be concise.",
		"Reply with the answer alone: no sentence around it, no explanation.", "You are a friendly assistant who answers questions.", "Be polite.", "Answer in English.",
		"You answer questions of our customers.", "Always tell the truth.", "If you do not know the answer, say so.", "You are an expert.", "Think step by step.")
}

// story is a text of the continuation source, at least as long as an examination's.
func story(s *exact.Source) conversation {
	seed := sha256.Sum256([]byte("train" + strconv.FormatUint(uint64(s.Intn(1<<62)), 10)))
	const size = 1024
	text := continuation.Default().Sample(seed, size)
	return conversation{text: string(text[:size])}
}
