//go:build !unix

package mapping

// Open reads the file.
func Open(path string) (*File, error) { return read(path) }

// Close does nothing: the memory is the collector's.
func (f *File) Close() error { return nil }
