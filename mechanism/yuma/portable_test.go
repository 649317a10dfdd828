package yuma_test

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"agora/mechanism/yuma"
)

// recordedDigest is what digest returned when this was written. A change of any
// bit of any result changes it, and so does a new option, which draws of its own and
// shifts all later draws: the last one was StakeWeightedBonds.
const recordedDigest = "807a4e2f39c0ef531f4e92c78eee973609aafca5472c92a3646ad6d2a53379d8"

// TestDigestOfManyEpochs prints a digest of every bit that some hundred epochs
// produce; TestBitsAreTheSameOnEveryMachine runs it elsewhere and compares.
func TestDigestOfManyEpochs(t *testing.T) {
	got := fmt.Sprintf("%x", digest())
	t.Logf("digest: %s", got)
	if got != recordedDigest {
		t.Errorf("the digest of three hundred epochs is %s, it was %s", got, recordedDigest)
	}
}

func digest() []byte {
	hash := sha256.New()
	var runner yuma.Runner
	for seed := range uint64(300) {
		d := newDraw(seed)
		in := d.input(40)
		runner.Workers = 1 + int(seed%3)
		for range 2 {
			out := runner.Run(in)
			fmt.Fprint(hash, out.Exact, out.StakeWeight, out.Consensus, out.Incentive, out.Dividends,
				out.ValidatorTrust, out.Permit, out.ServerEmission, out.ValidatorEmission,
				out.Emission, out.Bonds)
			in = next(d, in, out)
		}
	}
	return hash.Sum(nil)
}

var digestLine = regexp.MustCompile(`digest: ([0-9a-f]{64})`)

func TestBitsAreTheSameOnEveryMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("builds this package for other processors, which takes a minute")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command to build for other processors: ", err)
	}
	want := fmt.Sprintf("%x", digest())
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
			binary := filepath.Join(t.TempDir(), "yuma.test")
			build := exec.Command(goTool, "test", "-c", "-o", binary, ".")
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+machine.arch, "GOAMD64="+machine.level)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("building: %v\n%s", err, out)
			}
			got := runDigest(t, binary, machine.procs)
			if got != want {
				t.Errorf("digest %s, want %s", got, want)
			}
		})
	}
}

// runDigest runs the built test and returns the digest that it prints.
func runDigest(t *testing.T, binary, procs string) string {
	t.Helper()
	run := exec.Command(binary, "-test.run", "^Test(DigestOfManyEpochs|ManyWorkersShareLargeRows)$", "-test.v")
	if procs != "" {
		run.Env = append(os.Environ(), "GOMAXPROCS="+procs)
	}
	out, err := run.CombinedOutput()
	if strings.Contains(string(out), "microarchitecture support") || strings.Contains(fmt.Sprint(err), "exec format error") {
		t.Skipf("this processor or kernel cannot execute it: %v %s", err, out)
	}
	if err != nil {
		t.Fatalf("running: %v\n%s", err, out)
	}
	found := digestLine.FindSubmatch(out)
	if found == nil {
		t.Fatalf("no digest in\n%s", out)
	}
	return string(found[1])
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
