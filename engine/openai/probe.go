package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"agora/engine"
	"agora/wire/openai"
)

const (
	maxProbe = 4 << 20 // bytes of an answer that a probe reads
	maxNames = 20      // models named in an error

	maxListing = 10 * time.Second // for the list of models: it needs no model loaded
)

// Capabilities are what a backend showed it can do.
type Capabilities struct {
	Models      []string // names it lists
	Chat        bool     // answers /v1/chat/completions
	Completions bool     // answers /v1/completions
	Streaming   bool     // sends an answer as server-sent events, up to its finish_reason
	Logprobs    bool     // gives token log-probabilities with alternatives
	Seed        bool     // gave the same answer twice for the same seed at temperature 1
	Abilities   openai.Ability
	Untemplated string // why the model looks like a base model without a chat template; empty where it does not
}

// Probe asks the backend what it can do, with about a dozen requests of at most 48 tokens each, and settles on its model:
// Options.Model, else the only one listed. The error says what the operator can change.
func (b *Backend) Probe(ctx context.Context) (engine.Info, Capabilities, error) {
	var can Capabilities
	listing, cancel := context.WithTimeout(ctx, maxListing)
	defer cancel()
	list, err := b.models(listing)
	if err != nil {
		return engine.Info{}, can, fmt.Errorf("backend %s: %w; is the server running, and does its address end in /v1?", b.base, err)
	}
	for _, m := range list {
		can.Models = append(can.Models, m.id)
	}
	if err := b.settle(can.Models); err != nil {
		return engine.Info{}, can, err
	}
	can.Chat, can.Logprobs = b.tryChat(ctx)
	can.Completions = b.ask(ctx, http.MethodPost, "/completions", map[string]any{"model": b.opt.Model, "prompt": "1 2 3", "max_tokens": 1}, &given{}) == nil
	senses := b.senses(ctx)
	if !can.Chat && !can.Completions && senses == 0 {
		return engine.Info{}, can, fmt.Errorf("backend %s lists the model %q but answers nothing with it: no chat, completions, embeddings, ranking, images or speech", b.base, b.opt.Model)
	}
	if can.Chat {
		can.Streaming = b.tryStream(ctx)
		var said string
		can.Seed, said = b.trySeed(ctx)
		known, has := b.templated(ctx)
		can.Untemplated = untemplated(known, has, said)
	}
	can.Abilities = b.abilities(ctx, can) | senses
	b.can, b.plain = can.Abilities, can.Chat && !can.Streaming
	info := b.describe(ctx)
	info.Can = can.Abilities
	return info, can, ctx.Err()
}

func (b *Backend) settle(models []string) error {
	named := strings.Join(models[:min(len(models), maxNames)], ", ")
	switch {
	case len(models) == 0:
		return fmt.Errorf("backend %s lists no model; load one first", b.base)
	case b.opt.Model == "" && len(models) == 1:
		b.opt.Model = models[0]
	case b.opt.Model == "":
		return fmt.Errorf("backend %s has several models, name one of them: %s", b.base, named)
	case !slices.Contains(models, b.opt.Model) && !slices.Contains(models, b.opt.Model+":latest"):
		return fmt.Errorf("backend %s has no model %q, it has: %s", b.base, b.opt.Model, named)
	}
	return nil
}

// question is a chat request that costs at most n tokens.
func (b *Backend) question(n int, with map[string]any) map[string]any {
	q := map[string]any{
		"model": b.opt.Model, "max_tokens": n,
		"messages": []openai.Message{{Role: "user", Content: "Write three random words."}},
	}
	for k, v := range with {
		q[k] = v
	}
	return q
}

// tryChat asks with log-probabilities, and without them where the backend refuses the wish.
func (b *Backend) tryChat(ctx context.Context) (chat, logprobs bool) {
	if g := b.answer(ctx, 1, map[string]any{"logprobs": true, "top_logprobs": 2}); len(g.Choices) > 0 {
		return true, g.alternatives()
	}
	return len(b.answer(ctx, 1, nil).Choices) > 0, false
}

func (b *Backend) tryStream(ctx context.Context) bool {
	resp, err := b.call(ctx, http.MethodPost, "/chat/completions", b.question(2, map[string]any{"stream": true}))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = openai.Join(openai.NewStream(io.LimitReader(resp.Body, maxProbe), 1<<20))
	return err == nil
}

// trySeed also returns what was said, which may betray a base model.
func (b *Backend) trySeed(ctx context.Context) (same bool, answer string) {
	wish := map[string]any{"seed": 7, "temperature": 1}
	var said [2]openai.Content
	for i := range said {
		g := b.answer(ctx, 8, wish)
		if len(g.Choices) == 0 {
			return false, string(said[0])
		}
		said[i] = g.Choices[0].Message.Content
	}
	return said[0] == said[1] && said[0] != "", string(said[0]) + string(said[1])
}

// Say asks the server for one answer as a whole and returns its words.
func (b *Backend) Say(ctx context.Context, req *openai.ChatRequest) (string, error) {
	named := *req
	named.Model = b.opt.Model
	var said openai.ChatResponse
	if err := b.ask(ctx, http.MethodPost, "/chat/completions", &named, &said); err != nil {
		return "", err
	}
	if len(said.Choices) != 1 {
		return "", fmt.Errorf("the server gives %d answers to a request for one", len(said.Choices))
	}
	return string(said.Choices[0].Message.Content), nil
}

// ask sends v and decodes the answer.
func (b *Backend) ask(ctx context.Context, method, path string, v, into any) error {
	resp, err := b.call(ctx, method, path, v)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := openai.ReadBody(resp.Body, maxProbe)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, into) != nil {
		return errors.New("the answer is not what OpenAI's API gives")
	}
	return nil
}

// call sends v as JSON and returns the answer if its status is 200.
func (b *Backend) call(ctx context.Context, method, path string, v any) (*http.Response, error) {
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	r, err := b.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s answered with status %d", method, path, resp.StatusCode)
	}
	return resp, nil
}
