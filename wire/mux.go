package wire

import (
	"io"
	"time"

	"github.com/libp2p/go-yamux/v5"
)

// Codes with which a hub ends a session, so that the miner can say why.
const (
	codeReplaced   = 0x10 // the same hot key connected again
	codeNotAllowed = 0x11 // the directory no longer lists the key
	codeShutdown   = 0x12 // the hub closes
)

const (
	acceptBacklog = 256
	window        = 256 << 10 // bytes a stalled reader costs at least; yamux grows it with the measured round trip
	maxWindow     = 4 << 20   // bytes; 80 MB/s at 50 ms
	keepAlive     = 10 * time.Second
)

// muxConfig allows the peer at most `incoming` streams at once. A hub allows none: only it opens streams.
func muxConfig(incoming int) *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput = io.Discard
	c.ReadBufSize = 0 // TLS already reads whole records
	c.AcceptBacklog = acceptBacklog
	c.MaxIncomingStreams = uint32(incoming)
	c.InitialStreamWindowSize = window
	c.MaxStreamWindowSize = maxWindow
	c.KeepAliveInterval = keepAlive
	return c
}
