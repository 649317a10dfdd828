package sheet

import (
	"errors"
	"os"
	"syscall"
)

// takeRoom takes a file's first size bytes from the disk and maps them; nil where its file system does not give room ahead.
func takeRoom(f *os.File, size int64) ([]byte, error) {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

func leaveRoom(room []byte) error {
	if room == nil {
		return nil
	}
	return syscall.Munmap(room)
}
