// Package mapping gives the bytes of a file without copying them, where the system can.
package mapping

import (
	"errors"
	"os"
)

// ErrFile says that a path is no regular file with something in it.
var ErrFile = errors.New("not a file with something in it, get it again")

// File is a file's bytes. They must not be read any more when it is closed.
type File struct {
	Data   []byte
	mapped bool // else a copy
}

// read copies the file where it cannot be mapped.
func read(path string) (*File, error) {
	data, err := os.ReadFile(path)
	return &File{Data: data}, err
}
