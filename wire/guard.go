package wire

import (
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
				return fmt.Errorf("%w; a validator must have a public address, allow private ones only on your own network", err)
			}
			return nil
		}
	}
	return d
}
