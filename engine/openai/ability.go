package openai

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strings"

	"agora/wire/openai"
)

const (
	toolTokens   = 48 // tokens that a call of a tool may take
	formatTokens = 40 // tokens that {"ok": true} may take
	margin       = 8  // tokens by which a prompt must grow to show that something of it was read
)

// assumed are abilities that a probe does not look for: servers take them, or refuse them by themselves.
const assumed = openai.CanBias | openai.CanPenalties | openai.CanSuffix | openai.CanTokens | openai.CanPrompts

// long is a text of many tokens in any vocabulary.
var long = strings.Repeat("one two three four five six seven eight nine ten ", 4)

// abilities tries what the backend does, rather than what it accepts: many servers take every field and leave half of them
// out in silence. What it does not do is refused here, so that another miner is asked.
func (b *Backend) abilities(ctx context.Context, can Capabilities) openai.Ability {
	all := assumed
	add := func(what openai.Ability, does bool) {
		if does {
			all |= what
		}
	}
	add(openai.CanChat, can.Chat)
	add(openai.CanComplete, can.Completions)
	add(openai.CanLogprobs, can.Logprobs)
	if can.Completions {
		add(openai.CanEcho, b.echoes(ctx))
	}
	if !can.Chat {
		return all
	}
	one := b.prompt(ctx, user("Hello"))
	add(openai.CanSystem, b.prompt(ctx, message("system", long), user("Hello")) > one+margin)
	add(openai.CanTurns, b.prompt(ctx, user("Hello"), message("assistant", long), user("Hello")) > one+margin)
	add(openai.CanImages, b.prompt(ctx, message("user", []any{part("text", "Hello"), picture()})) > one+margin)
	add(openai.CanChoices, len(b.answer(ctx, 1, map[string]any{"n": 2}).Choices) == 2)
	add(openai.CanTools, b.callsTools(ctx))
	add(openai.CanFormat, b.writesJSON(ctx))
	return all
}

func user(text string) map[string]any { return message("user", text) }

func message(role string, content any) map[string]any {
	return map[string]any{"role": role, "content": content}
}

func part(kind string, value any) map[string]any { return map[string]any{"type": kind, kind: value} }

// picture is a small image, as clients send one.
func picture() map[string]any {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 64, 64))); err != nil { // into memory
		panic(err)
	}
	return part("image_url", map[string]any{"url": "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())})
}

// given is what is looked at in an answer.
type given struct {
	Choices []struct {
		Text    string `json:"text"`
		Message struct {
			Content   openai.Content    `json:"content"`
			ToolCalls []json.RawMessage `json:"tool_calls"`
		} `json:"message"`
		Logprobs json.RawMessage `json:"logprobs"`
	} `json:"choices"`
	Usage json.RawMessage `json:"usage"`
}

// asked is how many tokens the question has, as the server counts; 0 where it does not say so in a way that can be read.
func (g given) asked() int {
	usage := openai.UsageOf(fmt.Appendf(nil, `{"usage":%s}`, g.Usage))
	if usage == nil {
		return 0
	}
	return usage.PromptTokens
}

// alternatives says that the answer tells what else its first token might have been.
func (g given) alternatives() bool {
	var told struct {
		Content []struct {
			TopLogprobs []json.RawMessage `json:"top_logprobs"`
		} `json:"content"`
	}
	return json.Unmarshal(g.Choices[0].Logprobs, &told) == nil && len(told.Content) > 0 && len(told.Content[0].TopLogprobs) > 0
}

// answer is the backend's answer to the usual question with some wishes; nothing where it refuses.
func (b *Backend) answer(ctx context.Context, tokens int, wishes map[string]any) given {
	var g given
	if b.ask(ctx, http.MethodPost, "/chat/completions", b.question(tokens, wishes), &g) != nil {
		return given{}
	}
	return g
}

// prompt is how many tokens the backend counts for messages; far below any real one where it refuses them. A server that
// counts none is taken for one that reads all it accepts.
func (b *Backend) prompt(ctx context.Context, messages ...map[string]any) int {
	g := b.answer(ctx, 1, map[string]any{"messages": messages})
	switch {
	case len(g.Choices) == 0:
		return -1 << 20
	case g.asked() <= 0:
		return len(messages) << 20
	}
	return g.asked()
}

func (b *Backend) echoes(ctx context.Context) bool {
	var g given
	err := b.ask(ctx, http.MethodPost, "/completions", map[string]any{"model": b.opt.Model, "prompt": "1 2 3", "max_tokens": 1, "echo": true}, &g)
	return err == nil && len(g.Choices) > 0 && strings.HasPrefix(strings.TrimSpace(g.Choices[0].Text), "1 2 3")
}

func (b *Backend) callsTools(ctx context.Context) bool {
	g := b.answer(ctx, toolTokens, map[string]any{
		"messages": []any{user("What is the weather in Paris?")}, "tool_choice": "required",
		"tools": []any{map[string]any{"type": "function", "function": map[string]any{
			"name": "weather", "description": "The weather in a city.",
			"parameters": object("city", "string"),
		}}},
	})
	return len(g.Choices) > 0 && len(g.Choices[0].Message.ToolCalls) > 0
}

func (b *Backend) writesJSON(ctx context.Context) bool {
	for range formatTries {
		g := b.answer(ctx, formatTokens, map[string]any{
			"messages": []any{user("Is water wet?")},
			"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{
				"name": "answer", "strict": true, "schema": object("ok", "boolean"),
			}},
		})
		var said struct {
			OK *bool `json:"ok"`
		}
		if len(g.Choices) > 0 && json.Unmarshal([]byte(g.Choices[0].Message.Content), &said) == nil && said.OK != nil {
			return true
		}
	}
	return false
}

// formatTries is how often a small model may lose itself in the blanks that JSON allows.
const formatTries = 3

// object is a schema with one member.
func object(member, kind string) map[string]any {
	return map[string]any{
		"type": "object", "properties": map[string]any{member: map[string]any{"type": kind}},
		"required": []string{member}, "additionalProperties": false,
	}
}
