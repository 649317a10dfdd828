package kernel

import (
	"runtime"
	"syscall"
)

// allocate gives zeroed memory that lives as long as m does, in huge pages where the system has them: a pass over all
// weights then looks up few addresses. Small pieces come from Go's own heap.
func allocate(m *Matrix, n int) []byte {
	const huge = 14 // MADV_HUGEPAGE
	if n < 1<<20 {
		return aligned(make([]byte, n+64))[:n:n]
	}
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return aligned(make([]byte, n+64))[:n:n]
	}
	_ = syscall.Madvise(b, huge) // a wish
	runtime.AddCleanup(m, func(b []byte) { _ = syscall.Munmap(b) }, b)
	return b
}
