package yuma_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"agora/study/draw"
)

// recordedDigest is what digest returned when this was written. A change of any
// bit of any result changes it, and so does a new option, which draws of its own and
// shifts all later draws: the last one was StakeWeightedBonds.
const recordedDigest = "807a4e2f39c0ef531f4e92c78eee973609aafca5472c92a3646ad6d2a53379d8"

func TestDigestOfManyEpochs(t *testing.T) {
	if got := digest(); got != recordedDigest {
		t.Errorf("the digest of three hundred epochs is %s, it was %s", got, recordedDigest)
	}
}

// digest is of every bit that some hundred epochs produce; TestBitsAreTheSameOnEveryMachine lets others compute them too.
func digest() string {
	hash := sha256.New()
	draw.Results(hash)
	return hex.EncodeToString(hash.Sum(nil))
}

func TestBitsAreTheSameOnEveryMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for other processors, which takes some seconds")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command to build for other processors: ", err)
	}
	for _, machine := range []struct{ name, arch, level, procs string }{
		{"GOMAXPROCS=1", runtime.GOARCH, "", "1"},
		{"GOMAXPROCS=2", runtime.GOARCH, "", "2"},
		{"GOAMD64=v1", "amd64", "v1", ""},
		{"GOAMD64=v3", "amd64", "v3", ""},
		{"GOARCH=386", "386", "", ""},
	} {
		t.Run(machine.name, func(t *testing.T) {
			if machine.arch != runtime.GOARCH && runtime.GOARCH != "amd64" {
				t.Skipf("a %s processor cannot execute %s programs", runtime.GOARCH, machine.arch)
			}
			binary := filepath.Join(t.TempDir(), "bits")
			build := exec.Command(goTool, "build", "-ldflags=-s -w", "-o", binary, "agora/study/draw/bits")
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+machine.arch, "GOAMD64="+machine.level)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("building: %v\n%s", err, out)
			}
			if got := digestOf(t, binary, machine.procs); got != recordedDigest {
				t.Errorf("digest %s, want %s", got, recordedDigest)
			}
		})
	}
}

// digestOf is the digest of what the built program prints.
func digestOf(t *testing.T, binary, procs string) string {
	t.Helper()
	run := exec.Command(binary)
	if procs != "" {
		run.Env = append(os.Environ(), "GOMAXPROCS="+procs)
	}
	out, err := run.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && strings.Contains(string(failed.Stderr), "microarchitecture support") || errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this processor or kernel cannot execute it: ", err)
	}
	if err != nil {
		t.Fatal("running: ", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(out))
}

// TestTheMechanismIsIntegerArithmetic reads the sources: no float, no clock, no
// randomness, and nothing imported but the standard library and package fixed.
func TestTheMechanismIsIntegerArithmetic(t *testing.T) {
	for _, folder := range []string{".", "../fixed"} {
		paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no sources in %s: %v", folder, err)
		}
		for _, path := range paths {
			if !strings.HasSuffix(path, "_test.go") {
				checkSource(t, path)
			}
		}
	}
}

func checkSource(t *testing.T, path string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		name := strings.Trim(spec.Path.Value, `"`)
		local := strings.HasPrefix(name, "agora/") && name != "agora/mechanism/fixed"
		if local || strings.Contains(name, ".") || name == "time" || strings.Contains(name, "rand") {
			t.Errorf("%s imports %s", path, name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if strings.HasPrefix(n.Name, "float") || strings.HasPrefix(n.Name, "complex") {
				t.Errorf("%s: %s", set.Position(n.Pos()), n.Name)
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT {
				t.Errorf("%s: the literal %s is a float", set.Position(n.Pos()), n.Value)
			}
		}
		return true
	})
}
