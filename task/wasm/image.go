package wasm

import (
	"bytes"
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/experimental"
)

// mapFrom is the size in bytes from which an image's memory is mapped rather than copied: below it a copy is cheaper than the faults.
const mapFrom = 512 << 10

// image is the state that every call starts from: what memory and globals hold after a module's start.
//
// A module of Go's compiler has some six megabytes, of which a call writes a few dozen pages. Where the system can (pages.go), the
// memory is mapped into each instance, which has copies of its own only of the pages that it wrote, and only these are put back.
// Elsewhere it is copied whole.
type image struct {
	memory  []byte // nil where it is mapped
	pages   *pages // nil where it is copied
	size    int    // bytes
	globals []uint64
}

// newImage keeps a copy of a memory; mapped where it has at least from bytes and the system can.
func newImage(memory []byte, globals []uint64, from int) image {
	i := image{size: len(memory), globals: globals}
	if len(memory) >= from {
		i.pages = newPages(memory) // nil where it cannot
	}
	if i.pages == nil {
		i.memory = bytes.Clone(memory)
	}
	return i
}

func (i *image) close() error {
	p := i.pages
	i.pages = nil
	if p == nil {
		return nil
	}
	return p.close()
}

// view is one instance's memory over an image's pages. It implements experimental.LinearMemory. What grows beyond the image is moved to
// ordinary memory.
type view struct {
	of            *pages
	mapped, grown []byte
	told          bool   // the system tells which pages were written
	entries       []byte // of the table of pages
	at            []int
}

// into lets the next instance of this context be made over the view.
func (v *view) into(ctx context.Context) context.Context {
	if v == nil {
		return ctx
	}
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory { return v }))
}

// Reallocate implements experimental.LinearMemory. The mapping stays until Free, since somebody may look at it still.
func (v *view) Reallocate(size uint64) []byte {
	switch {
	case v.grown == nil && size <= uint64(len(v.mapped)):
		return v.mapped[:size]
	case v.grown == nil:
		v.grown = append(make([]byte, 0, size), v.mapped...)
	}
	if more := int(size) - len(v.grown); more > 0 {
		v.grown = append(v.grown, make([]byte, more)...)
	}
	return v.grown
}

// Free implements experimental.LinearMemory.
func (v *view) Free() {
	if v.mapped != nil {
		if err := unmap(v.mapped); err != nil {
			panic(fmt.Sprintf("unmapping what was mapped: %v", err))
		}
	}
	v.mapped, v.grown = nil, nil
}
