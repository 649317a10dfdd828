package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"agora/wire"
)

// ways in which a miner goes astray, by the word that starts it: what it writes in answer to a request, and whether it then hangs up.
var astray = map[string]struct {
	says func(conn net.Conn)
	ends bool
}{
	"stall":   {func(net.Conn) {}, false},
	"rubbish": {func(c net.Conn) { _, _ = io.CopyN(c, rand.Reader, 4<<10) }, true},
	"flood":   {func(c net.Conn) { _, _ = io.CopyN(c, rand.Reader, 64<<20) }, true},
	"broken":  {says(streamHead, frame("data: {\"choices\":[{\n\n")), true},
	"other":   {says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<script/>"), false},
	"long":    {says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000000\r\n\r\n", chunk(word, true)), true},
	"short":   {says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 20\r\n\r\n", chunk(word, true), usageChunk), false},
	"chunks":  {says(streamHead, "ffffffff\r\n", chunk(word, true)), true},
	"half":    {says(streamHead, frame(chunk("half ", false))), true},
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

// frame is a body's chunk.
func frame(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

func says(parts ...string) func(net.Conn) {
	return func(c net.Conn) {
		for _, p := range parts {
			_, _ = io.WriteString(c, p) // who left needs none
		}
	}
}

// serveAstray are miners FROM to TO at a hub that all go astray in one way.
func serveAstray(args []string) error {
	from, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	to, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	for i := from; i < to; i++ {
		streams, err := wire.Streams(context.Background(), wire.ServeConfig{
			Key: keyOf(minerName(i)), NetUID: netuid, Validator: keyOf("gateway").Public().(ed25519.PublicKey), Addr: args[0], AllowPrivate: true, Log: quiet,
		})
		if err != nil {
			return err
		}
		go func() {
			for {
				conn, err := streams.Accept()
				if err != nil {
					return
				}
				go goAstray(conn, args[3])
			}
		}()
	}
	return ready("connected")
}

// goAstray answers requests of one stream in its way, until it hangs up.
func goAstray(conn net.Conn, how string) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		length, err := readHeader(in)
		if err != nil {
			return
		}
		if _, err := in.Discard(max(0, length)); err != nil {
			return
		}
		if astray[how].says(conn); astray[how].ends {
			return
		}
	}
}

// away says whether the chain is: every USR1 changes it.
func away() func() bool {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGUSR1)
	gone := make(chan bool, 1)
	gone <- false
	go func() {
		for range changed {
			gone <- !<-gone
		}
	}()
	return func() bool {
		is := <-gone
		gone <- is
		return is
	}
}
