//go:build unix

package direct

import (
	"io"
	"syscall"
)

const possible = true

// maxCall is how much one call takes at most: the scheduler's other work waits meanwhile.
const maxCall = 64 << 10

// read is false where nothing has come and that is to be waited for.
func (a *call) read(fd uintptr) bool {
	for {
		n, err := read(int(fd), a.p[:min(len(a.p), maxCall)])
		switch err {
		case nil:
			if a.n = n; n == 0 {
				a.err = io.EOF
			}
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return a.wait()
		default:
			a.err = failed("read", err)
		}
		return true
	}
}

// write is false where the connection takes no more and that is to be waited for.
func (a *call) write(fd uintptr) bool {
	for a.n < len(a.p) {
		n, err := write(int(fd), a.p[a.n:min(len(a.p), a.n+maxCall)])
		switch err {
		case nil:
			a.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return a.wait()
		default:
			a.err = failed("write", err)
			return true
		}
	}
	return true
}
