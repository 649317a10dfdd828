//go:build !linux

package mapping

// Forget does nothing: the system takes a mapping's memory back by itself when it needs some.
func (f *File) Forget() {}
