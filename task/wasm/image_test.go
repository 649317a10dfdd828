package wasm

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"agora/task"
	"agora/task/wasm/assemble"
)

// mapped makes a view of 64 pages of random bytes and zeros, or skips where memories are copied.
func mapped(t *testing.T, r *rand.Rand) (*view, []byte) {
	memory := make([]byte, 64*pageSize)
	for i := range memory[:40*pageSize] {
		memory[i] = byte(r.Uint32())
	}
	i := newImage(memory, nil, 0)
	if i.pages == nil {
		t.Skip("this system maps no memories")
	}
	v, err := i.pages.view()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Free()
		if err := i.close(); err != nil {
			t.Error(err)
		}
	})
	return v, memory
}

// What a call wrote must be gone, be it little or much, whether the system tells what was written or not.
func TestViewsGoBack(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	v, memory := mapped(t, r)
	t.Logf("the system tells which pages were written: %v", v.told)
	for n := range 60 {
		if n == 44 {
			v.told = false
		}
		writes := []int{0, 1, 30, 5_000}[n%4]
		for range writes {
			v.mapped[r.IntN(len(v.mapped))] ^= byte(1 + r.IntN(255))
		}
		if err := v.reset(); err != nil || !bytes.Equal(v.mapped, memory) {
			t.Fatalf("after %d writes: the memory is not the image's, or %v", writes, err)
		}
	}
}

func TestViewsAreApartAndGrow(t *testing.T) {
	v, memory := mapped(t, rand.New(rand.NewPCG(7, 8)))
	w, err := v.of.view()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Free()
	v.mapped[0]++
	if w.mapped[0] != memory[0] {
		t.Error("what is written into one view is in another")
	}
	big := v.Reallocate(uint64(len(memory) + pageSize))
	if len(big) != len(memory)+pageSize || big[0] != memory[0]+1 || !bytes.Equal(big[1:len(memory)], memory[1:]) {
		t.Error("what grows must keep what it holds")
	}
	if bytes.Count(big[len(memory):], []byte{0}) != pageSize {
		t.Error("new memory must be zero")
	}
}

// Items and scores do not depend on how a machine puts memory back.
func TestMappedAndCopiedMemoriesGiveTheSame(t *testing.T) {
	one, other := newHost(t, Config{Ask: parrot{}}), newHost(t, Config{Ask: parrot{}})
	one.mapFrom, other.mapFrom = 0, 1<<62
	for _, code := range [][]byte{sums(t), assemble.Task(keeps, trap), assemble.Puppet()} {
		a, err1 := one.Load(t.Context(), code)
		b, err2 := other.Load(t.Context(), code)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		seed := task.Seed(binary.LittleEndian.AppendUint64(make([]byte, 24), assemble.ItemAt<<32|uint64(len(assemble.Item))))
		for i := range uint64(50) {
			x, err1 := a.Item(t.Context(), seed, i%5)
			y, err2 := b.Item(t.Context(), seed, i%5)
			if (err1 == nil) != (err2 == nil) || string(x.Body) != string(y.Body) || x.Fuel != y.Fuel {
				t.Fatalf("item %d: %v, %v, %q, %q", i, err1, err2, x.Body, y.Body)
			}
			v, err1 := a.Score(t.Context(), puppetKey(byte(i)), []byte(" answer and something more to be pointed to"))
			w, err2 := b.Score(t.Context(), puppetKey(byte(i)), []byte(" answer and something more to be pointed to"))
			if (err1 == nil) != (err2 == nil) || v.Score != w.Score || v.Reason != w.Reason || v.Fuel != w.Fuel {
				t.Fatalf("score %d: %v, %v, %+v, %+v", i, err1, err2, v, w)
			}
		}
	}
}
