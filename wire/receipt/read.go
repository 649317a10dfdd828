package receipt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"agora/wire/walk"
)

// MaxChoices is how many answers one request may have.
const MaxChoices = 8

// ErrAnswer says that an answer is not one that a receipt can cover. Programs read JSON in different ways: where a name
// stands twice, in another case, or beside the place where clients look, the one that is hashed need not be the one that
// a consumer sees. So nothing of that is taken.
var ErrAnswer = errors.New("receipt: not an answer that a receipt covers")

// Reader collects the choices of an answer as a consumer sees them. The zero value is ready.
type Reader struct {
	choices []reading
	stays   bool // what is read stays as it is until all was
	known   bool // parts are JSON: strings are looked into no more
}

// reading is a choice of which parts have come.
type reading struct {
	content, reasoning []byte
	calls              []callReading
	finish             string
}

type callReading struct {
	id, name  string
	arguments []byte
}

// Members that parts of an answer may have.
var (
	answerMembers = []string{"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "timings", "metadata"}
	choiceMembers = map[string][]string{ // by where the texts stand
		"delta":   {"index", "finish_reason", "stop_reason", "matched_stop", "logprobs", "delta", "text"},
		"message": {"index", "finish_reason", "stop_reason", "matched_stop", "logprobs", "message", "text"},
	}
	messageMembers  = []string{"role", "content", "reasoning_content", "tool_calls", "refusal"}
	callMembers     = []string{"index", "id", "type", "function"}
	functionMembers = []string{"name", "arguments"}
)

// Chunk adds a chunk of a stream. The error is ErrAnswer.
func (r *Reader) Chunk(data []byte) error { return r.add(data, "delta") }

// Whole adds a whole answer. The error is ErrAnswer.
func (r *Reader) Whole(data []byte) error { return r.add(data, "message") }

// Choices are what was read, in the order of their index. The error is ErrAnswer where one has no end.
func (r *Reader) Choices() ([]Choice, error) {
	if len(r.choices) == 0 {
		return nil, fmt.Errorf("%w: it has no choices", ErrAnswer)
	}
	out := make([]Choice, len(r.choices))
	for i, c := range r.choices {
		if c.finish == "" {
			return nil, fmt.Errorf("%w: choice %d has no finish_reason", ErrAnswer, i)
		}
		out[i] = Choice{Content: string(c.content), Reasoning: string(c.reasoning), Finish: c.finish}
		for _, call := range c.calls {
			out[i].Calls = append(out[i].Calls, Call{ID: call.id, Name: call.name, Arguments: string(call.arguments)})
		}
	}
	return out, nil
}

// add reads a part whose texts stand under that member, or under text as completions have them.
func (r *Reader) add(data []byte, message string) error {
	read := members
	if r.known {
		read = inner
	}
	top, err := read(data, answerMembers)
	if err != nil {
		return err
	}
	return each(top.of("choices"), func(_ int, raw []byte) error { return r.choice(raw, message) })
}

// each walks over the values of a list; there are none where nothing is given.
func each(raw []byte, take func(at int, value []byte) error) error {
	if !given(raw) {
		return nil
	}
	at := 0
	err := walk.Values(raw, func(value []byte) error {
		at++
		return take(at-1, value)
	})
	return sorted(err, "")
}

func (r *Reader) choice(raw []byte, message string) error {
	part, err := inner(raw, choiceMembers[message])
	if err != nil {
		return err
	}
	var index int
	if err := number(part.of("index"), &index); err != nil {
		return err
	}
	if index < 0 || index >= MaxChoices {
		return fmt.Errorf("%w: choice %d, want 0 to %d", ErrAnswer, index, MaxChoices-1)
	}
	for len(r.choices) <= index {
		r.choices = append(r.choices, reading{})
	}
	return r.choices[index].add(&part, message, r.stays)
}

func (c *reading) add(part *parts, message string, stays bool) error {
	if part.of(message) != nil && part.of("text") != nil {
		return fmt.Errorf("%w: a choice with both %s and text", ErrAnswer, message)
	}
	if c.finish != "" && (given(part.of(message)) || given(part.of("text"))) {
		return fmt.Errorf("%w: text after a finish_reason", ErrAnswer)
	}
	if err := more(&c.content, part.of("text"), stays); err != nil {
		return err
	}
	if err := c.message(part.of(message), stays); err != nil {
		return err
	}
	return said(&c.finish, part.of("finish_reason"), "finish_reason")
}

func (c *reading) message(raw []byte, stays bool) error {
	if !given(raw) {
		return nil
	}
	part, err := inner(raw, messageMembers)
	if err != nil {
		return err
	}
	if given(part.of("refusal")) {
		return fmt.Errorf("%w: a refusal", ErrAnswer)
	}
	if err := more(&c.content, part.of("content"), stays); err != nil {
		return err
	}
	if err := more(&c.reasoning, part.of("reasoning_content"), stays); err != nil {
		return err
	}
	return each(part.of("tool_calls"), func(at int, raw []byte) error { return c.call(raw, at) })
}

// call adds to the call of that index, or of its place in the list where it says none.
func (c *reading) call(raw []byte, at int) error {
	part, err := inner(raw, callMembers)
	if err != nil {
		return err
	}
	if err := number(part.of("index"), &at); err != nil {
		return err
	}
	if at < 0 || at > len(c.calls) {
		return fmt.Errorf("%w: tool call %d before call %d", ErrAnswer, at, len(c.calls))
	}
	if at == len(c.calls) {
		c.calls = append(c.calls, callReading{})
	}
	call := &c.calls[at]
	if err := said(&call.id, part.of("id"), "id"); err != nil {
		return err
	}
	if !given(part.of("function")) {
		return nil
	}
	function, err := inner(part.of("function"), functionMembers)
	if err != nil {
		return err
	}
	if err := said(&call.name, function.of("name"), "name"); err != nil {
		return err
	}
	return more(&call.arguments, function.of("arguments"), false)
}

// parts are members of an object by their names, of which there are at most maxParts.
type parts struct {
	names  []string
	values [maxParts][]byte
}

const maxParts = 10

// of is the value of a member; nil where there is none.
func (p *parts) of(name string) []byte {
	if i := slices.Index(p.names, name); i >= 0 {
		return p.values[i]
	}
	return nil
}

// members reads an object whose members have these names, each at most once. Others may be null, as servers write what they have nothing to
// say of.
func members(data []byte, names []string) (p parts, err error) {
	p.names = names
	err = walk.Object(data, func(key, value []byte) error { return p.take(key, value) })
	return p, sorted(err, "a part that is no JSON object: ")
}

// inner is members of a part of what was read: it is JSON.
func inner(data []byte, names []string) (p parts, err error) {
	p.names = names
	err = walk.Members(data, func(key, value []byte) error { return p.take(key, value) })
	return p, sorted(err, "a part that is no JSON object: ")
}

func (p *parts) take(key, value []byte) error {
	i := slices.Index(p.names, string(key))
	if i < 0 && string(value) == "null" && !p.spells(key) {
		return nil
	}
	if i < 0 {
		return fmt.Errorf("%w: member %.40q is not known here", ErrAnswer, key)
	}
	if p.values[i] != nil {
		return fmt.Errorf("%w: member %q stands twice", ErrAnswer, key)
	}
	p.values[i] = value
	return nil
}

// spells says whether some program may take a name for one of these: in another case, or escaped.
func (p *parts) spells(key []byte) bool {
	return bytes.IndexByte(key, '\\') >= 0 || slices.ContainsFunc(p.names, func(name string) bool { return strings.EqualFold(name, string(key)) })
}

// sorted makes an error of the text one of ErrAnswer, which says what is wrong.
func sorted(err error, what string) error {
	if err == nil {
		return nil // before there is anything for errors.As to point to
	}
	if fault := (*walk.Error)(nil); errors.As(err, &fault) {
		return fmt.Errorf("%w: %s%w", ErrAnswer, what, err)
	}
	return err
}

func given(raw []byte) bool { return raw != nil && string(raw) != "null" }

// number reads what is given into n, and leaves n where nothing is.
func number(raw []byte, n *int) error {
	if !given(raw) {
		return nil
	}
	given, err := strconv.Atoi(string(raw))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	*n = given
	return nil
}

// textOf is a text that is given, empty where none is.
func textOf(raw []byte) ([]byte, error) {
	if !given(raw) {
		return nil, nil
	}
	s, ok := walk.Text(raw)
	if !ok {
		return nil, fmt.Errorf("%w: a value that is no text", ErrAnswer)
	}
	return s, nil
}

// more adds to a text that comes in parts. The first of one that stays is taken as it is.
func more(text *[]byte, raw []byte, stays bool) error {
	s, err := textOf(raw)
	if stays && len(*text) == 0 {
		*text = slices.Clip(s)
		return err
	}
	*text = append(*text, s...)
	return err
}

// said reads a text that is said once; saying nothing, or the same again, changes nothing.
func said(text *string, raw []byte, name string) error {
	b, err := textOf(raw)
	if err != nil {
		return err
	}
	s := string(b)
	if s == "" || s == *text {
		return nil
	}
	if *text != "" {
		return fmt.Errorf("%w: two values of %s", ErrAnswer, name)
	}
	*text = s
	return nil
}
