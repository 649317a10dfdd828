package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// leaves are all commands that do something.
func leaves(cmd *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.Runnable() {
			list = append(list, sub)
		}
		list = append(list, leaves(sub)...)
	}
	return list
}

// running are the commands whose work is to run until they are stopped.
var running = map[string]bool{"agora localnet": true, "agora sim guarantee": true, "agora sim copier": true, "agora sim split": true, "agora sim market": true}

// silent listens, takes connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return "http://" + l.Addr().String()
}

// TestEveryCommandEndsWithClosedInput runs every command with its arguments made up, nothing to read, and a node that
// takes the connection and is silent: each must end by itself.
func TestEveryCommandEndsWithClosedInput(t *testing.T) {
	t.Parallel() // it waits for what does not answer
	root, err := rootCommand()
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	node := silent(t)
	if out, err := m.sh("agora keys add a --keyring-backend test"); err != nil {
		t.Fatal(err, out)
	}
	slots := make(chan struct{}, 24) // most of them wait for the node
	var wg sync.WaitGroup
	count := 0
	for _, cmd := range leaves(root) {
		if running[cmd.CommandPath()] || cmd.Name() == "help" {
			continue
		}
		count++
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			endsAlone(t, m, cmd, node)
		})
	}
	wg.Wait()
	if count < 150 {
		t.Errorf("only %d commands were run", count)
	}
}

func endsAlone(t *testing.T, m *machine, cmd *cobra.Command, node string) {
	home, err := os.MkdirTemp(m.home, "closed")
	if err != nil {
		t.Error(err)
		return
	}
	args := strings.Fields(cmd.CommandPath())[1:]
	for range strings.Count(cmd.Use, "[") + strings.Count(cmd.Use, "<") {
		args = append(args, "1")
	}
	for flag, value := range map[string]string{"node": node, "home": home, "keyring-backend": "test", "ask": node, "backend": node, "from": "a"} {
		if cmd.Flags().Lookup(flag) != nil || cmd.InheritedFlags().Lookup(flag) != nil {
			args = append(args, "--"+flag, value)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second) // of which a loaded machine needs most to start it
	defer cancel()
	run := m.command(ctx, filepath.Join(m.bin, "agora"), args...)
	run.Dir, run.Stdin = home, nil
	run.WaitDelay = time.Second
	out, err := run.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Errorf("agora %s did not end within 90 s:\n%.400s", strings.Join(args, " "), out)
	case err != nil && !errors.As(err, &failed):
		t.Errorf("agora %s: %v", strings.Join(args, " "), err)
	case strings.Contains(string(out), "panic:") || strings.Contains(string(out), "goroutine 1 ["):
		t.Errorf("agora %s panics:\n%.1500s", strings.Join(args, " "), out)
	}
}

// TestASilentNodeIsToldWithinSeconds asks one that takes the connection and says nothing.
func TestASilentNodeIsToldWithinSeconds(t *testing.T) {
	t.Parallel() // it waits
	m := newMachine(t)
	node := silent(t)
	began := time.Now()
	out, err := m.sh(fmt.Sprintf("agora query bank total --node %s < /dev/null", node))
	if took := time.Since(began); err == nil || took > 3*answerWithin {
		t.Errorf("after %s: %v\n%s", took, err, out)
	}
}
