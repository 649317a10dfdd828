//go:build !unix

package gguf

func load(path string) ([]byte, func() error, error) { return read(path) }
