package llm

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"agora/engine"
	"agora/engine/native/grammar"
	"agora/engine/native/sample"
	"agora/engine/native/template"
	"agora/wire/openai"
)

// ask is what one request wants, in the engine's terms.
type ask struct {
	prompt  []int32
	limit   int // tokens of each answer
	options sample.Options
	seeds   []sample.Seed // one per answer
	stops   []string
	form    *grammar.Grammar // nil for free text
	tools   bool             // calls may stand in the answer
	blank   bool             // the answer begins with a blank that is the template's
	logprob bool
	top     int // alternatives
}

// chatAsk reads a chat request. Errors are *openai.Error of status 400.
func (e *Engine) chatAsk(ctx context.Context, r *openai.ChatRequest) (*ask, error) {
	if e.template == nil {
		return nil, openai.Invalid("messages", "%v; ask it to continue a text at /v1/completions", e.whyNot)
	}
	c, err := conversation(r)
	if err != nil {
		return nil, err
	}
	parts, err := e.template.Render(c)
	if err != nil {
		return nil, openai.Invalid("messages", "%v", err)
	}
	a := &ask{
		prompt: template.Tokens(parts, vocabulary{e.tokens}), stops: r.Stop,
		tools: len(c.Tools) > 0, blank: e.template.Blank && c.Asks(), logprob: r.Logprobs, top: or(r.TopLogprobs, 0),
	}
	if a.form, err = formOf(r.ResponseFormat); err != nil {
		return nil, err
	}
	if a.options, err = optionsOf(r.Temperature, r.TopP, r.TopK, r.MinP); err != nil {
		return nil, err
	}
	a.seeds = seedsOf(ctx, r.Seed, or(r.N, 1))
	return a, e.fit(a, "messages", r.Limit(0))
}

// completionAsk reads a request to continue a text.
func (e *Engine) completionAsk(r *openai.CompletionRequest) (*ask, error) {
	a := &ask{prompt: e.tokens.Encode(string(r.Prompt)), stops: r.Stop, logprob: r.Logprobs != nil, top: or(r.Logprobs, 0)}
	if e.tokens.AddBOS && e.tokens.BOS >= 0 {
		a.prompt = append([]int32{e.tokens.BOS}, a.prompt...)
	}
	if len(a.prompt) == 0 {
		return nil, openai.Invalid("prompt", "the prompt is empty; this model needs a text to continue")
	}
	if or(r.N, 1) != 1 {
		return nil, openai.Invalid("n", "n is %d; a text is continued once per request", *r.N)
	}
	var err error
	if a.options, err = optionsOf(r.Temperature, r.TopP, nil, nil); err != nil {
		return nil, err
	}
	a.seeds = seedsOf(context.Background(), r.Seed, 1)
	return a, e.fit(a, "prompt", r.Limit(16)) // OpenAI's default for this endpoint
}

// fit bounds the answer by the context; 0 asks for all there is.
func (e *Engine) fit(a *ask, param string, limit int) error {
	room := e.context - len(a.prompt) + 1 // the last token of an answer is chosen, not read
	if room < 2 {
		return openai.Invalid(param, "the request has %d tokens; this model reads at most %d: shorten it", len(a.prompt), e.context-1).WithCode(openai.CodeContext)
	}
	a.limit = room
	if limit > 0 {
		a.limit = min(room, limit)
	}
	return nil
}

func conversation(r *openai.ChatRequest) (template.Conversation, error) {
	c := template.Conversation{Tools: r.Tools}
	for i, m := range r.Messages {
		turn := template.Turn{Role: m.Role, Text: string(m.Content)}
		if m.Role == "developer" {
			turn.Role = "system"
		}
		for _, call := range m.ToolCalls {
			args := json.RawMessage(call.Function.Arguments)
			if !json.Valid(args) {
				return c, openai.Invalid("messages.tool_calls", "message %d calls %q with arguments that are no JSON", i, call.Function.Name)
			}
			turn.Calls = append(turn.Calls, template.Call{Name: call.Function.Name, Arguments: args})
		}
		c.Turns = append(c.Turns, turn)
	}
	return c, toolChoice(r, &c)
}

// toolChoice takes the tools away for "none"; "required" and a named function cannot be promised.
func toolChoice(r *openai.ChatRequest, c *template.Conversation) error {
	var word string
	if len(r.ToolChoice) > 0 && string(r.ToolChoice) != "null" && json.Unmarshal(r.ToolChoice, &word) != nil {
		return openai.Invalid("tool_choice", "a function cannot be forced; tool_choice may be auto or none").WithCode(openai.CodeUnsupported)
	}
	switch word {
	case "", "auto":
	case "none":
		c.Tools = nil
	default:
		return openai.Invalid("tool_choice", "tool_choice %q is not supported; it may be auto or none", word).WithCode(openai.CodeUnsupported)
	}
	return nil
}

func formOf(f *openai.ResponseFormat) (*grammar.Grammar, error) {
	switch {
	case f == nil, f.Type == "text", f.Type == "":
		return nil, nil
	case f.Type == "json_object":
		return grammar.JSON(), nil
	case f.Type == "json_schema" && f.JSONSchema != nil && len(f.JSONSchema.Schema) > 0:
		g, err := grammar.Schema(f.JSONSchema.Schema)
		if err != nil {
			return nil, openai.Invalid("response_format", "%v", err).WithCode(openai.CodeUnsupported)
		}
		return g, nil
	case f.Type == "json_schema":
		return nil, openai.Invalid("response_format", "response_format.json_schema.schema is missing")
	}
	return nil, openai.Invalid("response_format", "response_format is of type %q; there are text, json_object and json_schema", f.Type).WithCode(openai.CodeUnsupported)
}

func optionsOf(temperature, topP *float64, topK *int, minP *float64) (sample.Options, error) {
	o := sample.Options{Temperature: or(temperature, 0), TopP: or(topP, 0), TopK: or(topK, 0), MinP: or(minP, 0)}
	if name, err := o.Check(); err != nil {
		return o, openai.Invalid(name, "%v", err)
	}
	return o, nil
}

// seedsOf gives every answer its seed: of the request's own, else of its draw, else of chance.
func seedsOf(ctx context.Context, seed *int64, n int) []sample.Seed {
	seeds := make([]sample.Seed, n)
	draw, drawn := engine.DrawOf(ctx)
	if seed == nil && !drawn {
		rand.Read(draw.Nonce[:]) // never fails
	}
	for i := range seeds {
		if seed != nil {
			seeds[i] = sample.SeedOf(i, *seed)
			continue
		}
		seeds[i] = sample.SeedFor(i, draw.Nonce, draw.Request)
	}
	return seeds
}

func or[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

// ErrNoToken says that an answer cannot go on in the form that was asked for.
var ErrNoToken = errors.New("no token fits the form")

// callsOf reads the functions called in an answer's text.
func callsOf(text string, choice int) (string, []openai.ToolCall) {
	rest, calls, err := template.ParseCalls(text)
	if err != nil || len(calls) == 0 {
		return text, nil // what is no call is text
	}
	list := make([]openai.ToolCall, len(calls))
	for i, c := range calls {
		list[i] = openai.ToolCall{
			ID: fmt.Sprintf("call_%d_%d", choice, i), Type: "function",
			Function: openai.FunctionCall{Name: c.Name, Arguments: string(c.Arguments)},
		}
	}
	return rest, list
}
