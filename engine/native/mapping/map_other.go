//go:build !unix

package mapping

// Open reads the file.
func Open(path string) ([]byte, func() error, error) { return read(path) }
