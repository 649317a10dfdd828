//go:build !linux

package wasm

import "errors"

// pages are never made here: memories are copied.
type pages struct{}

func newPages([]byte) *pages { return nil }

func (*pages) view() (*view, error) { return nil, errors.ErrUnsupported }

func (*pages) close() error { return nil }

func (*view) reset() error { return errors.ErrUnsupported }

func unmap([]byte) error { return errors.ErrUnsupported }
