package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/stretchr/testify/require"
)

// seen is what a client makes of one case.
type seen struct {
	Case  string `json:"case"`
	Text  string `json:"text"`
	Usage int    `json:"usage"`
	Error string `json:"error"`
}

// cases are what a consumer can meet, by the word that the miner below listens to: what a client must see of each, error
// for some error.
var cases = []struct {
	name string
	want string
}{
	{"plain", "one two 7"},
	{"stream", "one two 7"},
	{"comments", "one two 7"},
	{"late", "one two 7"},
	{"unended", "one two 7"},
	{"died", "error GPU died"},
	{"cut", "error not complete"},
	{"half", "error not complete"},
	{"refused", "error only cats"},
	{"busy", "one two 7"},
}

// actor is a miner that plays the case that it is asked for.
func actor() http.HandlerFunc {
	var busy sync.Map // by the second time
	usage := "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}}\n\n"
	part := func(text string) string {
		return "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"" + text + "\"},\"finish_reason\":null}]}\n\n"
	}
	end := "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	whole := part("one ") + part("two") + end + usage
	play := map[string]struct {
		text   string
		broken bool
	}{
		"plain": {whole + ended, false}, "stream": {whole + ended, false}, "busy": {whole + ended, false},
		"comments": {strings.Repeat(": ping\n\n", 400) + part("one ") + ": ping\n\n" + part("two") + end + usage + ended, false},
		"late":     {whole + ended, false},
		"unended":  {whole, false},
		"died":     {part("one ") + "event: error\ndata: {\"error\":\"GPU died\"}\n\n", false},
		"cut":      {part("one "), true},
		"half":     {part("one ") + part("two") + ended, false},
	}
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var asked struct{ Messages []struct{ Content string } }
		_ = json.Unmarshal(body, &asked)
		name := asked.Messages[0].Content
		switch name {
		case "refused":
			refuses(http.StatusBadRequest, `{"error":"only cats may ask"}`)(w, r)
			return
		case "late":
			time.Sleep(400 * time.Millisecond)
		case "busy":
			if again, _ := busy.LoadOrStore(name, new(sync.Once)); !firstTime(again.(*sync.Once)) {
				busy.Delete(name)
				break
			}
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		sends(play[name].text, play[name].broken)(w, r)
	}
}

func firstTime(o *sync.Once) (first bool) {
	o.Do(func() { first = true })
	return first
}

// stage is a gateway in front of the actor, whose streams are kept alive often.
func stage(t *testing.T) *market {
	m := newMarket(t, func(c *Config) { c.KeepAlive, c.Total = 50*time.Millisecond, 5*time.Second })
	m.add(0, 9, "", actor())
	return m
}

// check compares what a client saw with what it should have; others are the cases in which the client itself differs.
func check(t *testing.T, got []seen, others map[string]string) {
	t.Helper()
	require.Len(t, got, len(cases))
	for i, c := range cases {
		want := c.want
		if other, ok := others[c.name]; ok {
			want = other
		}
		text := fmt.Sprintf("%s %d", got[i].Text, got[i].Usage)
		if reason, ok := strings.CutPrefix(want, "error "); ok {
			require.NotEmpty(t, got[i].Error, "%s was taken for whole: %s", c.name, text)
			require.Contains(t, strings.ToLower(got[i].Error), strings.ToLower(reason), c.name)
			continue
		}
		require.Empty(t, got[i].Error, c.name)
		require.Equal(t, want, text, c.name)
	}
}

func TestOfficialGoClientBehaves(t *testing.T) {
	m := stage(t)
	client := m.client(option.WithMaxRetries(2))
	var got []seen
	for _, c := range cases {
		s := seen{Case: c.name}
		var err error
		if c.name == "plain" {
			var r *openai.ChatCompletion
			if r, err = client.Chat.Completions.New(t.Context(), chatOf(c.name)); err == nil {
				s.Text, s.Usage = r.Choices[0].Message.Content, int(r.Usage.TotalTokens)
			}
		} else {
			p := chatOf(c.name)
			p.StreamOptions.IncludeUsage = param.NewOpt(true)
			stream := client.Chat.Completions.NewStreaming(t.Context(), p)
			var acc openai.ChatCompletionAccumulator
			for stream.Next() {
				acc.AddChunk(stream.Current())
			}
			if err = stream.Err(); err == nil {
				s.Text, s.Usage = acc.Choices[0].Message.Content, int(acc.Usage.TotalTokens)
			}
		}
		if err != nil {
			s.Error = message(err)
		}
		got = append(got, s)
	}
	check(t, got, nil)
}

// Six more clients as their users install them, pinned, in the user's cache: `make clients`.
func TestClientsBehave(t *testing.T) {
	if os.Getenv("AGORA_CLIENTS") == "" {
		t.Skip("installs six clients from their registries: make clients")
	}
	dir := clientsOf(t)
	python := []string{"PYTHONPATH=" + filepath.Join(dir, "py")}
	for _, c := range []struct {
		name    string
		command []string
		env     []string
		others  map[string]string
	}{
		{"openai-python", []string{"python3", "openai_client.py"}, python, nil},
		{"litellm", []string{"python3", "litellm_client.py"}, python, nil},
		{"openai", []string{"node", "openai_client.mjs"}, nil, nil},
		{"ai", []string{"node", "ai_client.mjs"}, nil, nil},
		{"langchain", []string{"node", "langchain_client.mjs"}, nil, nil},
		// It asks once, and never again by itself.
		{"go-openai", []string{filepath.Join(dir, "goclient")}, nil, map[string]string{"busy": "error 429"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := stage(t)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			args := append(c.command[1:], m.url+"/v1", m.secret)
			for _, one := range cases {
				args = append(args, one.name)
			}
			cmd := exec.CommandContext(ctx, c.command[0], args...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), c.env...)
			var log bytes.Buffer
			cmd.Stderr = &log
			out, err := cmd.Output()
			require.NoError(t, err, "%s", &log)
			var got []seen
			for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
				var s seen
				if json.Unmarshal(lines.Bytes(), &s) == nil && s.Case != "" {
					got = append(got, s)
				}
			}
			check(t, got, c.others)
		})
	}
}

// clientsOf installs the clients once per content of their lists, and returns where.
func clientsOf(t *testing.T) string {
	t.Helper()
	const from = "testdata/clients"
	hash := sha256.New()
	for _, name := range []string{"requirements.txt", "package.json"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		require.NoError(t, err)
		hash.Write(text)
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "agora", "clients-"+hex.EncodeToString(hash.Sum(nil)[:8]))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		if !e.IsDir() {
			copyFile(t, filepath.Join(from, e.Name()), filepath.Join(dir, e.Name()))
		}
	}
	install(t, dir, "npm", "install", "--no-audit", "--no-fund", "--silent")
	if _, err := os.Stat(filepath.Join(dir, "py")); err != nil {
		install(t, dir, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "py.part", "--requirement", "requirements.txt")
		require.NoError(t, os.Rename(filepath.Join(dir, "py.part"), filepath.Join(dir, "py")))
	}
	code := filepath.Join(dir, "go")
	require.NoError(t, os.MkdirAll(code, 0o755))
	copyFile(t, filepath.Join(from, "go", "main.go.txt"), filepath.Join(code, "main.go"))
	require.NoError(t, os.WriteFile(filepath.Join(code, "go.mod"), []byte("module client\n\ngo 1.26\n\nrequire github.com/sashabaranov/go-openai v1.43.0\n"), 0o644))
	install(t, code, "go", "build", "-mod=mod", "-o", filepath.Join(dir, "goclient"), ".")
	return dir
}

func install(t *testing.T, dir string, command ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", strings.Join(command, " "), out)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, text, 0o644))
}
