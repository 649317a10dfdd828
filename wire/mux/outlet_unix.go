//go:build unix

package mux

import "syscall"

// attempt is a write that does not wait, with its outcome.
type attempt struct {
	p   []byte
	n   int
	err error
	run func(fd uintptr) bool
}

// try sends of p what the connection takes without waiting.
func (o *Outlet) try(p []byte) (int, error) {
	if o.raw == nil {
		return 0, nil
	}
	a := &o.attempt
	if a.run == nil {
		a.run = a.write
	}
	a.p, a.n, a.err = p, 0, nil
	if err := o.raw.Write(a.run); err != nil {
		return 0, err
	}
	a.p = nil
	return a.n, a.err
}

// write never asks to be called again.
func (a *attempt) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), a.p)
		switch err {
		case nil:
			a.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			a.err = err
		}
		return true
	}
}
