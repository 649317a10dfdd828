package gateway

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"agora/engine/llamacpptest"
	backend "agora/engine/openai"
	"agora/miner"
	"agora/wire/openai"
)

// realModel is a gateway whose only miner is llama.cpp's server, as `agora miner --backend` connects it.
func realModel(t *testing.T) *network {
	address := llamacpptest.Serve(t)
	quiet := slog.New(slog.DiscardHandler)
	b, err := backend.New(address, backend.Options{Log: quiet})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	info, can, err := b.Probe(t.Context())
	require.NoError(t, err)
	require.True(t, can.Chat && can.Completions && can.Streaming && can.Logprobs && can.Seed, "%+v", can)
	for _, one := range []openai.Ability{openai.CanSystem, openai.CanTurns, openai.CanFormat, openai.CanChoices} {
		require.NotZero(t, info.Can&one, "%v of %v", one.Names(), info.Can.Names())
	}
	for _, one := range []openai.Ability{openai.CanImages, openai.CanEcho} {
		require.Zero(t, info.Can&one, "%v of %v", one.Names(), info.Can.Names())
	}
	n := newNetwork(t)
	n.serve(info.Model, miner.NewProxy(b, miner.Options{Log: quiet, Capacity: 4, Queue: 100}), quiet)
	n.subnets[0].Miners[0].Can = info.Can
	require.NoError(t, n.Update(t.Context()))
	return n
}

// ask posts a chat request.
func (n *network) ask(t *testing.T, fields string) (int, string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/v1/chat/completions", strings.NewReader(`{"model":"chat",`+fields+`}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+n.secret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// A real server behind a real miner loses no request, streamed or not, asked without a pause: 60 here, 500 with
// AGORA_MODELS=1. llama.cpp closes each connection right after a stream that it promised to keep.
func TestRealServerLosesNoRequest(t *testing.T) {
	n := realModel(t)
	total, lanes := 60, 2
	if os.Getenv("AGORA_MODELS") != "" {
		total = 500
	}
	var lost []string
	var mu sync.Mutex
	var all sync.WaitGroup
	next := make(chan int)
	for range lanes {
		all.Go(func() {
			for i := range next {
				stream := i%2 == 0
				code, text := n.ask(t, fmt.Sprintf(`"max_tokens":%d,"stream":%t,"messages":[{"role":"user","content":"%d"}]`, 1+i%2, stream, i))
				whole := strings.Contains(text, `"finish_reason"`) && !strings.Contains(text, `"error"`) && strings.HasSuffix(text, "data: [DONE]\n\n") == stream
				if code != http.StatusOK || !whole {
					mu.Lock()
					lost = append(lost, fmt.Sprintf("request %d, stream %v: %d %.300s", i, stream, code, text))
					mu.Unlock()
				}
			}
		})
	}
	for i := range total {
		next <- i
	}
	close(next)
	all.Wait()
	require.Empty(t, lost, "%d of %d lost", len(lost), total)
	t.Logf("0 of %d requests lost", total)

	for name, c := range map[string]struct{ fields, says string }{
		"image":   {`"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]`, "unsupported_parameter"},
		"context": {`"max_tokens":8,"messages":[{"role":"user","content":"` + strings.Repeat("word ", 3000) + `"}]`, "context_length_exceeded"},
	} {
		for range breakAfter {
			code, text := n.ask(t, c.fields)
			require.Equal(t, http.StatusBadRequest, code, name)
			require.Contains(t, text, c.says, name)
		}
	}
	require.Zero(t, n.healthOf(n.subnets[0].Miners[0].HotKey).failed, "what a consumer sends is no fault of the miner's")
	code, text := n.ask(t, `"max_tokens":120,"temperature":0,"messages":[{"role":"user","content":"Is water wet?"}],"response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}}}`)
	require.Equal(t, http.StatusOK, code, text)
	require.Contains(t, text, `\"ok\"`)
}
