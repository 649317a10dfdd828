package shelf

import (
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"agora/task"
	"agora/task/wasm"
)

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm") // pages: all, resident, ...
	if err != nil {
		t.Skip("this system does not tell: ", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// Many subnets with modules of their own take little memory of a validator: AGORA_MODULE names another file than the AssemblyScript one.
func TestAModuleTakesLittleMemory(t *testing.T) {
	const modules = 16
	code, _ := sums(t)
	if file := os.Getenv("AGORA_MODULE"); file != "" {
		var err error
		if code, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Budget{Items: 1 << 20, Processor: 64})
	before, starts := 0, 0
	for i := range byte(modules + 1) { // the first brings the engine
		if i == 1 {
			before = resident(t)
		}
		own := append(bytes.Clone(code), 0, 3, 1, 'n', i) // a custom section: another digest
		d := wasm.DigestOf(own)
		if err := s.Put(d, bytes.NewReader(own)); err != nil {
			t.Fatal(err)
		}
		m, err := s.Load(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		starts = m.Memory()
		drawTwoAtOnce(t, m)
	}
	each := (resident(t) - before) / modules
	t.Logf("a module of %d bytes, which begins with %d of memory, takes %d bytes", len(code), starts, each)
	if each > starts+len(code)*8+8<<20 {
		t.Error("that is more than its memory, its machine code and a little")
	}
}

// drawTwoAtOnce has a module give items and score them, in as many calls at once as its budget allows.
func drawTwoAtOnce(t *testing.T, m *Task) {
	var work sync.WaitGroup
	for part := range uint64(2) {
		work.Go(func() {
			for i := range uint64(20) {
				item, err := m.Module.Item(t.Context(), task.Seed{byte(part)}, i)
				if err == nil {
					_, err = m.Module.Score(t.Context(), item.Key, []byte(`{"choices":[{"message":{"content":"7"}}]}`))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
}
