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

// The golden bits again, compiled for other processors and other levels of this one, each run as what it is: every time the two that
// round differently where code lets them, at night all.
func TestOtherProcessorsGiveTheSameBits(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for two targets, which takes some seconds")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("runs 386 and amd64 programs")
	}
	for _, c := range []struct {
		name, env string
		nightly   bool
		levels    []string
		run       []string // programs that can run it, if it cannot run by itself
	}{
		{"386", "GOARCH=386", false, []string{"portable"}, nil},
		{"v3", "GOAMD64=v3", false, kernel.Levels(), nil},
		{"v1", "GOAMD64=v1", true, kernel.Levels(), nil},
		{"v2", "GOAMD64=v2", true, kernel.Levels(), nil},
		{"v4", "GOAMD64=v4", true, kernel.Levels(), nil},
		{"arm64", "GOARCH=arm64", true, []string{"portable", "neon-dot"}, []string{"qemu-aarch64", "qemu-aarch64-static"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.nightly && os.Getenv("AGORA_NIGHTLY") == "" {
				t.Skip("AGORA_NIGHTLY=1, or make models")
			}
			var words []string
			for _, program := range c.run {
				if path, err := exec.LookPath(program); err == nil {
					words = []string{path}
				}
			}
			if len(words) < min(1, len(c.run)) {
				t.Skip("install the package qemu-user to run this")
			}
			binary := filepath.Join(t.TempDir(), "bits")
			ctx := t.Context() // however long a machine under load takes
			build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", binary, "agora/engine/native/modeltest/bits")
			build.Env = append(os.Environ(), "CGO_ENABLED=0", c.env)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, level := range c.levels {
				all := append(slices.Clone(words), binary, level)
				out, err := exec.CommandContext(ctx, all[0], all[1:]...).Output()
				var exit *exec.ExitError
				if errors.As(err, &exit) && bytes.Contains(exit.Stderr, []byte("can only be run on")) {
					t.Skip("this processor is none of that kind")
				}
				if err != nil {
					t.Fatalf("%s: %v", level, err)
				}
				isGolden(t, level, out)
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
