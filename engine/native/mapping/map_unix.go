//go:build unix

package mapping

import (
	"fmt"
	"math"
	"os"
	"syscall"
)

// Open maps the file, so that only what is read takes memory, and memory that can be had back at any time. The file must
// not be cut short while it is open: reading what is gone is a fault that ends the process.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > math.MaxInt {
		return nil, fmt.Errorf("%w: %d bytes", ErrFile, info.Size())
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return read(path)
	}
	return &File{Data: data, mapped: true}, nil
}

// Close gives the memory back.
func (f *File) Close() error {
	if !f.mapped {
		return nil
	}
	f.mapped = false
	return syscall.Munmap(f.Data)
}
