package localnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// host is the only address a local network listens on.
const host = "127.0.0.1"

// Free ports are looked for here, below the range from which systems take the ports of outgoing connections: such a port
// could be taken between the look and the use.
const (
	lowestFree  = 15_000
	highestFree = 31_000
)

// ports hands out loopback ports in ascending order, each checked to be free.
type ports struct {
	next int
	skip bool // a port in use is passed over; without it, it is an error
}

// newPorts begins at base, or at a random place among the free ports if base is 0.
func newPorts(base int) *ports {
	if base > 0 {
		return &ports{next: base}
	}
	return &ports{next: lowestFree + rand.IntN(highestFree-lowestFree), skip: true}
}

// take reserves the next port.
func (p *ports) take() (int, error) {
	for {
		port := p.next
		p.next++
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
		if err == nil {
			return port, l.Close()
		}
		if !p.skip || p.next > highestFree+1_000 {
			return 0, portError(port, err)
		}
	}
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
		if _, err := newPorts(port).take(); err != nil {
			return err
		}
	}
	return nil
}
