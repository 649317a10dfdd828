package localnet

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// host is the only address a local network listens on.
const host = "127.0.0.1"

// ports hands out loopback ports, each checked to be free.
type ports struct {
	next int // 0: any free port
}

// take reserves the next port. A port in use is an error that names it.
func (p *ports) take() (int, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, p.next))
	if err != nil {
		return 0, portError(p.next, err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if p.next > 0 {
		p.next++
	}
	return port, l.Close()
}

// portError turns a failed listen into a sentence that says what to do.
func portError(port int, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is in use: stop the program that holds it, or start with --base-port on a free range", port)
	}
	return fmt.Errorf("port %d: %w", port, err)
}

// checkFree fails if any of the ports cannot be listened on.
func checkFree(list []int) error {
	for _, port := range list {
		p := ports{next: port}
		if _, err := p.take(); err != nil {
			return err
		}
	}
	return nil
}
