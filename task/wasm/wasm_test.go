package wasm

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"agora/task"
	"agora/task/wasm/assemble"
)

// sums is the task that kit/sums.ts is the source of.
func sums(t testing.TB) []byte {
	t.Helper()
	code, err := os.ReadFile("../kit/sums/sums.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func newHost(t testing.TB, c Config) *Host {
	t.Helper()
	h, err := NewHost(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func load(t testing.TB, code []byte) *Module {
	t.Helper()
	m, err := newHost(t, Config{}).Load(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func completion(text string) []byte {
	return []byte(`{"choices":[{"message":{"role":"assistant","content":"` + text + `"}}]}`)
}

func TestTaskDrawsAndScores(t *testing.T) {
	m := load(t, sums(t))
	item, err := m.Item(t.Context(), task.Seed{1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := "What is 812 + 497?"; !strings.Contains(string(item.Body), want) || string(item.Key) != "1309" {
		t.Fatalf("item is %s with key %s, want %s with 1309", item.Body, item.Key, want)
	}
	for text, want := range map[string]float64{"1309": 1, "The sum of 812 and 497 is 1309.": 1, "1308": 0, "": 0} {
		v, err := m.Score(t.Context(), item.Key, completion(text))
		if err != nil || v.Score != want || v.Reason == "" {
			t.Errorf("%q scores %v (%s, %v), want %v", text, v.Score, v.Reason, err, want)
		}
	}
}

// What an item is must not depend on what was asked before it, nor on who asks at the same time.
func TestItemFollowsFromSeedAndIndexAlone(t *testing.T) {
	code := sums(t)
	first, second := load(t, code), load(t, code)
	var work sync.WaitGroup
	for _, m := range []*Module{first, second} {
		for range 3 {
			work.Go(func() {
				for i := range uint64(40) {
					want, err1 := first.Item(t.Context(), task.Seed{7}, 39-i)
					got, err2 := m.Item(t.Context(), task.Seed{7}, 39-i)
					if err1 != nil || err2 != nil || string(got.Body) != string(want.Body) || got.Fuel != want.Fuel {
						t.Errorf("item %d is %s (%d) and %s (%d): %v %v", 39-i, want.Body, want.Fuel, got.Body, got.Fuel, err1, err2)
					}
				}
			})
		}
	}
	work.Wait()
}

// code joins instructions.
func code(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

var (
	honest  = assemble.Point(assemble.ItemAt, len(assemble.Item))
	forever = code([]byte{0x03, 0x40, 0x0c, 0, 0x0b}, honest)
	trap    = []byte{0x00}
	// keeps counts calls in the global, in memory, and gives an item of that many bytes fewer.
	keeps = code([]byte{
		0x23, 0, 0x42, 1, 0x7c, 0x24, 0, // global 0 += 1
		0x41, 16, 0x41, 16, 0x28, 2, 0, 0x41, 1, 0x6a, 0x36, 2, 0, // memory[16] += 1
	}, honest, []byte{0x23, 0, 0x7d, 0x41, 16, 0x28, 2, 0, 0xad, 0x7d}, []byte{0x42, 2, 0x7c})
)

// A module that does wrong costs itself an item, in bounded time and memory; the host goes on.
func TestHostileModulesCostThemselvesAnItem(t *testing.T) {
	h := newHost(t, Config{})
	h.fuel = 10_000_000
	recursion := assemble.Func{Results: []byte{assemble.I64}, Code: []byte{0x10, 5, 0x10, 5, 0x7c}}
	grow := []byte{0x03, 0x40, 0x41, 0x80, 0x08, 0x40, 0, 0x1a, 0x0c, 0, 0x0b} // 1,024 pages again and again
	fill := []byte{0x03, 0x40, 0x41, 0, 0x41, 0, 0x41}
	fill = code(fill, assemble.Signed(40<<16), []byte{0xfc, 11, 0, 0x0c, 0, 0x0b})
	for name, c := range map[string]struct {
		item []byte
		want string
	}{
		"traps":           {trap, "unreachable"},
		"loops":           {forever, "more instructions"},
		"grows":           {code(grow, honest), "more instructions"},
		"fills":           {code(fill, honest), "more instructions"},
		"recurses":        {[]byte{0x10, 5}, "too deep"},
		"divides by zero": {[]byte{0x42, 1, 0x42, 0, 0x7f}, "divide by zero"},
		"reads outside":   {[]byte{0x41, 0x7f, 0x29, 3, 0}, "out of bounds"},
		"points outside":  {assemble.Point(1<<30, 8), "outside of its memory"},
		"points too far":  {assemble.Point(assemble.ItemAt, 1<<30), "at most"},
		"gives nothing":   {[]byte{0x42, 0}, "field 0 is missing"},
		"gives a half":    {assemble.Point(assemble.ItemAt, len(assemble.Item)-1), "field 2"},
		"gives too much":  {assemble.Point(assemble.ItemAt, len(assemble.Item)+1), "left over"},
		"gives another":   {assemble.Point(assemble.DescriptionAt, 18), "field 0"},
	} {
		m, err := h.Load(t.Context(), assemble.Task(c.item, trap, recursion))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 2 {
			if _, err = m.Item(t.Context(), task.Seed{}, 1); !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
		if item := (Family{Module: m}).Item(task.Seed{}, 1); item.Path != "" {
			t.Errorf("%s: the judge gets an item: %v", name, item.Path)
		}
	}
	honestModule, err := h.Load(t.Context(), assemble.Task(honest, trap))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := honestModule.Item(t.Context(), task.Seed{}, 1); err != nil {
		t.Errorf("an honest module beside them: %v", err)
	}
}

func TestScoresOutOfBoundsAreRefused(t *testing.T) {
	h := newHost(t, Config{})
	h.fuel = 10_000_000
	for name, bits := range map[string]int64{
		"NaN": 0x7ff8000000000001, "2": 0x4000000000000000, "-1": -0x4010000000000000, "infinity": 0x7ff0000000000000,
	} {
		score := code([]byte{0x41, 0, 0x42}, assemble.Signed(bits), []byte{0x37, 3, 0}, assemble.Point(0, 8))
		m, err := h.Load(t.Context(), assemble.Task(honest, score))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := m.Score(t.Context(), nil, nil); !errors.Is(err, ErrModule) || v.Score != 0 {
			t.Errorf("%s: score %v, %v", name, v.Score, err)
		}
	}
	m, err := h.Load(t.Context(), assemble.Task(honest, forever))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Score(t.Context(), nil, nil); !errors.Is(err, ErrModule) {
		t.Errorf("a score that never ends: %v", err)
	}
}

// A counter in a global or in memory would make items depend on how often a validator asked.
func TestCallsLeaveNothingBehind(t *testing.T) {
	m := load(t, assemble.Task(keeps, trap))
	for range 5 {
		if _, err := m.Item(t.Context(), task.Seed{}, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestModuleMayImportNothingElse(t *testing.T) {
	h := newHost(t, Config{})
	for _, name := range []string{"env.clock", "wasi_snapshot_preview1.sock_send", "agora.ask"} {
		m, f, _ := strings.Cut(name, ".")
		types := []byte{1, 0x60, 0, 0}
		imports := append(append(append([]byte{1, byte(len(m))}, m...), byte(len(f))), f...)
		module := code([]byte("\x00asm\x01\x00\x00\x00\x01\x04"), types, []byte{2, byte(len(imports) + 2)}, imports, []byte{0, 0, 5, 3, 1, 0, 1})
		if _, err := h.Load(t.Context(), module); err == nil || !strings.Contains(err.Error(), "ask") && !strings.Contains(err.Error(), name) {
			t.Errorf("importing %s: %v", name, err)
		}
	}
}

// A second start of a program finds the machine code of the first.
func TestCompiledModulesAreKept(t *testing.T) {
	dir := t.TempDir() + "/tasks"
	for range 2 {
		if _, err := newHost(t, Config{Cache: dir}).Load(t.Context(), sums(t)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v %v", info.Mode(), err)
	}
}

func FuzzItem(f *testing.F) {
	f.Add(assemble.Item)
	f.Fuzz(func(t *testing.T, out []byte) {
		item, err := parseItem(out)
		if err == nil && (len(item.Body) < 2 || item.Body[len(item.Body)-1] != '}') {
			t.Errorf("%q is accepted with the body %q", out, item.Body)
		}
	})
}

// FuzzHostile runs arbitrary instructions as a task's item. Whatever they do, it ends as ErrModule, twice alike.
func FuzzHostile(f *testing.F) {
	h := newHost(f, Config{})
	h.fuel = 100_000
	for _, seed := range [][]byte{honest, forever, trap, keeps} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, instructions []byte) {
		m, err := h.Load(t.Context(), assemble.Task(instructions, trap))
		if err != nil {
			if !errors.Is(err, ErrModule) {
				t.Error(err)
			}
			return
		}
		defer m.Close(t.Context())
		a, err1 := m.Item(t.Context(), task.Seed{3}, 5)
		b, err2 := m.Item(t.Context(), task.Seed{3}, 5)
		if err1 != nil && !errors.Is(err1, ErrModule) || (err1 == nil) != (err2 == nil) || string(a.Body) != string(b.Body) || a.Fuel != b.Fuel {
			t.Errorf("%v and %v, %q and %q", err1, err2, a.Body, b.Body)
		}
	})
}

func BenchmarkItem(b *testing.B) {
	m := load(b, sums(b))
	for i := uint64(0); b.Loop(); i++ {
		if _, err := m.Item(b.Context(), task.Seed{}, i); err != nil {
			b.Fatal(err)
		}
	}
}
