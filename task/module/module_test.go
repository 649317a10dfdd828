package module_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"agora/task"
	"agora/task/continuation"
	"agora/task/exact"
	"agora/task/kit"
	"agora/task/wasm"
)

// The families that are built in give the same bits as modules. Building them takes the processor half a minute, so this is of the
// nightly tests.
func TestBuiltInFamiliesAreTheSameAsModules(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("AGORA_NIGHTLY=1 builds the modules")
	}
	host, err := wasm.NewHost(t.Context(), wasm.Config{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(context.Background()) })
	for _, f := range []task.Family{exact.Family{}, continuation.New()} {
		t.Run(f.Name(), func(t *testing.T) { same(t, host, f) })
	}
}

// built is the module of a family.
func built(tb testing.TB, family string) []byte {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "task.wasm")
	build := exec.CommandContext(tb.Context(), "go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, "./"+family)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return code
}

func same(t *testing.T, host *wasm.Host, f task.Family) {
	code := built(t, f.Name())
	m, err := host.Load(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	m.Item(t.Context(), task.Seed{9}, 0) // the first costs more, and comes again below
	compiled, sandboxed := meter{}, meter{}
	r := rand.New(rand.NewPCG(3, 4))
	seed := task.Seed{9}
	for i := range uint64(300) {
		compiled.begin()
		want := f.Item(seed, i)
		compiled.end()
		sandboxed.begin()
		got, err := m.Item(t.Context(), seed, i)
		sandboxed.end()
		if err != nil || got.Path != want.Path || string(got.Body) != string(want.Body) {
			t.Fatalf("item %d: %v\n%s\n%s", i, err, got.Body, want.Body)
		}
		for _, answer := range answers(r, seed, i) {
			a, err1 := want.Score(answer)
			b, err2 := m.Score(t.Context(), got.Key, answer)
			if err2 != nil || err1 == nil && math.Float64bits(a) != math.Float64bits(b.Score) || err1 != nil && b.Reason != err1.Error() {
				t.Fatalf("item %d, answer %s: %v (%v) and %v (%s, %v)", i, answer, a, err1, b.Score, b.Reason, err2)
			}
		}
	}
	t.Logf("%s: %d bytes, %d of memory; an item takes the processor %v compiled, %v as a module", f.Name(), len(code), m.Memory(), compiled.sum/300, sandboxed.sum/300)
}

// meter adds up this process's time on the processor, which other programs lengthen little.
type meter struct{ from, sum time.Duration }

func (m *meter) begin() { m.from = used() }
func (m *meter) end()   { m.sum += used() - m.from }

func used() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		panic("no clock of the processor")
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// answers are a right one, a wrong one, none, and declared probabilities.
func answers(r *rand.Rand, seed task.Seed, index uint64) [][]byte {
	chat := func(text string) []byte {
		body, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"message": map[string]string{"role": "assistant", "content": text}}}}) // strings marshal
		return body
	}
	declared, left := map[string]float64{}, 1.0
	for b := range 96 {
		p := left * r.Float64() * 0.2
		left -= p
		declared[string(rune(32+b))] = math.Log(p)
	}
	list, _ := json.Marshal(declared) // finite numbers marshal
	return [][]byte{
		chat(exact.At(seed, index).Answer), chat("The answer is 17."), []byte("{"),
		fmt.Appendf(nil, `{"choices":[{"text":"a","logprobs":{"top_logprobs":[%s]}}]}`, list),
	}
}

// What a module takes to start: a host of its own, as in a process that starts, whose folder has the machine code already. The
// processor's time beside the clock's, since others may use the machine.
func BenchmarkStart(b *testing.B) {
	capitals, err := kit.Module(b.Context(), "capitals")
	if err != nil {
		b.Fatal(err)
	}
	codes := map[string][]byte{"assemblyscript": kit.Sums(), "capitals": capitals, "exact": built(b, "exact")}
	for _, name := range slices.Sorted(maps.Keys(codes)) {
		b.Run(name, func(b *testing.B) {
			c := wasm.Config{Cache: b.TempDir()}
			start(b, c, codes[name])
			var m meter
			m.begin()
			for b.Loop() {
				start(b, c, codes[name])
			}
			m.end()
			b.ReportMetric(float64(m.sum.Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}

func start(b *testing.B, c wasm.Config, code []byte) {
	host, err := wasm.NewHost(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := host.Load(b.Context(), code); err != nil {
		b.Fatal(err)
	}
	if err := host.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
