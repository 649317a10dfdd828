package testnet

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// The ports of a node, counted from its first.
const (
	portP2P = iota
	portRPC
	portGRPC
	portREST
	portMetrics

	portsPerNode = 10
)

// listen is where a node takes connections.
type listen struct {
	host string
	port int
}

func (l listen) at(port int) string { return net.JoinHostPort(l.host, strconv.Itoa(l.port+port)) }

// loopback tells whether only this machine reaches the host.
func (l listen) loopback() bool {
	ip := net.ParseIP(l.host)
	return l.host == "localhost" || (ip != nil && ip.IsLoopback())
}

// listenFrom makes the node use loopback ports from base on; 0 leaves the usual ones.
func (h *home) listenFrom(base int) error {
	if base == 0 {
		return nil
	}
	if base < 1024 || base+portsPerNode > 65536 {
		return fmt.Errorf("base port %d: give --base-port 1024 to %d, or 0 for the usual ports", base, 65536-portsPerNode)
	}
	h.listen(listen{host: "127.0.0.1", port: base})
	return nil
}

// listen makes the node serve its peers, RPC, gRPC, REST and metrics at l, and dial private addresses too. Where others
// reach l, the node listens on every address, for a machine need not have its own as others see it, and tells peers l.
func (h *home) listen(l listen) {
	c := h.comet
	if !l.loopback() {
		c.P2P.ExternalAddress = l.at(portP2P)
		l.host = "0.0.0.0"
	}
	c.P2P.ListenAddress, c.RPC.ListenAddress = "tcp://"+l.at(portP2P), "tcp://"+l.at(portRPC)
	c.P2P.AddrBookStrict, c.P2P.AllowDuplicateIP = false, true
	c.Instrumentation.Prometheus, c.Instrumentation.PrometheusListenAddr = true, l.at(portMetrics)
	h.app.GRPC.Address = l.at(portGRPC)
	h.app.API.Enable, h.app.API.Address = true, "tcp://"+l.at(portREST)
	c.RPC.CORSAllowedOrigins, h.app.API.EnableUnsafeCORS = []string{"*"}, true // wallets in a browser try things here
}

// hasten sets the pace of consensus for machines that are near each other. An absent proposer costs half a second.
func (h *home) hasten(block time.Duration) {
	c := h.comet.Consensus
	c.TimeoutCommit = block
	c.TimeoutPropose = 500 * time.Millisecond
	c.PeerGossipSleepDuration = 25 * time.Millisecond
}

// url is the address of an HTTP service of the node.
func (l listen) url(port int) string { return fmt.Sprintf("http://%s", l.at(port)) }
