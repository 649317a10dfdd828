package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// elsewhere are the commands whose examples need a network; the tests of the pages run them on one.
var elsewhere = []string{"agora localnet", "agora miner", "agora miner status", "agora validator", "agora validator voice", "agora validator explain", "agora subnet", "agora subnet new", "agora task publish", "agora task", "agora task try", "agora task pack", "agora task recompute", "agora compound", "agora compound grant", "agora compound run", "agora compound revoke", "agora pay", "agora pay open", "agora pay topup", "agora pay status", "agora pay withdraw", "agora pay credit", "agora pay serve", "agora money", "agora node", "agora node join", "agora"}

// own lists the commands that are ours and not the SDK's.
func own(root *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{root}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		list = append(list, c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	for _, c := range root.Commands() {
		switch c.Name() {
		case "localnet", "testnet", "miner", "validator", "sim", "task", "subnet", "pay", "money":
			walk(c)
		case "node":
			list = append(list, c)
			for _, sub := range c.Commands() {
				if sub.Name() == "init" || sub.Name() == "join" {
					list = append(list, sub)
				}
			}
		}
	}
	return list
}

func TestEveryCommandOfOursHelpsWithAnExample(t *testing.T) {
	root, err := rootCommand()
	if err != nil {
		t.Fatal(err)
	}
	if list := own(root); len(list) < 15 {
		t.Fatalf("%d commands of ours", len(list))
	}
	for _, c := range own(root) {
		if !strings.Contains(c.Example, "agora ") || c.Short == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
	}
}

// TestExamplesWork runs what the help shows, where it needs no network.
func TestExamplesWork(t *testing.T) {
	root, err := rootCommand()
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	inPlace := strings.NewReplacer("/tmp/", m.home+"/", "mechanism/", repository+"/mechanism/", "guarantee --json", "guarantee --json --seeds 1",
		"sim market\n", "sim market --attack \"8 tied\"\n",
		"revoke 01234567", `revoke "$(agora validator key list | awk 'NR == 2 { print $1 }')"`,
		"limit 01234567", `limit "$(agora validator key list | awk 'NR == 2 { print $1 }')"`)
	for _, c := range own(root) {
		if slices.Contains(elsewhere, c.CommandPath()) || strings.HasPrefix(c.CommandPath(), "agora localnet ") {
			continue
		}
		if out, err := m.sh(inPlace.Replace(c.Example)); err != nil {
			t.Errorf("%s: %v\n%s", c.CommandPath(), err, out)
		}
	}
}

func TestTheStudiesOfThePageRun(t *testing.T) {
	m := newMachine(t)
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	script := strings.NewReplacer("guarantee --all", "guarantee --seeds 1", "sim copier", "sim copier --seeds 1").Replace(blocks(t, "epoch.md", "sh"))
	out, err := m.sh("cd " + repository + "\n" + script)
	if err != nil || !strings.Contains(out, "shipped") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestExitCodesAndAdvice(t *testing.T) {
	m := newMachine(t)
	for _, c := range []struct {
		script string
		code   int
		want   string
	}{
		{"agora --version", exitOK, "agora version"},
		{"agora nonsense", exitUsage, "unknown command"},
		{"agora sim nonsense", exitUsage, "unknown command"},
		{"agora query bank nonsense", exitUsage, "unknown command"},
		{"agora localnet --bogus", exitUsage, "unknown flag"},
		{"agora sim epoch", exitUsage, "requires at least 1 arg"},
		{"agora sim market --attack nonsense", exitUsage, "no attack is called so"},
		{"agora sim guarantee --seeds 0", exitUsage, "give 1 to 1000"},
		{"agora sim copier --noise=-1", exitUsage, "give 0 to 10"},
		{"agora sim copier --drift=NaN", exitUsage, "give 0 to 1"},
		{"agora sim copier --age 5,2", exitUsage, "ascending"},
		{"agora node start", exitFailure, "agora node init NAME"},
		{"agora node comet show-node-id", exitFailure, "agora node join NAME"},
		{"agora query block --node http://127.0.0.1:9", exitFailure, "agora localnet env"},
		{"agora keys add x --home ring --keyring-backend file < /dev/null", exitFailure, "pipe the passphrase in"},
		{"agora testnet", exitFailure, "give --home"},
		{"agora node init a --chain-id agora-1 --keyring-backend gold", exitFailure, "os, file or test"},
		{"agora tx gov submit-proposal --help", exitOK, "agora tx gov submit-proposal path"},
	} {
		out, err := m.sh(c.script)
		code := exitOK
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			code = failed.ExitCode()
		}
		if code != c.code || !strings.Contains(out, c.want) || strings.Contains(out, "<appd>") {
			t.Errorf("%s ends with %d, want %d and %q in:\n%s", c.script, code, c.code, c.want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(m.home, ".agora")); err == nil {
		t.Error("commands that failed or only read left ~/.agora behind")
	}
}

func TestReadingLeavesAHomeFitForAMarket(t *testing.T) {
	m := newMachine(t)
	home := filepath.Join(m.home, "market")
	if out, err := m.sh("agora query block --home " + home + " || true; agora keys list --home " + home); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if entries, err := os.ReadDir(home); err == nil && len(entries) > 0 {
		t.Errorf("reading wrote %v", entries)
	}
}

func TestWhatIsPrintedForProgramsIsJSON(t *testing.T) {
	m := newMachine(t)
	for _, script := range []string{
		"agora testnet --n 1 --home net --json",
		"agora node init a --home node --chain-id agora-1 --json",
		"agora validator key create alice --json",
		"agora validator key create bob --budget 2tao --budget-day 0.5tao --models chat,chat-l --expires 720h --json",
		`agora validator key limit "$(agora validator key list | awk 'NR == 2 { print $1 }')" --budget-month 1tao --json`,
		"agora validator key list --json",
		`agora validator key revoke "$(agora validator key list | awk 'NR == 2 { print $1 }')" --json`,
		"agora sim copier --json --seeds 1 --drift 0 --noise 0 --age 1",
	} {
		out, err := m.sh(script)
		if err != nil || !json.Valid([]byte(out)) {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

func TestCtrlCStopsAStudy(t *testing.T) {
	m := newMachine(t)
	cmd := m.command(t.Context(), filepath.Join(m.bin, "agora"), "sim", "guarantee", "--all", "--seeds", "50")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if _, err := io.CopyN(&out, said, 1); err != nil { // it has begun, and says so
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := io.Copy(&out, said); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != exitFailure || !strings.Contains(out.String(), "agora: stopped") {
		t.Errorf("ended with %v and said %q", err, out.String())
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("stopped after %s", took)
	}
}

// TestASecondCtrlCEndsAtOnce asks a command twice that cannot hear the first time: nobody writes what it waits to read.
func TestASecondCtrlCEndsAtOnce(t *testing.T) {
	m := newMachine(t)
	pipe := filepath.Join(m.home, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := m.command(t.Context(), filepath.Join(m.bin, "agora"), "sim", "epoch", pipe)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	for wait := time.Now().Add(m.patience()); errors.Is(err, syscall.ENXIO) && time.Now().Before(wait); { // nobody reads yet
		time.Sleep(50 * time.Millisecond)
		writer, err = os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for range 2 {
		time.Sleep(2 * time.Second) // to wait, then to hear the first
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("still there ten seconds after the second Ctrl-C")
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-ended
	}
}
