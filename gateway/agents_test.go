package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// worker is a model server for agents: given tools it calls one that it knows, told what the tool gave it repeats that,
// asked for JSON it writes some, and otherwise it is brief.
func worker() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var asked struct {
			Messages []struct {
				Role    string `json:"role"`
				Content any    `json:"content"`
			} `json:"messages"`
			Tools []struct {
				Function struct{ Name string } `json:"function"`
			} `json:"tools"`
			Format any `json:"response_format"`
		}
		_ = json.Unmarshal(body, &asked)
		var tools []string
		for _, t := range asked.Tools {
			tools = append(tools, t.Function.Name)
		}
		text := "CANARY_OK"
		last := len(asked.Messages) - 1
		if asked.Format != nil {
			text = `{"status":"ok"}`
		}
		if last >= 0 && asked.Messages[last].Role == "tool" {
			text = fmt.Sprintf("The tool said: %v", asked.Messages[last].Content)
		} else if name, arguments := known(tools); name != "" {
			sends(calls(name, arguments), false)(w, r)
			return
		}
		sends(canonical(speaks(text)), false)(w, r)
	}
}

// canonical names the object of every chunk, which some clients look for.
func canonical(stream string) string {
	return strings.ReplaceAll(stream, `{"id":"c1",`, `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",`)
}

// calls is a stream that calls a tool, its arguments in two parts.
func calls(tool, arguments string) string {
	half := len(arguments) / 2
	all := ""
	for i, part := range []string{"", arguments[:half], arguments[half:]} {
		call := map[string]any{"index": 0, "function": map[string]any{"arguments": part}}
		if i == 0 {
			call = map[string]any{"index": 0, "id": "call_9", "type": "function", "function": map[string]any{"name": tool, "arguments": ""}}
		}
		text, err := json.Marshal(call)
		if err != nil {
			panic(err)
		}
		role := ""
		if i == 0 { // without it LangChain drops the calls
			role = `"role":"assistant",`
		}
		all += `data: {"id":"c1","choices":[{"index":0,"delta":{` + role + `"tool_calls":[` + string(text) + "]}}]}\n\n"
	}
	return canonical(all + strings.Replace(finish, `"stop"`, `"tool_calls"`, 1) + tail)
}

// known finds a tool that the worker can use, and how.
func known(tools []string) (name, arguments string) {
	for _, t := range []struct{ name, arguments string }{
		{"weather", `{"city":"Paris"}`},
		{"compatcanary_echo", `{"value":"CANARY_OK"}`},
		{"exec_command", `{"cmd":"echo sunny"}`},
		{"shell", `{"command":["echo","sunny"]}`},
		{"shell_command", `{"command":"echo sunny"}`},
		{"Bash", `{"command":"echo sunny","description":"Say the weather"}`},
	} {
		if slices.Contains(tools, t.name) {
			return t.name, t.arguments
		}
	}
	return "", ""
}

// Clients as their users install them each use a tool through the door that they open: `make clients`.
func TestClientsUseTools(t *testing.T) {
	if os.Getenv("AGORA_CLIENTS") == "" {
		t.Skip("installs clients from their registries: make clients")
	}
	dir := clientsOf(t)
	m := newMarket(t, nil)
	m.add(0, 9, "", worker())
	for name, command := range map[string][]string{
		"anthropic-python": {"python3", "anthropic_tools.py"},
		"anthropic":        {"node", "anthropic_tools.mjs"},
		"openai-python":    {"python3", "responses_tools.py"},
		"openai":           {"node", "responses_tools.mjs"},
		"ai":               {"node", "ai_tools.mjs"},
		"langchain":        {"node", "langchain_tools.mjs"},
		"litellm":          {"python3", "litellm_tools.py"},
	} {
		t.Run(name, func(t *testing.T) {
			out := runClient(t, dir, nil, append(command, m.url, m.secret)...)
			require.Contains(t, out, "The tool said: sunny in Paris")
		})
	}
}

// Coding agents and a scanner of compatibility, in a network that has nothing but loopback: `make clients`.
func TestAgentsWork(t *testing.T) {
	if os.Getenv("AGORA_CLIENTS") == "" {
		t.Skip("installs clients from their registries: make clients")
	}
	dir := clientsOf(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "unshare", "--user", "--map-root-user", "--net", "sh", "-c",
		`ip link set lo up && exec "$0" -test.run '^TestAgentsInside$' -test.v`, self)
	cmd.Env = append(os.Environ(), "AGORA_AGENTS="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

func TestAgentsInside(t *testing.T) {
	dir := os.Getenv("AGORA_AGENTS")
	if dir == "" {
		t.Skip("is run by TestAgentsWork")
	}
	m := newMarket(t, nil)
	m.add(0, 9, "", worker())
	bin := filepath.Join(dir, "node_modules", ".bin")
	t.Run("codex", func(t *testing.T) {
		home := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte(`model = "chat"
model_provider = "agora"
[model_providers.agora]
name = "Agora"
base_url = "`+m.url+`/v1"
env_key = "AGORA_KEY"
wire_api = "responses"
`), 0o600))
		out := runClient(t, t.TempDir(), []string{"CODEX_HOME=" + home, "AGORA_KEY=" + m.secret},
			filepath.Join(bin, "codex"), "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "What is the weather?")
		require.Contains(t, out, "The tool said:")
		require.Contains(t, out, "sunny")
	})
	t.Run("claude", func(t *testing.T) {
		out := runClient(t, t.TempDir(), []string{
			"HOME=" + t.TempDir(), "ANTHROPIC_BASE_URL=" + m.url, "ANTHROPIC_AUTH_TOKEN=" + m.secret,
			"ANTHROPIC_MODEL=chat", "ANTHROPIC_SMALL_FAST_MODEL=chat", "DISABLE_TELEMETRY=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
		}, filepath.Join(bin, "claude"), "-p", "What is the weather?", "--allowedTools", "Bash(echo:*)")
		require.Contains(t, out, "The tool said: sunny")
	})
	for profile, least := range map[string]float64{"chat": 100, "modern": 90} {
		t.Run("compatcanary "+profile, func(t *testing.T) {
			out := runClient(t, dir, nil, filepath.Join(bin, "compatcanary"), "scan", "--base-url", m.url+"/v1", "--model", "chat",
				"--api-key", m.secret, "--profile", profile, "--format", "json")
			var report struct{ Score float64 }
			require.NoError(t, json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &report))
			require.GreaterOrEqual(t, report.Score, least, out)
		})
	}
}

// runClient runs a client to its end and returns what it said.
func runClient(t *testing.T, dir string, env []string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "PYTHONPATH="+filepath.Join(dir, "py")), env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", out, &log)
	return string(out)
}
