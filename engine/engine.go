// Package engine says what can answer a request. A backend implements the small interfaces it can serve:
// Chatter for chat turns, Completer for text to continue.
package engine

import (
	"context"
	"encoding/json"
	"strconv"

	"agora/wire/openai"
)

// Info describes the model behind an engine, as its card on the chain does.
type Info struct {
	Model     string // name, e.g. "chat-s"
	Digest    string // "sha256:<hex>" of the weights; empty where unknown
	Engine    string // "native", "openai", ...
	Version   string // of the engine
	Licence   string // SPDX identifier
	Context   int    // tokens
	Precision string // e.g. "f16", "f32", "count"; the quantisation of a backend's model
	Metadata  string // JSON with what else is told of the model, at most 512 bytes

	// Can is what the model can do beyond one question in text. Requests for anything else are refused before the engine
	// sees them; 0 is unknown, and leaves it to the engine.
	Can openai.Ability

	Capacity int // requests that whoever serves it works on at once; 0 is unknown
}

// CardMetadata is what a model's card says in its free field: Metadata, with the abilities and the capacity where they are known and
// all fit into 512 bytes.
func (i Info) CardMetadata() string {
	if i.Can == 0 && i.Capacity == 0 {
		return i.Metadata
	}
	told := map[string]json.RawMessage{}
	if i.Metadata != "" && json.Unmarshal([]byte(i.Metadata), &told) != nil {
		return i.Metadata
	}
	for _, own := range []map[string]json.RawMessage{told, {}} { // routing and judging need what is added, the rest is for people
		if i.Can != 0 {
			can, err := json.Marshal(i.Can.Names())
			if err != nil { // strings always marshal
				panic(err)
			}
			own["can"] = can
		}
		if i.Capacity > 0 {
			own["capacity"] = json.RawMessage(strconv.Itoa(i.Capacity))
		}
		if text, err := json.Marshal(own); err == nil && len(text) <= maxMetadata {
			return string(text)
		}
	}
	return i.Metadata
}

// CapacityOf reads from a card's free field how many requests its miner works on at once; 0 where it does not tell.
func CapacityOf(card string) int {
	var m struct {
		Capacity int `json:"capacity"`
	}
	if json.Unmarshal([]byte(card), &m) != nil {
		return 0
	}
	return max(0, m.Capacity)
}

const maxMetadata = 512 // bytes of a card's free field

// AbilitiesOf reads the abilities from a card's free field; 0 where it tells none.
func AbilitiesOf(card string) openai.Ability {
	var m struct {
		Can []string `json:"can"`
	}
	if json.Unmarshal([]byte(card), &m) != nil {
		return 0
	}
	return openai.Abilities(m.Can)
}

// Token is one generated token. Logprob is a natural logarithm, at most 0; Top lists alternatives, best first.
type Token struct {
	Bytes   []byte
	Logprob float64
	Top     []Alternative
	Choice  int // which of the request's n answers it belongs to, from 0
	End     *End
}

// End is the last that comes of an answer, in a Token of its own without bytes. An engine that gives one answer in text may
// leave it out: what its Chat returns says the same.
type End struct {
	Finish  Finish
	Stopped string            // the request's stop string at which it ended; empty where something else ended it
	Calls   []openai.ToolCall // functions that the model wants called
	IDs     []int32           // the tokens that were chosen, by their numbers in the model's vocabulary, an end token included
}

// Alternative is a token that could have stood in a place, with the natural log of its probability.
type Alternative struct {
	Bytes   []byte
	Logprob float64
}

// Finish says why an answer ended.
type Finish string

// Reasons for an answer's end, as OpenAI spells them.
const (
	FinishStop   Finish = "stop"
	FinishLength Finish = "length"
	FinishCalls  Finish = "tool_calls"
)

// Chatter answers a chat turn. It calls emit once per token, in order, and stops at emit's error or when ctx ends.
type Chatter interface {
	Chat(ctx context.Context, req *openai.ChatRequest, emit func(Token) error) (openai.Usage, Finish, error)
}

// Completer continues a text. It calls emit once per token, in order, and stops at emit's error or when ctx ends.
type Completer interface {
	Complete(ctx context.Context, req *openai.CompletionRequest, emit func(Token) error) (openai.Usage, Finish, error)
}

// Draw is what the answer to a request without a seed of its own is drawn from, so that its asker can draw it again.
type Draw struct {
	Nonce   [16]byte
	Request [32]byte // hash of the request under the nonce
}

type drawKey struct{}

// WithDraw gives an engine the draw of the request whose context it is.
func WithDraw(ctx context.Context, d Draw) context.Context {
	return context.WithValue(ctx, drawKey{}, d)
}

// DrawOf is the draw of a request, if it has one. Without one, an engine draws by chance.
func DrawOf(ctx context.Context) (Draw, bool) {
	d, ok := ctx.Value(drawKey{}).(Draw)
	return d, ok
}

// Replayer checks answers by running the model on them again: an exact engine chooses the same tokens on every machine.
type Replayer interface {
	// Replay reads the request and the tokens of one of its answers, and draws every token again.
	Replay(ctx context.Context, req *openai.ChatRequest, ids []int32, seed [32]byte) (Verdict, error)
	// Score returns the natural logarithm of each token's probability after the ones before it, but for the first token.
	Score(ctx context.Context, ids []int32) ([]float64, error)
}

// Gauger measures how far an answer of another engine is from the model's own.
type Gauger interface {
	// Gaps reads the words of an answer to a request that wants one text at temperature 0, and returns of each of its tokens by how many
	// nats it was less probable than the model's choice after the same words: 0 where it was that choice. The end counts as a token, but
	// where the answer reached its limit. Other requests are an *openai.Error of status 400.
	Gaps(ctx context.Context, req *openai.ChatRequest, answer string) ([]float64, error)
}

// Verdict is what a replay found.
type Verdict struct {
	Differs int  // the first position whose token would not have been chosen; -1 for none
	Ends    bool // the answer ends where it must: with an end token, a stop string, a whole form, or the limit
	Over    bool // it is longer than the request, or this engine's context, allows; nothing else is known then
	Prompt  int  // tokens of the prompt

	// What the tokens of a right answer say to a consumer.
	Content []byte
	Calls   []openai.ToolCall
	Finish  Finish
}

// Right says whether the answer is one that the model gave.
func (v Verdict) Right() bool { return v.Differs < 0 && v.Ends }

// Engine is a model that can be served: it describes itself and implements Chatter, Completer or both.
type Engine interface {
	Info() Info
}
