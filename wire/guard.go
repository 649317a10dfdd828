package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// dialTimeout bounds the TCP connect and, separately, the TLS handshake with greeting.
const dialTimeout = 10 * time.Second

// public refuses every address outside the public internet: loopback, private, link-local (where clouds keep their
// metadata service), multicast, carrier-grade NAT, and IPv6 forms that hide one of them.
var public = ssrf.New(ssrf.WithAnyPort())

// dialer dials validators' addresses, which strangers wrote into the directory. The check runs on the resolved
// address at dial time, so a name that changes its answer gains nothing.
func dialer(allowPrivate bool) *net.Dialer {
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	if !allowPrivate {
		d.Control = func(network, address string, c syscall.RawConn) error {
			if err := public.Safe(network, address, c); err != nil {
				return fmt.Errorf("%w (%w): --allow-private dials such addresses, for validators on your own network only", ErrPrivate, err)
			}
			return nil
		}
	}
	return d
}

// Reachable dials a validator's address as Serve would, without a word over the connection, and says why it cannot.
func Reachable(ctx context.Context, addr string, allowPrivate bool) error {
	conn, err := dialer(allowPrivate).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	return conn.Close()
}

// Dialer dials addresses that strangers published; without allowPrivate only public ones.
func Dialer(allowPrivate bool) *net.Dialer { return dialer(allowPrivate) }

// ErrPrivate says that an address is not public and private ones were not allowed.
var ErrPrivate = errors.New("not a public address")
