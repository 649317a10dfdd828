// Package mapping gives the bytes of a file without copying them, where the system can.
package mapping

import (
	"errors"
	"os"
)

// ErrFile says that a path is no regular file with something in it.
var ErrFile = errors.New("not a regular file that can be mapped")

// read copies the file where it cannot be mapped.
func read(path string) ([]byte, func() error, error) {
	data, err := os.ReadFile(path)
	return data, func() error { return nil }, err
}
