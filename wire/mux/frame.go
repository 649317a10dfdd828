// Package mux carries many streams over one connection, in yamux's protocol
// (https://github.com/hashicorp/yamux/blob/master/spec.md), with libp2p's codes behind a "go away" and its windows, which grow with the
// round trip. Whoever writes sends his frame himself, and those of all who came meanwhile with it; nothing is handed to another goroutine
// but what the connection does not take at once.
package mux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
)

// header is what a frame begins with: version, kind, flags, stream and length, the last three in network order.
type header [12]byte

const version = 0

// Kinds of frames. The length of a data frame is that of its payload, of a window update how many bytes more may be sent, of a ping its
// name and of a "go away" a code.
const (
	kindData byte = iota
	kindWindow
	kindPing
	kindGoAway
)

const (
	flagSYN uint16 = 1 << iota // opens a stream, or asks for a ping's answer
	flagACK                    // accepts a stream, or answers a ping
	flagFIN                    // no more will be sent on the stream
	flagRST                    // the stream has ended both ways
)

func frame(kind byte, flags uint16, stream, length uint32) (h header) {
	h[0], h[1] = version, kind
	binary.BigEndian.PutUint16(h[2:], flags)
	binary.BigEndian.PutUint32(h[4:], stream)
	binary.BigEndian.PutUint32(h[8:], length)
	return h
}

func (h *header) has(flag uint16) bool { return binary.BigEndian.Uint16(h[2:])&flag != 0 }
func (h *header) stream() uint32       { return binary.BigEndian.Uint32(h[4:]) }
func (h *header) length() uint32       { return binary.BigEndian.Uint32(h[8:]) }

// Codes behind a "go away" that are not the caller's.
const (
	codeNormal   = 0
	codeProtocol = 1
)

// Errors of sessions and streams, beside those of the connection. A deadline that has passed is os.ErrDeadlineExceeded.
var (
	ErrClosed       = fmt.Errorf("mux: the session was closed: %w", net.ErrClosed)
	ErrReset        = errors.New("mux: the stream was reset")
	ErrProtocol     = errors.New("mux: the other end broke the protocol")
	ErrKeepAlive    = errors.New("mux: the other end is silent")
	ErrWriteTimeout = errors.New("mux: the other end takes nothing of what is written")
	ErrExhausted    = errors.New("mux: the session has no numbers left for streams")
)

// GoAway is the word with which an end of a session has ended it.
type GoAway struct {
	Code   uint32
	Remote bool // the other end did
}

func (e *GoAway) Error() string {
	if e.Remote {
		return fmt.Sprintf("mux: the other end has ended the session, code %d", e.Code)
	}
	return fmt.Sprintf("mux: the session was ended with code %d", e.Code)
}
