package model_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"agora/engine/native/kernel"
	"agora/engine/native/modeltest"
)

// processors are others, and other levels of this one, each run as what it is: every time the two that round differently where code
// lets them, at night all.
var processors = []processor{
	{"386", "GOARCH=386", false, []string{"portable"}, nil},
	{"v3", "GOAMD64=v3", false, kernel.Levels(), nil},
	{"v1", "GOAMD64=v1", true, kernel.Levels(), nil},
	{"v2", "GOAMD64=v2", true, kernel.Levels(), nil},
	{"v4", "GOAMD64=v4", true, kernel.Levels(), nil},
	{"arm64", "GOARCH=arm64", true, []string{"portable", "neon-dot"}, []string{"qemu-aarch64", "qemu-aarch64-static"}},
}

type processor struct {
	name, env string
	nightly   bool
	levels    []string
	emulators []string // programs that can run it, if it cannot run by itself
}

// build compiles a program for the processor (words of `go`, without -o) and returns what runs it here.
func (p processor) build(t *testing.T, words ...string) []string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("runs 386 and amd64 programs")
	}
	if p.nightly && os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("AGORA_NIGHTLY=1, or make models")
	}
	var run []string
	for _, program := range p.emulators {
		if path, err := exec.LookPath(program); err == nil {
			run = []string{path}
		}
	}
	if len(run) < min(1, len(p.emulators)) {
		t.Skip("install the package qemu-user to run this")
	}
	binary := filepath.Join(t.TempDir(), "bits")
	words = slices.Insert(words, len(words)-1, "-ldflags=-s -w", "-o", binary)
	build := exec.CommandContext(t.Context(), "go", words...) // however long a machine under load takes
	build.Env = append(os.Environ(), "CGO_ENABLED=0", p.env)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return append(run, binary)
}

// output is what such a program prints.
func output(t *testing.T, words []string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && bytes.Contains(exit.Stderr, []byte("can only be run on")) {
		t.Skip("this processor is none of that kind")
	}
	if err != nil {
		t.Fatalf("%v: %v: %s", words[1:], err, out)
	}
	return out
}

func TestOtherProcessorsGiveTheSameBits(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for two targets, which takes some seconds")
	}
	for _, p := range processors {
		t.Run(p.name, func(t *testing.T) {
			run := p.build(t, "build", "agora/engine/native/modeltest/bits")
			for _, level := range p.levels {
				isGolden(t, level, output(t, append(slices.Clone(run), level)))
			}
		})
	}
}

// isGolden compares the logits of all shapes, which have as many each, with the golden file.
func isGolden(t *testing.T, level string, logits []byte) {
	t.Helper()
	golden, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(golden)), "\n")
	each := len(logits) / len(modeltest.Shapes)
	for i, s := range modeltest.Shapes {
		got := fmt.Sprintf("%s %v %x", s.Architecture, s.Types, sha256.Sum256(logits[i*each:(i+1)*each]))
		if got != lines[i] {
			t.Errorf("%s: got %s, want %s", level, got, lines[i])
		}
	}
}
