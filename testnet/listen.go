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

// listen makes the node serve its peers, RPC, gRPC, REST and metrics at l, and dial private addresses too.
func (h *home) listen(l listen) {
	c := h.comet
	c.P2P.ListenAddress, c.RPC.ListenAddress = "tcp://"+l.at(portP2P), "tcp://"+l.at(portRPC)
	c.P2P.AddrBookStrict, c.P2P.AllowDuplicateIP = false, true
	c.Instrumentation.Prometheus, c.Instrumentation.PrometheusListenAddr = true, l.at(portMetrics)
	h.app.GRPC.Address = l.at(portGRPC)
	h.app.API.Enable, h.app.API.Address = true, "tcp://"+l.at(portREST)
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
