package kernel

import (
	"runtime"
	"syscall"
)

// NewRoom is room for n bytes, in huge pages where the system has them: a pass over all weights then looks up few addresses, and Go's
// heap, which may grow to twice of what is used in it, has none of them. What is small comes from Go's heap all the same.
func NewRoom(n int) *Room {
	const huge = 14 // MADV_HUGEPAGE
	r := &Room{}
	if n < 1<<20 {
		return r
	}
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return r
	}
	_ = syscall.Madvise(b, huge) // a wish
	r.free = b
	runtime.AddCleanup(r, func(b []byte) { _ = syscall.Munmap(b) }, b)
	return r
}
