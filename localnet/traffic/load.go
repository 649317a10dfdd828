package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// target is what is asked: an address and the bytes of one request.
type target struct {
	addr    string
	request []byte
}

// question is a request's body of about size bytes.
func question(size int, stream bool) string {
	more := ""
	if stream {
		more = `"stream":true,`
	}
	return `{"model":"chat",` + more + `"messages":[{"role":"user","content":"` + strings.Repeat("word ", max(1, (size-80)/5)) + `"}]}`
}

// to is a target that gets a body, with more headers where it wants some.
func to(addr, body string, headers ...string) target {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		addr, secret(), len(body))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return target{addr, b.Bytes()}
}

// conn is one connection of a consumer, which asks one request at a time.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func dial(t target) (*conn, error) {
	c, err := net.Dial("tcp", t.addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 16<<10)}, nil
}

// ask sends one request and reads its answer to the end.
func (c *conn) ask(t target) (status int, err error) {
	status, length, err := c.begin(t)
	if err != nil {
		return status, err
	}
	if length >= 0 {
		_, err = c.in.Discard(length)
		return status, err
	}
	return status, c.chunks()
}

// begin sends one request and reads the header of its answer; length is -1 where the body comes in chunks.
func (c *conn) begin(t target) (status, length int, err error) {
	if _, err := c.Write(t.request); err != nil {
		return 0, 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, 0, fmt.Errorf("no answer: %w", err)
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length, err = readHeader(c.in)
	return status, length, err
}

// chunks reads a body that comes in chunks.
func (c *conn) chunks() error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := c.in.Discard(int(n) + 2); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// readHeader reads the lines of a header and returns the body's length, -1 where it comes in chunks.
func readHeader(in *bufio.Reader) (length int, err error) {
	length = -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			return length, nil
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return 0, err
			}
		}
	}
}

// result is what a load came to.
type result struct {
	asked, ok int
	took      time.Duration
	times     []time.Duration // of the good answers, sorted
}

func (r result) perSecond() float64 { return float64(r.ok) / r.took.Seconds() }

func (r result) median() time.Duration { return r.at(.5) }

// at is the part-th quantile of the times.
func (r result) at(part float64) time.Duration {
	if len(r.times) == 0 {
		return 0
	}
	return r.times[min(len(r.times)-1, int(part*float64(len(r.times))))]
}

// load asks over conns connections for a time: each again as soon as it is answered, or, at a rate above 0, at moments that
// do not wait for answers; then a time counts from the moment at which it was due.
func load(t target, conns int, lasts time.Duration, rate float64) (r result, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var turn atomic.Int64
	began := time.Now()
	for range conns {
		wg.Go(func() {
			one, own := asking(t, began, lasts, rate, &turn)
			mu.Lock()
			defer mu.Unlock()
			r.asked, r.ok, r.times = r.asked+one.asked, r.ok+one.ok, append(r.times, one.times...)
			if err == nil {
				err = own
			}
		})
	}
	wg.Wait()
	r.took = time.Since(began)
	slices.Sort(r.times)
	return r, err
}

// asking is one connection's part of a load. A connection that breaks is opened again.
func asking(t target, began time.Time, lasts time.Duration, rate float64, turn *atomic.Int64) (r result, err error) {
	c, err := dial(t)
	if err != nil {
		return r, err
	}
	defer func() { c.Close() }()
	for {
		due := time.Now()
		if rate > 0 {
			due = began.Add(time.Duration(float64(turn.Add(1)) / rate * float64(time.Second)))
			time.Sleep(time.Until(due))
		}
		if due.Sub(began) >= lasts {
			return r, nil
		}
		r.asked++
		status, err := c.ask(t)
		if err != nil {
			c.Close()
			if c, err = dial(t); err != nil {
				return r, err
			}
			continue
		}
		if status == 200 {
			r.ok++
			r.times = append(r.times, time.Since(due))
		}
	}
}

// firstChunk is how long the first chunk of a stream takes, from the request on.
func (c *conn) firstChunk(t target) (time.Duration, error) {
	began := time.Now()
	status, length, err := c.begin(t)
	if err != nil {
		return 0, err
	}
	if status != 200 || length >= 0 {
		return 0, fmt.Errorf("no stream but status %d", status)
	}
	if _, err := c.in.Peek(1); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, c.chunks()
}

// holdOpen opens n streams and waits until each has said something; close ends them.
func holdOpen(t target, n int) (end func(), err error) {
	var all []*conn
	end = func() {
		for _, c := range all {
			c.Close()
		}
	}
	for range n {
		c, err := dial(t)
		if err != nil {
			return end, err
		}
		all = append(all, c)
		if _, err := c.Write(t.request); err != nil {
			return end, err
		}
	}
	for _, c := range all {
		if _, err := readHeader(c.in); err != nil {
			return end, err
		}
		if _, err := c.in.Peek(1); err != nil && err != io.EOF {
			return end, err
		}
	}
	return end, nil
}
