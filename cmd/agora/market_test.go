package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"agora/localnet"
)

// pages are the documents whose `sh` blocks are run, in this order, against one market.
var pages = []string{"consumer.md", "nominator.md", "miner.md", "validator.md", "subnet.md", "governance.md"}

// machine is a home folder with the program on its PATH, as a newcomer has it.
type machine struct {
	t    *testing.T
	home string
	bin  string
}

func newMachine(t *testing.T) *machine {
	home, err := os.MkdirTemp("", "agora") // short: a unix socket's path is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	m := &machine{t: t, home: home, bin: filepath.Join(home, "bin")}
	build := exec.Command("go", "build", "-o", filepath.Join(m.bin, "agora"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return m
}

func (m *machine) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "HOME="+m.home, "PATH="+m.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Dir = m.home
	return cmd
}

// market is a running `agora localnet`.
type market struct {
	*machine
	home string
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

func (m *machine) start(args ...string) *market {
	run := &market{machine: m, home: filepath.Join(m.home, ".agora", "localnet"), done: make(chan error, 1)}
	run.cmd = m.command(context.Background(), filepath.Join(m.bin, "agora"), append([]string{"localnet"}, args...)...)
	run.cmd.Stdout, run.cmd.Stderr = &run.out, &run.out
	if err := run.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() { run.done <- run.cmd.Wait() }()
	m.t.Cleanup(func() { _ = run.cmd.Process.Kill() }) // gone already unless the test failed
	for range 1800 {
		if d, err := localnet.ReadDescription(run.home); err == nil && d.PID == run.cmd.Process.Pid {
			return run
		}
		select {
		case err := <-run.done:
			m.t.Fatalf("the market ended: %v\n%s", err, run.out.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	m.t.Fatal("the market did not open within three minutes")
	return nil
}

// stop sends Ctrl-C and expects a good end. A loaded machine may take longer than the ten seconds that a quiet one has.
func (run *market) stop() {
	run.t.Helper()
	if err := run.cmd.Process.Signal(syscall.SIGINT); err != nil {
		run.t.Fatal(err)
	}
	select {
	case err := <-run.done:
		if err != nil {
			run.t.Fatalf("Ctrl-C: %v\n%s", err, run.out.String())
		}
	case <-time.After(time.Minute):
		run.t.Fatal("the market did not stop within a minute of Ctrl-C")
	}
}

// sh runs a script as a person would type it and returns what it printed.
func (m *machine) sh(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := m.command(ctx, "bash", "-euo", "pipefail", "-c", script).CombinedOutput()
	return string(out), err
}

var block = regexp.MustCompile("(?s)```sh\n(.*?)```")

func TestTheDocumentedCommandsWork(t *testing.T) {
	m := newMachine(t)
	first := m.start()
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		blocks := block.FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 {
			t.Errorf("%s holds no commands", page)
		}
		var script strings.Builder
		for _, b := range blocks {
			script.WriteString(b[1])
		}
		out, err := m.sh(script.String())
		if err != nil {
			t.Errorf("%s: %v\n%s", page, err, out)
		}
		if strings.Contains(out, "raw_log: 'failed") || regexp.MustCompile(`(?m)^code: [1-9]`).MatchString(out) {
			t.Errorf("%s: a transaction was refused:\n%s", page, out)
		}
		t.Logf("%s:\n%s", page, out)
	}
	testBadRequests(t, m)
	first.stop()

	second := m.start() // the same home goes on where it stopped
	out, err := m.sh(`eval "$(agora localnet env)"; agora query staking delegations "$(agora keys show nominator -a)"`)
	if err != nil || !strings.Contains(out, "delegator_address") {
		t.Errorf("after the restart the nominator's delegation is gone: %v\n%s", err, out)
	}
	beside, err := m.sh(`agora localnet --home "$HOME/beside" --seed beside --validators 1 --miners 1 --for 15s`)
	if err != nil || !strings.Contains(beside, "The market is open") {
		t.Errorf("a second market beside the first: %v\n%s", err, beside)
	}
	second.stop()
}

// testBadRequests asks what must be refused, with advice.
func testBadRequests(t *testing.T, m *machine) {
	for _, c := range []struct{ name, script, want string }{
		{"no key", `curl -s "$AGORA_URL/models"`, "invalid_api_key"},
		{"wrong key", `curl -s "$AGORA_URL/models" -H "authorization: Bearer nonsense"`, "invalid_api_key"},
		{"unknown model", ask(`{"model":"nobody","messages":[{"role":"user","content":"hi"}]}`), "chat"},
		{"broken JSON", ask(`{"model":`), "invalid_request_error"},
		{"the running home", `agora localnet 2>&1 || true`, "start with another --home"},
		{"no market", `agora localnet check --home "$HOME/none" 2>&1 || true`, "start one with"},
		{"no backend", `agora miner --home ~/.agora/localnet --from consumer --backend http://127.0.0.1:9 2>&1 || true`, "is the server running"},
		{"no such native model", `agora miner --home ~/.agora/localnet --from consumer --model gpt 2>&1 || true`, "--backend URL"},
		{"no node", `agora miner --home "$HOME/none" --node http://127.0.0.1:9 --from x --model ngram-2 2>&1 || true`, "127.0.0.1:9"},
	} {
		out, err := m.sh(`eval "$(agora localnet env)"; ` + c.script)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, want %q in:\n%s", c.name, err, c.want, out)
		}
	}
}

func ask(body string) string {
	return fmt.Sprintf(`curl -s "$AGORA_URL/chat/completions" -H "authorization: Bearer $AGORA_KEY" -d '%s'`, body)
}

func TestEveryCommandHelpsWithAnExample(t *testing.T) {
	root, err := rootCommand()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localnet", "localnet check", "localnet env", "miner", "validator", "validator voice", "validator key create", "sim epoch", "sim guarantee", "sim copier", "node"} {
		cmd, _, err := root.Find(strings.Fields(name))
		if err != nil || cmd.CommandPath() != "agora "+name {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(cmd.Example, "agora ") {
			t.Errorf("%s has no example", name)
		}
	}
}
