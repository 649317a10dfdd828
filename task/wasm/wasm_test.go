package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

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

var hostile = [][]byte{honest, forever, trap, keeps}

// FuzzHostile runs arbitrary instructions as a task's item. Whatever they do, it ends as ErrModule, twice alike.
func FuzzHostile(f *testing.F) {
	h := newHost(f, Config{})
	h.fuel = 100_000
	for _, seed := range hostile {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, instructions []byte) { playHostile(t, h, instructions) })
}

// playHostile loads a module whose item is these instructions, and asks it twice.
func playHostile(t testing.TB, h *Host, instructions []byte) {
	m, err := h.Load(t.Context(), assemble.SmallTask(instructions, trap))
	if err != nil {
		if !asItMust(err) {
			t.Errorf("%x: %v", instructions, err)
		}
		return
	}
	defer m.Close(t.Context())
	a, err1 := m.Item(t.Context(), task.Seed{3}, 5)
	b, err2 := m.Item(t.Context(), task.Seed{3}, 5)
	if !asItMust(err1) || (err1 == nil) != (err2 == nil) || string(a.Body) != string(b.Body) || a.Fuel != b.Fuel {
		t.Errorf("%x: %v and %v, %q and %q", instructions, err1, err2, a.Body, b.Body)
	}
}

// parrot answers with the question.
type parrot struct{}

func (parrot) Ask(_ context.Context, _ [32]byte, request []byte) ([]byte, error) { return request, nil }

// FuzzBoundary lets a module give and ask whatever the bytes say. Whatever it is, it ends as ErrModule or within bounds, twice alike.
func FuzzBoundary(f *testing.F) {
	h := newHost(f, Config{Ask: parrot{}})
	h.fuel = 10_000_000
	m, err := h.Load(f.Context(), assemble.Puppet())
	if err != nil {
		f.Fatal(err)
	}
	item := binary.LittleEndian.AppendUint64(nil, assemble.ItemAt<<32|uint64(len(assemble.Item)))
	answer := []byte(" answer and more of it, so that there is something to point to")
	for bits := range byte(64) {
		f.Add(item, puppetKey(bits), answer)
	}
	if v, err := m.Score(f.Context(), puppetKey(63), answer); err != nil || len(v.Transcript) != 1 {
		f.Fatalf("an honest puppet: %+v, %v", v, err)
	}
	f.Fuzz(func(t *testing.T, seed, key, answer []byte) {
		if len(key) <= 1<<10 && len(answer) <= 1<<14 {
			play(t, m, m, seed, key, answer)
		}
	})
}

// play has a puppet give an item and a score, and another do the same where there is one.
func play(t testing.TB, m, other *Module, seed, key, answer []byte) {
	var s task.Seed
	copy(s[:], seed)
	a, err := m.Item(t.Context(), s, 1)
	v, err1 := m.Score(t.Context(), key, answer)
	if !asItMust(err) || !asItMust(err1) {
		t.Errorf("seed %x, key %x, answer %x: %v, %v", seed, key, answer, err, err1)
	}
	if !(v.Score >= 0 && v.Score <= 1) || len(v.Reason) > 4*MaxReason || !utf8.ValidString(v.Reason) || len(v.Transcript) > MaxAsks {
		t.Errorf("key %x, answer %x: verdict %+v", key, answer, v)
	}
	if other == nil {
		return
	}
	b, err2 := other.Item(t.Context(), s, 1)
	w, err3 := other.Score(t.Context(), key, answer)
	if (err == nil) != (err2 == nil) || string(a.Body) != string(b.Body) || a.Fuel != b.Fuel {
		t.Errorf("items %v and %v, %q and %q", err, err2, a.Body, b.Body)
	}
	if (err1 == nil) != (err3 == nil) || v.Score != w.Score || v.Reason != w.Reason || v.Fuel != w.Fuel || len(v.Transcript) != len(w.Transcript) {
		t.Errorf("scores %v and %v, %+v and %+v", err1, err3, v, w)
	}
}

// Millions of hostile calls cross the boundary: honest ones with some bytes changed, every other one in memory that is mapped, some on
// both sides, and every thousandth a module of its own whose instructions were changed. Nightly five million, else a few thousand; AGORA_HOSTILE says how many.
func TestHostileCallsCrossTheBoundary(t *testing.T) {
	n := 5_000
	if os.Getenv("AGORA_NIGHTLY") != "" {
		n = 5_000_000
	}
	if told, err := strconv.Atoi(os.Getenv("AGORA_HOSTILE")); err == nil {
		n = told
	}
	var puppets [2]*Module // its memory is copied, and mapped
	for i, from := range []int{mapFrom, 0} {
		h := newHost(t, Config{Ask: parrot{}})
		h.fuel, h.mapFrom = 10_000_000, from
		m, err := h.Load(t.Context(), assemble.Puppet())
		if err != nil {
			t.Fatal(err)
		}
		puppets[i] = m
	}
	modules := newHost(t, Config{})
	modules.fuel = 100_000
	var work sync.WaitGroup
	for part := range hostileCallers {
		work.Go(func() {
			hostileCalls(t, puppets, modules, rand.New(rand.NewPCG(uint64(n), uint64(part))), n/hostileCallers)
		})
	}
	work.Wait()
	for i, m := range puppets {
		c := m.Cost()
		t.Logf("%d executions, puppet %d: %d calls, of which %d failed by its fault", n, i, c.Calls, c.Failed)
		if c.Failed < uint64(n)/8 || c.Calls-c.Failed < uint64(n)/8 {
			t.Errorf("of %d calls %d failed: too few or too many to tell anything", c.Calls, c.Failed)
		}
	}
}

const hostileCallers = 2 // at the same time

// hostileCalls lets puppets play n times, every eighth time both of them.
func hostileCalls(t *testing.T, puppets [2]*Module, modules *Host, r *rand.Rand, n int) {
	changed := func(b []byte) []byte {
		b = append([]byte{}, b...)
		for range r.IntN(4) {
			at := r.IntN(len(b))
			b[at] = []byte{0, 1, 0x7f, 0x80, 0xff, b[at] + 1, byte(r.Uint32())}[r.IntN(7)]
		}
		return b[:len(b)-r.IntN(2)*r.IntN(len(b)/4+1)]
	}
	item := binary.LittleEndian.AppendUint64(nil, assemble.ItemAt<<32|uint64(len(assemble.Item)))
	for i := range n {
		if i%1000 == 0 {
			playHostile(t, modules, changed(hostile[i/1000%len(hostile)]))
			continue
		}
		key := changed(puppetKey(byte(r.IntN(64))))
		if r.IntN(2048) > 0 {
			key[0] &^= 32 // few grow: a new instance each time, and megabytes of zeros
		}
		m, other := puppets[i%2], (*Module)(nil)
		if i%16 < 2 {
			other = puppets[1-i%2]
		}
		// A judge's answer is written over the key: in capitals it does not tell the puppet to grow.
		play(t, m, other, changed(item), key, changed([]byte("AN_ANSWER_WITH_SOMETHING_TO_POINT_TO")))
		if i%100_000 == 99_999 {
			fmt.Fprintln(os.Stderr, i+1, "hostile calls")
		}
	}
}

// puppetKey tells a puppet to make the calls of these bits, with arguments that are in order, and to score.
func puppetKey(bits byte) []byte {
	key := []byte{bits, 0, 0, 0}
	for range 9 {
		key = binary.LittleEndian.AppendUint32(key, assemble.RoomAt+100)
		key = binary.LittleEndian.AppendUint32(key, 32)
	}
	key = binary.LittleEndian.AppendUint32(key, 1)
	return binary.LittleEndian.AppendUint64(key, (assemble.RoomAt+88)<<32|9)
}

// asItMust says whether a call of a module went well or failed by the module's fault.
func asItMust(err error) bool {
	return err == nil || errors.Is(err, ErrModule) && !errors.Is(err, ErrHost)
}

func BenchmarkItem(b *testing.B) {
	m := load(b, sums(b))
	for i := uint64(0); b.Loop(); i++ {
		if _, err := m.Item(b.Context(), task.Seed{}, i); err != nil {
			b.Fatal(err)
		}
	}
}
