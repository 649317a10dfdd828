package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"agora/task"
)

// traceOf is a hash over items, scores, reasons and instructions of a module.
func traceOf(t *testing.T, file string) string {
	t.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := load(t, code)
	h := sha256.New()
	for i := range uint64(25) {
		item, err := m.Item(t.Context(), task.Seed{5}, i)
		fmt.Fprintf(h, "%s %s %x %d %v\n", item.Path, item.Body, item.Key, item.Fuel, err)
		vectors := make([]string, 24)
		for n := range vectors { // of lengths and angles that need rounding
			vectors[n] = fmt.Sprintf(`{"index":%d,"embedding":[%d.1,0.%d3,-%d.07]}`, n, n, n+int(i), 7*n%11)
		}
		for _, answer := range []string{string(item.Key), "17", `{"data":[` + strings.Join(vectors, ",") + `]}`} {
			body := []byte(answer)
			if !strings.HasPrefix(answer, "{") {
				body = completion(answer)
			}
			v, err := m.Score(t.Context(), item.Key, body)
			fmt.Fprintf(h, "%x %s %d %v\n", v.Score, v.Reason, v.Fuel, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

const (
	sumsFile  = "../kit/sums/sums.wasm"
	sumsTrace = "aecf458fa53cc1c64cf907626404676f616bdffd33a0368bc4a3edb5ee21aa3f"
)

func TestAModulesTraceIsTheGoldenOne(t *testing.T) {
	if got := traceOf(t, sumsFile); got != sumsTrace {
		t.Errorf("sums: %s", got)
	}
	if file := os.Getenv("AGORA_TRACE_OF"); file != "" { // of the test below, on another processor
		fmt.Println("trace", traceOf(t, file))
	}
}

// The same modules, one of AssemblyScript and one of Go with numbers that must be rounded, on arm64.
func TestOtherProcessorsGiveTheSameItemsAndScores(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("AGORA_NIGHTLY=1 compiles a module, and this test for arm64")
	}
	const qemu = "qemu-aarch64-static"
	if _, err := exec.LookPath(qemu); err != nil {
		t.Skip("install the package qemu-user-static to run this: ", err)
	}
	dir := t.TempDir()
	module, binary := filepath.Join(dir, "task.wasm"), filepath.Join(dir, "wasm.test")
	built(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "build", "-buildmode=c-shared", "-o", module, "agora/task/kit/retrieval")
	built(t, []string{"GOARCH=arm64"}, "test", "-c", "-o", binary, ".")
	run := exec.CommandContext(t.Context(), qemu, binary, "-test.run", "TestAModulesTraceIsTheGoldenOne")
	run.Env = append(os.Environ(), "AGORA_TRACE_OF="+module)
	out, err := run.CombinedOutput()
	if want := "trace " + traceOf(t, module); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v, want %s in:\n%s", err, want, out)
	}
}

func built(t *testing.T, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", args[0], err, out)
	}
}
