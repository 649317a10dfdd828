package openai

import (
	"strings"
	"time"
)

// Model is an entry of GET /v1/models, in the fields of OpenAI, of Anthropic (type, display_name, created_at) and of
// OpenRouter (what it reads and can) at once: clients take those that they know.
type Model struct {
	ID          string        `json:"id"`
	Object      string        `json:"object"` // "model"
	Created     int64         `json:"created"`
	OwnedBy     string        `json:"owned_by"`
	Type        string        `json:"type,omitempty"` // "model"
	DisplayName string        `json:"display_name,omitempty"`
	CreatedAt   string        `json:"created_at,omitempty"`
	Context     int           `json:"context_length,omitempty"` // tokens; absent where no card tells it
	Form        *Architecture `json:"architecture,omitempty"`
	Parameters  []string      `json:"supported_parameters,omitempty"` // of a request
	Pricing     *Pricing      `json:"pricing,omitempty"`              // where requests are paid
	Servers     int           `json:"servers,omitempty"`              // that are connected now
	Open        *Open         `json:"open_model,omitempty"`           // the model that answers, where validators examine the weights themselves
}

// Open is what is known of a model whose weights validators have examined.
type Open struct {
	Name       string  `json:"name"`
	Digest     string  `json:"digest"`
	Author     string  `json:"author,omitempty"` // account; none for a model that belongs to nobody
	Licence    string  `json:"licence,omitempty"`
	Parameters uint64  `json:"parameters"`
	Capability float64 `json:"capability,omitempty"` // mean score of the examination, 0 to 1; none where a market only serves
	Place      int     `json:"place"`                // 1 is the best; 0 is none
}

// Pricing is what a token costs, in TAO as decimal strings: OpenRouter's fields.
type Pricing struct {
	Prompt     string `json:"prompt"`
	Completion string `json:"completion"`
}

// Architecture says what goes in and what comes out: "text", "image", "audio", "embeddings".
type Architecture struct {
	Modality string   `json:"modality"` // "text+image->text"
	Inputs   []string `json:"input_modalities"`
	Outputs  []string `json:"output_modalities"`
}

// ModelList is the answer to GET /v1/models. Models is empty, for agents that ask for a list in a form of their own and
// then know the model as one that they have not heard of.
type ModelList struct {
	Object  string  `json:"object"` // "list"
	Data    []Model `json:"data"`
	HasMore bool    `json:"has_more"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	Models  []any   `json:"models"`
}

// NewModelList lists models.
func NewModelList(models []Model) ModelList {
	l := ModelList{Object: "list", Data: models, Models: []any{}}
	if len(models) > 0 {
		l.FirstID, l.LastID = &models[0].ID, &models[len(models)-1].ID
	}
	return l
}

// parameters are the fields of requests that ask for an ability.
var parameters = []struct {
	can   Ability
	names []string
}{
	{CanTools, []string{"tools", "tool_choice"}},
	{CanFormat, []string{"response_format", "structured_outputs"}},
	{CanLogprobs, []string{"logprobs", "top_logprobs"}},
	{CanPenalties, []string{"presence_penalty", "frequency_penalty"}},
	{CanBias, []string{"logit_bias"}},
	{CanChoices, []string{"n"}},
	{CanSearch, []string{"web_search_options"}},
}

// Describe fills in what an entry says for all clients, and what is known of abilities (0 is nothing) and context.
func (m *Model) Describe(can Ability, context int) {
	m.Type, m.DisplayName, m.Context = "model", m.ID, context
	m.CreatedAt = time.Unix(m.Created, 0).UTC().Format(time.RFC3339)
	m.Form, m.Parameters = nil, nil
	if can == 0 {
		return
	}
	m.Form = architecture(can)
	if can&(CanChat|CanComplete) != 0 {
		m.Parameters = []string{"max_tokens", "temperature", "top_p", "seed", "stop"}
	}
	for _, p := range parameters {
		if can&p.can != 0 {
			m.Parameters = append(m.Parameters, p.names...)
		}
	}
}

func architecture(can Ability) *Architecture {
	f := &Architecture{}
	add := func(list *[]string, what string, does Ability) {
		if can&does != 0 {
			*list = append(*list, what)
		}
	}
	const text = CanChat | CanComplete
	add(&f.Inputs, "text", text|CanEmbed|CanRerank|CanDraw|CanSpeak)
	add(&f.Inputs, "image", CanImages)
	add(&f.Inputs, "audio", CanTranscribe|CanAudio)
	add(&f.Inputs, "file", CanFiles)
	add(&f.Outputs, "text", text|CanTranscribe)
	add(&f.Outputs, "embeddings", CanEmbed)
	add(&f.Outputs, "image", CanDraw)
	add(&f.Outputs, "audio", CanSpeak)
	f.Modality = strings.Join(f.Inputs, "+") + "->" + strings.Join(f.Outputs, "+")
	return f
}
