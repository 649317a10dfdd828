package responses

import (
	"encoding/json"
	"net/http"
	"slices"

	"agora/wire/openai"
)

// Request is the body of POST /v1/responses, as far as it is understood; the rest is ignored.
type Request struct {
	Model           string          `json:"model"`
	Input           json.RawMessage `json:"input"`
	Instructions    string          `json:"instructions"`
	Stream          bool            `json:"stream"`
	Tools           []tool          `json:"tools"`
	ToolChoice      json.RawMessage `json:"tool_choice"`
	Parallel        *bool           `json:"parallel_tool_calls"`
	MaxOutputTokens *int            `json:"max_output_tokens"`
	Temperature     *float64        `json:"temperature"`
	TopP            *float64        `json:"top_p"`
	Seed            *int64          `json:"seed"` // not OpenAI's here, but what chats have
	Text            *text           `json:"text"`
	Reasoning       *reasoning      `json:"reasoning"`
	User            string          `json:"user"`
	Metadata        json.RawMessage `json:"metadata"`
	Background      bool            `json:"background"`
	PreviousID      string          `json:"previous_response_id"`
	Conversation    json.RawMessage `json:"conversation"`
	Prompt          json.RawMessage `json:"prompt"`
	CacheKey        string          `json:"prompt_cache_key"`
	Include         []string        `json:"include"`
	TopLogprobs     *int            `json:"top_logprobs"`
	openai.Choosing
}

type text struct {
	Format    *format `json:"format,omitempty"`
	Verbosity string  `json:"verbosity,omitempty"`
}

type format struct {
	Type        string          `json:"type"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

type reasoning struct {
	Effort  *string `json:"effort"`
	Summary *string `json:"summary"`
}

type tool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

// Decode reads and validates a request. Every error is an *openai.Error.
func Decode(body []byte) (*Request, error) {
	r := new(Request)
	if err := openai.Decode(body, r); err != nil {
		return nil, err
	}
	if r.Model == "" {
		r.Model = r.First()
	}
	const whole = "nothing is kept here between requests: send the whole conversation in input"
	switch {
	case r.Model == "":
		return nil, openai.Invalid("model", "you must provide a model: a subnet's name or a model's, GET /v1/models lists them")
	case r.PreviousID != "":
		return nil, openai.Invalid("previous_response_id", whole)
	case given(r.Conversation):
		return nil, openai.Invalid("conversation", whole)
	case given(r.Prompt):
		return nil, openai.Invalid("prompt", "stored prompts are not known here: send the text in instructions and input")
	case r.Background:
		return nil, openai.Invalid("background", "answers in the background are not kept here: leave it out, and use stream for long ones")
	}
	if len(r.Tools) == 0 && (string(r.ToolChoice) == `"required"`) {
		return nil, openai.Invalid("tool_choice", "tool_choice: there are no tools to call")
	}
	r.Tools = slices.DeleteFunc(r.Tools, func(t tool) bool { return t.Type != "function" || t.Name == "" })
	return r, nil
}

func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// Chat is the body of the chat that asks the same, not streamed. Every error is an *openai.Error.
func (r *Request) Chat() ([]byte, error) {
	w := &openai.Wish{
		Model: r.Model, MaxTokens: r.MaxOutputTokens, Temperature: r.Temperature, TopP: r.TopP, Seed: r.Seed,
		ParallelToolCalls: r.Parallel, Choosing: r.Choosing,
	}
	w.Stick(r.CacheKey)
	if r.tellsLogprobs() {
		w.Logprobs, w.TopLogprobs = true, r.TopLogprobs
	}
	if r.Reasoning != nil && r.Reasoning.Effort != nil {
		w.ReasoningEffort = *r.Reasoning.Effort
	}
	if r.Text != nil {
		w.Verbosity = r.Text.Verbosity
		if err := r.Text.Format.chat(w); err != nil {
			return nil, err
		}
	}
	for _, t := range r.Tools {
		w.Offer(openai.Function{Name: t.Name, Description: t.Description, Parameters: t.Parameters, Strict: t.Strict})
	}
	if err := r.choose(w); err != nil {
		return nil, err
	}
	if r.Instructions != "" {
		w.Say("system", []openai.Part{openai.TextPart(r.Instructions)})
	}
	if err := readInput(w, r.Input); err != nil {
		return nil, err
	}
	switch none := len(r.Input) == 0 || string(r.Input) == "null"; {
	case len(w.Messages) > 0:
	case none:
		return nil, openai.Invalid("input", "missing required parameter: \"input\"")
	default:
		return nil, openai.Invalid("input", "input holds nothing that can be asked here: send text, messages, or what functions gave")
	}
	return w.JSON()
}

// tellsLogprobs says whether the answer shall tell its tokens' log-probabilities.
func (r *Request) tellsLogprobs() bool {
	return slices.Contains(r.Include, "message.output_text.logprobs") || r.TopLogprobs != nil && *r.TopLogprobs > 0
}

func (f *format) chat(w *openai.Wish) error {
	switch {
	case f == nil, f.Type == "text":
	case f.Type == "json_schema":
		return w.Follow(openai.Schema{Name: f.Name, Description: f.Description, Schema: f.Schema, Strict: f.Strict}, "text.format.schema")
	case f.Type == "json_object":
		w.ResponseFormat = map[string]string{"type": f.Type}
	default:
		return openai.Invalid("text.format.type", "text.format.type must be text, json_object or json_schema, not %.40q", f.Type)
	}
	return nil
}

// choose translates tool_choice. A choice of tools that are not there leaves the model free.
func (r *Request) choose(w *openai.Wish) error {
	if !given(r.ToolChoice) {
		return nil
	}
	var word string
	if json.Unmarshal(r.ToolChoice, &word) == nil {
		w.ToolChoice = word
		return nil
	}
	var c struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Mode  string `json:"mode"`
		Tools []tool `json:"tools"`
	}
	if json.Unmarshal(r.ToolChoice, &c) != nil {
		return openai.Invalid("tool_choice", "tool_choice must be \"auto\", \"none\", \"required\" or an object with a type")
	}
	switch c.Type {
	case "function":
		return w.Demand(c.Name)
	case "allowed_tools":
		w.ToolChoice = c.Mode
		w.Tools = slices.DeleteFunc(w.Tools, func(t openai.Tool) bool {
			return !slices.ContainsFunc(c.Tools, func(a tool) bool { return a.Name == t.Function.Name })
		})
	}
	return nil
}

func invalidItem(i int, format string, args ...any) error {
	e := openai.Errorf(http.StatusBadRequest, format, args...)
	e.Param = "input[" + itoa(i) + "]"
	return e
}
