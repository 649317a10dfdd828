package http1

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"agora/wire/cancel"
	"agora/wire/direct"
)

const (
	watchAfter = 50 * time.Millisecond  // an answer that takes no longer is not watched for a client that leaves; one that takes twice as long is
	lingerTime = 500 * time.Millisecond // for a client to see an answer that ends a connection on which it still sends
	refuseTime = 5 * time.Second        // for a client to take a refusal
	drainTime  = 10 * time.Second       // for the rest of a body that its handler has not read
)

// States of conn.idle that are no time.
const (
	busy   = 0
	closed = -1
)

// conn is one connection. One goroutine serves it; another watches, while a request is answered that takes long, whether the
// client is there.
type conn struct {
	*Server
	rwc    net.Conn
	direct *direct.Conn // rwc, for what is read and written most
	remote string
	from   netip.Prefix    // what it is counted by
	base   context.Context // of its requests
	in     input
	idle   atomic.Int64 // since when it waits for a request, by sinceStart; busy; closed by the server
	timed  bool         // the header that is read has a deadline
	header http.Header  // of its answers, one after another
	lines  [usualLines]line
	posted bool // the last request was a POST, behind which one empty line may stand

	answering atomic.Int64 // since when a write of an answer waits for the client, by sinceStart; 0 while none does
	asking    atomic.Int64 // the same of the word that a body may come
	armed     atomic.Int64 // the server's tick in which the watch was armed; 0 where the watcher need not begin

	owesContinue atomic.Bool // the client waits for a word before it sends its body
	sending      sync.Mutex  // over that word, and over the decision not to give it

	watchMu sync.Mutex // guards what follows
	watch   watchState
	ended   chan struct{} // closed when the watcher ends; nil while it does not read
	leave   func()        // ends the context of the request under way
	left    bool          // the client has, or was cut off
}

// watchState says whether the input may be read by the watcher.
type watchState int

const (
	unwatched watchState = iota
	armed                // the watcher may begin
	watching             // it reads
	aborting             // it is to end
)

func newConn(s *Server, nc net.Conn) *conn {
	d := direct.New(nc)
	c := &conn{Server: s, rwc: nc, direct: d, in: input{from: d}, header: http.Header{}, leave: func() {}}
	if at := nc.RemoteAddr(); at != nil {
		c.remote, c.from = at.String(), origin(at)
	}
	if w, ok := nc.(interface{ Await() error }); ok {
		c.in.wait = w.Await
	}
	c.base = context.WithValue(context.Background(), http.LocalAddrContextKey, nc.LocalAddr())
	c.idle.Store(sinceStart())
	return c
}

// serve answers one request after another.
func (c *conn) serve() {
	defer c.Server.gone(c)
	defer c.rwc.Close()
	defer c.in.give()
	defer c.stopWatch()
	defer c.survive()
	c.timed = true
	_ = c.rwc.SetReadDeadline(time.Now().Add(c.HeaderTimeout)) // one that is closed already says so when it is read
	for c.await() {
		x, err := c.readHead()
		if err != nil {
			c.refuse(err)
			return
		}
		if !c.answer(x) {
			return
		}
		c.posted = x.head.method == http.MethodPost
	}
}

// survive notes a handler's panic, which ends its connection.
func (c *conn) survive() {
	p := recover()
	if p == nil {
		return
	}
	c.current()()
	if p != http.ErrAbortHandler {
		stack := make([]byte, 16<<10)
		c.Log.Error("a request's handler failed", "client", c.remote, "panic", p, "stack", string(stack[:runtime.Stack(stack, false)]))
	}
}

// await waits for the first byte of a request.
func (c *conn) await() bool {
	if c.begun() {
		return !c.closing.Load()
	}
	since := sinceStart()
	c.idle.Store(since)
	if c.closing.Load() {
		return false
	}
	for {
		if c.in.fill() != nil {
			return false
		}
		if c.begun() {
			return c.idle.CompareAndSwap(since, busy)
		}
	}
}

// begun says whether a byte of a request has come. One empty line behind a POST is none of it: old clients send that, and RFC 9112
// (2.2) asks for patience.
func (c *conn) begun() bool {
	if c.posted && bytes.HasPrefix(c.in.waiting(), crlf) {
		c.in.r += len(crlf)
		c.posted = false
	}
	waiting := c.in.waiting()
	return len(waiting) > 0 && !(c.posted && string(waiting) == "\r")
}

// readHead reads a request's line and header. Most come in one piece and need no deadline of their own.
func (c *conn) readHead() (*exchange, error) {
	for next := 0; ; {
		end, from, err := endOfHead(c.in.waiting(), next)
		if err != nil {
			return nil, err
		}
		if end > c.MaxHeaderBytes || end == 0 && len(c.in.waiting()) >= c.MaxHeaderBytes {
			return nil, errLarge
		}
		if end > 0 {
			x := &exchange{}
			err := x.head.parse(string(c.in.waiting()[:end]))
			c.in.r += end
			c.untime()
			return x, err
		}
		if !c.timed {
			c.timed = true
			_ = c.rwc.SetReadDeadline(time.Now().Add(c.HeaderTimeout)) // as above
		}
		if err := c.in.fill(); err != nil {
			return nil, err
		}
		next = from
	}
}

func (c *conn) untime() {
	if c.timed {
		c.timed = false
		_ = c.rwc.SetReadDeadline(time.Time{}) // as above
	}
}

// refuse tells a client why its request is not served, where there was one.
func (c *conn) refuse(err error) {
	r, ok := err.(*refusal)
	if !ok {
		return
	}
	text := http.StatusText(r.status) + ": " + r.text
	out := appendStatus(nil, 1, r.status)
	out = append(out, "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: "...)
	out = appendDecimal(out, len(text))
	out = append(append(out, "\r\n\r\n"...), text...)
	_ = c.direct.SetWriteDeadline(time.Now().Add(refuseTime)) // as above
	if _, err := c.direct.Write(out); err == nil {
		c.linger()
	}
}

// linger lets a client read the last answer before the connection is reset under what it still sends.
func (c *conn) linger() {
	if half, ok := c.rwc.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	if c.rwc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		for p := make([]byte, readSize); ; {
			if _, err := c.rwc.Read(p); err != nil {
				return
			}
		}
	}
}

// exchange is a request with its answer, in one piece of memory.
type exchange struct {
	head head
	body body
	w    response
	ends cancel.Context // its context
}

// blank is what requests are made from, since their context can be given only to a copy.
var blank http.Request

// answer lets the handler answer a request. True says that the connection goes on.
func (c *conn) answer(x *exchange) bool {
	ctx, cancel := x.ends.Under(c.base)
	defer cancel()
	defer x.body.end()
	r := c.request(ctx, x)
	h := &x.head
	x.w = response{c: c, minor: h.minor, isHead: h.method == http.MethodHead, ends: h.close, keeps: h.keep, header: c.header, lines: c.lines[:0], length: -1}
	clear(c.header)
	c.begin(cancel)
	if h.length == 0 {
		c.in.release()
		c.arm()
	} else {
		x.w.body = &x.body
		c.owesContinue.Store(h.expects)
	}
	c.Handler.ServeHTTP(&x.w, r)
	goes := x.w.finish()
	cancel()
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll() // files in a temporary folder
	}
	return c.stopWatch() && goes
}

// request is what the handler gets.
func (c *conn) request(ctx context.Context, x *exchange) *http.Request {
	r, h := blank.WithContext(ctx), &x.head
	r.Method, r.URL, r.RequestURI, r.Header, r.Host = h.method, h.url, h.target, h.header, h.host
	r.Proto, r.ProtoMajor, r.ProtoMinor = protos[h.minor], 1, h.minor
	r.ContentLength, r.Close, r.RemoteAddr = h.length, h.close, c.remote
	if h.length == 0 {
		r.Body = http.NoBody
		return r
	}
	x.body.c, x.body.w = c, &x.w
	x.body.frames = frames{in: &c.in, left: max(0, h.length), chunks: h.length == chunked}
	r.Body = &x.body
	if x.body.chunks {
		r.TransferEncoding = []string{"chunked"}
	}
	return r
}

var protos = [2]string{"HTTP/1.0", "HTTP/1.1"}

// sendContinue asks a client for its body that waits to be asked.
func (c *conn) sendContinue() {
	if !c.owesContinue.Load() {
		return
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.owesContinue.Swap(false) {
		c.asking.Store(sinceStart())
		defer c.asking.Store(0)
		_, _ = io.WriteString(c.direct, "HTTP/1.1 100 Continue\r\n\r\n") // who left is noticed when the body is read
	}
}

// keepContinue says whether a client waits in vain to be asked for its body, which nobody asks for from now on.
func (c *conn) keepContinue() bool {
	if !c.owesContinue.Load() {
		return false
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.owesContinue.Swap(false)
}
