package mapping

import "syscall"

// Forget gives back the memory of what was read so far; what is read again comes from the file again.
func (f *File) Forget() {
	const forget = 4 // MADV_DONTNEED
	if f.mapped {
		_ = syscall.Madvise(f.Data, forget) // a wish
	}
}
