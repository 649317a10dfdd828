package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// program is the file that the tests start as agora: this one, which is the program where it is called so. That saves linking it
// once more. AGORA_BINARY names another.
func program() (string, error) {
	if path := os.Getenv("AGORA_BINARY"); path != "" {
		return path, nil
	}
	return os.Executable()
}

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "agora" {
		main()
	}
	_ = flag.Set("test.parallel", "4") // unless go test is given another: these tests wait for blocks and for silent nodes
	os.Exit(m.Run())
}

// machine is a home folder with the program on its PATH, as a newcomer has it.
type machine struct {
	t    *testing.T
	home string
	bin  string

	goCache string // the tester's own: what a task is built from need not be compiled again
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("", "agora") // short: a unix socket's path is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	m := &machine{t: t, home: home, bin: filepath.Join(home, "bin"), goCache: os.Getenv("GOCACHE")}
	if cache, err := os.UserCacheDir(); err == nil && m.goCache == "" {
		m.goCache = filepath.Join(cache, "go-build")
	}
	if err := os.Mkdir(m.bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(m.bin, "agora")); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *machine) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "GOCACHE="+m.goCache, "AGORA_WALLET=", "AGORA_HOME=", "HOME="+m.home, "PATH="+m.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Dir = m.home
	return cmd
}

// patience is how long there is to wait: a machine that others use too may take any time, so only go test's own limit ends it,
// early enough to say what is missing.
func (m *machine) patience() time.Duration {
	end, ok := m.t.Deadline()
	if !ok {
		return time.Hour
	}
	return max(time.Until(end)-30*time.Second, time.Second)
}

// sh runs a script as a person would type it and returns what it printed; an error names the command that ended it.
func (m *machine) sh(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), m.patience())
	defer cancel()
	failed := filepath.Join(m.home, "failed")
	trap := `trap 'printf %s "$BASH_COMMAND" > "` + failed + `"' ERR; `
	out, err := m.command(ctx, "bash", "-Eeuo", "pipefail", "-c", trap+script).CombinedOutput()
	if command, e := os.ReadFile(failed); err != nil && e == nil {
		err = fmt.Errorf("%w at: %s", err, command)
	}
	os.Remove(failed)
	return string(out), err
}

// end is the last of what a script printed: enough to see what went wrong.
func end(out string) string {
	const enough = 3000
	return "…" + out[max(0, len(out)-enough):]
}

// fence is a block of commands in a page; what follows ``` says what it needs.
var fence = regexp.MustCompile("(?s)```(sh[a-z ]*)\n(.*?)```")

// blocks is the script of a page's blocks of one kind.
func blocks(t *testing.T, page, kind string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, b := range fence.FindAllStringSubmatch(string(text), -1) {
		if b[1] == kind {
			script.WriteString(b[2])
		}
	}
	if script.Len() == 0 {
		t.Fatalf("%s holds no commands of kind %q", page, kind)
	}
	return script.String()
}
