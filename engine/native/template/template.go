// Package template renders a conversation the way a chat model was trained to read it.
//
// A file's own template is a program and is never run. The package holds a list of templates, and Detect picks the one
// that says the same as the file's.
package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Conversation is what a model is asked to continue. When the last turn is the assistant's, the answer goes on from its
// text (prefill); otherwise a new turn of the assistant is opened.
type Conversation struct {
	Turns []Turn
	Tools []json.RawMessage // definitions as OpenAI writes them: {"type":"function","function":{…}}
}

// Turn is one message. Role is "system", "user", "assistant" or "tool".
type Turn struct {
	Role  string
	Text  string
	Calls []Call // of an assistant's turn
}

// Call is a function that the model wants called. Arguments is a JSON object.
type Call struct {
	Name      string
	Arguments json.RawMessage
}

// Kind says how a part becomes tokens.
type Kind uint8

// Text is encoded as text, whatever it says: nobody can write a control token. A Marker is the control token of that
// name, or text where the vocabulary has none. Begin and End are the vocabulary's own.
const (
	Text Kind = iota
	Marker
	Begin
	End
)

// Part is a stretch of a rendered prompt.
type Part struct {
	Kind Kind
	Text string // of Text and Marker
}

// Template is one way of writing a conversation. The zero Template renders nothing; take one from Named or Detect.
type Template struct {
	Name   string
	System string   // what the model is told where the conversation has no system turn; usually empty
	Begin  bool     // whether a prompt begins with the vocabulary's first token
	Stops  []string // markers that end an answer, besides the vocabulary's end
	Blank  bool     // whether an answer begins with a blank that belongs to the template, not to the answer
	family *family
}

// family is what templates of one kind share.
type family struct {
	name    string
	stops   []string
	tools   bool     // whether tools can be rendered
	system  bool     // whether a system turn has a place of its own or in the first question
	taken   bool     // whether user and assistant must take turns
	blank   bool     // whether a blank stands before every answer
	needs   []string // every file of this family says these
	foreign []string // and none of these
	write   func(*writer, *Template, Conversation)
}

// Errors of Render and Detect; what is wrong stands in the text around them.
var (
	ErrUnknown      = errors.New("chat template is not in the list")
	ErrNone         = errors.New("the file has no chat template: it is a base model, or was saved without one")
	ErrConversation = errors.New("the conversation does not fit this model's chat template")
)

// Names lists the templates that there are, in the order in which Detect tries them.
func Names() []string {
	names := make([]string, len(families))
	for i := range families {
		names[i] = families[i].name
	}
	return names
}

// Named is the template of that name, without a default system text. The error names what there is.
func Named(name string) (*Template, error) {
	for i := range families {
		if families[i].name == name {
			return newTemplate(&families[i]), nil
		}
	}
	return nil, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

func newTemplate(f *family) *Template {
	return &Template{Name: f.name, Stops: f.stops, Blank: f.blank, family: f}
}

// HasTools says whether tools can be given to the model.
func (t *Template) HasTools() bool { return t.family.tools }

// Render writes the conversation. It fails with ErrConversation where the template cannot say it: no turn, an unknown
// role, a system turn that is not the first, turns out of turn, or tools where there are none.
func (t *Template) Render(c Conversation) ([]Part, error) {
	if err := t.check(c); err != nil {
		return nil, err
	}
	w := &writer{}
	if t.Begin {
		w.parts = append(w.parts, Part{Kind: Begin})
	}
	t.family.write(w, t, c)
	return w.parts, nil
}

func (t *Template) check(c Conversation) error {
	if len(c.Turns) == 0 {
		return fmt.Errorf("%w: it has no turn", ErrConversation)
	}
	if len(c.Tools) > 0 && !t.family.tools {
		return fmt.Errorf("%w: %s does not call tools", ErrConversation, t.Name)
	}
	spoken := c.Turns
	if spoken[0].Role == "system" {
		spoken = spoken[1:]
		if !t.family.system {
			return fmt.Errorf("%w: %s has no system turn", ErrConversation, t.Name)
		}
	}
	if len(spoken) == 0 {
		return fmt.Errorf("%w: nobody asks anything", ErrConversation)
	}
	for i, turn := range spoken {
		if err := t.checkTurn(i, turn); err != nil {
			return err
		}
	}
	return nil
}

func (t *Template) checkTurn(i int, turn Turn) error {
	known := turn.Role == "user" || turn.Role == "assistant" || (turn.Role == "tool" && t.family.tools)
	switch {
	case turn.Role == "system":
		return fmt.Errorf("%w: a system turn may only be the first", ErrConversation)
	case !known:
		return fmt.Errorf("%w: %s has no turn of %q", ErrConversation, t.Name, turn.Role)
	case len(turn.Calls) > 0 && !t.family.tools:
		return fmt.Errorf("%w: %s does not call tools", ErrConversation, t.Name)
	case t.family.taken && turn.Role != [2]string{"user", "assistant"}[i%2]:
		return fmt.Errorf("%w: in %s user and assistant take turns, user first; turn %d is the %s's", ErrConversation, t.Name, i+1, turn.Role)
	}
	return nil
}

// Vocabulary is what a template needs of a tokenizer.
type Vocabulary interface {
	// Control is the id of the control token of that name.
	Control(name string) (int32, bool)
	// Encode tokenises text in which nothing is a control token.
	Encode(text string) []int32
	// Ends are the tokens that begin and end a text; negative where there is none.
	Ends() (begin, end int32)
}

// Tokens turns parts into ids. Text between two control tokens is encoded in one piece.
func Tokens(parts []Part, v Vocabulary) []int32 {
	var ids []int32
	var text strings.Builder
	put := func(id int32) {
		if text.Len() > 0 {
			ids = append(ids, v.Encode(text.String())...)
			text.Reset()
		}
		if id >= 0 {
			ids = append(ids, id)
		}
	}
	begin, end := v.Ends()
	for _, p := range parts {
		switch p.Kind {
		case Begin:
			put(begin)
		case End:
			put(end)
		case Marker:
			if id, ok := v.Control(p.Text); ok {
				put(id)
				continue
			}
			text.WriteString(p.Text)
		case Text:
			text.WriteString(p.Text)
		}
	}
	put(-1)
	return ids
}

// split takes the system text off the front: the conversation's, else the template's.
func (t *Template) split(turns []Turn) (system string, rest []Turn) {
	if turns[0].Role == "system" {
		return turns[0].Text, turns[1:]
	}
	return t.System, turns
}

// open says whether turn i is the unfinished last one.
func open(turns []Turn, i int) bool {
	return i == len(turns)-1 && turns[i].Role == "assistant"
}

// asks says whether the conversation ends with a turn that wants an answer.
func asks(turns []Turn) bool { return turns[len(turns)-1].Role != "assistant" }

// Asks says whether the conversation, which has a turn, opens a new turn of the assistant.
func (c Conversation) Asks() bool { return asks(c.Turns) }

// writer collects parts; neighbouring texts become one.
type writer struct{ parts []Part }

func (w *writer) text(s ...string) {
	joined := strings.Join(s, "")
	if joined == "" {
		return
	}
	if n := len(w.parts); n > 0 && w.parts[n-1].Kind == Text {
		w.parts[n-1].Text += joined
		return
	}
	w.parts = append(w.parts, Part{Kind: Text, Text: joined})
}

func (w *writer) mark(s string) { w.parts = append(w.parts, Part{Kind: Marker, Text: s}) }

func (w *writer) begin() { w.parts = append(w.parts, Part{Kind: Begin}) }

func (w *writer) end() { w.parts = append(w.parts, Part{Kind: End}) }

// String is the prompt as one text, with the vocabulary's ends written as given.
func String(parts []Part, begin, end string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString([]string{p.Text, p.Text, begin, end}[p.Kind])
	}
	return b.String()
}
