//go:build !unix

package gateway

import (
	"io/fs"
	"os"
)

// lockFile takes a lock where none of the kernel's is at hand: the file must not exist. A crash leaves it behind, and
// the error names the file to remove.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	return func() { os.Remove(path) }, nil
}

func inode(fs.FileInfo) any { return nil }
