package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestBurstOf1200RequestsIsServedWhole(t *testing.T) {
	checkNoLeak(t)
	const burst = 1200
	var inside atomic.Int64
	all := make(chan struct{})
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if inside.Add(1) == burst {
			close(all)
		}
		select { // every request is held until all are there: 1,200 streams at once
		case <-all:
			io.Copy(w, r.Body)
		case <-r.Context().Done():
		}
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var failed atomic.Int64
	var wg sync.WaitGroup
	for i := range burst {
		wg.Go(func() {
			body := fmt.Sprint("request ", i)
			if got, err := post(ctx, client, body); err != nil || got != body {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := failed.Load(); n > 0 {
		t.Fatalf("%d of %d failed", n, burst)
	}
}

func post(ctx context.Context, c *http.Client, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://miner/", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return string(got), err
}

func TestCancelBeforeTheFirstByteStopsTheMiner(t *testing.T) {
	checkNoLeak(t)
	started, stopped := make(chan struct{}), make(chan struct{})
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(stopped)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := post(ctx, client, strings.Repeat("x", 512<<10)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	within(t, stopped, "the miner stops working")
	eventually(t, "nothing is in flight", func() bool { return h.Peers()[0].InFlight == 0 })
}

func TestClosingTheBodyMidStreamStopsTheMiner(t *testing.T) {
	checkNoLeak(t)
	stopped := make(chan struct{})
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("data: one\n\n"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(stopped)
	}))
	resp, err := client.Get("http://miner/")
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "data: one\n" {
		t.Fatalf("%q, %v", line, err)
	}
	resp.Body.Close()
	within(t, stopped, "the miner stops working")
}

func TestDeadlineEndsAReadOfTheBody(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := post(ctx, client, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func within(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
	}
}

func TestStreamsAreUsedAgain(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", echo)
	for range 100 {
		ask(t, client, "x")
	}
	if n := h.find(1, public25519(hotKey("a"))).session.NumStreams(); n != 1 {
		t.Fatalf("100 requests one after the other left %d streams", n)
	}
}

// A reader of server-sent events stops at the last event, before the end of the chunked body.
func TestStreamIsUsedAgainAfterTheLastEvent(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "data: [DONE]\n\n") // flushed with the end of the body
	}))
	for range 20 {
		resp, err := client.Get("http://miner/")
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(resp.Body, make([]byte, len("data: [DONE]\n\n")))
		resp.Body.Close()
	}
	if id := lastStream(h, "a"); id > 1 {
		t.Fatalf("20 requests opened %d streams", id)
	}
}

// lastStream opens one more stream to see how many came before it: ids of the opening side count 1, 3, 5.
func lastStream(h *Hub, name string) int {
	s, err := h.find(1, public25519(hotKey(name))).session.OpenStream(context.Background())
	if err != nil {
		return -1
	}
	defer s.Reset()
	return int(s.StreamID()-1) / 2
}

func TestIdleStreamsAreBoundedAndExpire(t *testing.T) {
	h := openHub(t, everyone, Options{IdleStreams: 5, IdleTimeout: 50 * time.Millisecond})
	gate := make(chan struct{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	p := h.find(1, public25519(hotKey("a")))
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() { post(context.Background(), client, "") })
	}
	eventually(t, "40 requests are open", func() bool { return p.inFlight.Load() == 40 })
	close(gate)
	wg.Wait()
	p.mu.Lock()
	idle := len(p.idle)
	p.mu.Unlock()
	if idle > 5 {
		t.Fatalf("%d streams wait", idle)
	}
	eventually(t, "waiting streams expire", func() bool { return p.session.NumStreams() == 0 })
}

func TestStaleStreamIsTriedAgainOnce(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", echo)
	ask(t, client, "warm")
	p := h.find(1, public25519(hotKey("a")))
	p.idle[0].conn.Reset() // as if the miner had closed it
	if got := ask(t, client, "again"); got != "again" {
		t.Fatal(got)
	}
}

func TestRequestThatCannotBeReplayedIsNotTriedAgain(t *testing.T) {
	h := openHub(t, everyone, Options{})
	var served atomic.Int64
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		echo(w, r)
	}))
	ask(t, client, "warm")
	h.find(1, public25519(hotKey("a"))).idle[0].conn.Reset()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://miner/", io.MultiReader(strings.NewReader("once")))
	if _, err := client.Do(r); !errors.Is(err, errStale) {
		t.Fatalf("got %v", err)
	}
	if n := served.Load(); n != 1 {
		t.Fatalf("served %d times", n)
	}
}

func TestAnswerThatBrokeOffIsNeverAskedForTwice(t *testing.T) {
	h := openHub(t, everyone, Options{})
	var served atomic.Int64
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1); r.URL.Path == "/break" {
			w.Write([]byte("half an"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	ask(t, client, "warm")
	resp, err := client.Get("http://miner/break")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Fatalf("a cut answer passes for whole: %q", got)
	}
	if n := served.Load(); n != 2 {
		t.Fatalf("served %d times", n)
	}
}

func TestLargeBodiesGoBothWays(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", echo)
	want := strings.Repeat("0123456789abcdef", 4<<16) // 4 MiB
	if got := ask(t, client, want); got != want {
		t.Fatalf("%d bytes came back", len(got))
	}
}

func TestOversizeBodyIsRefusedInOpenAIsShape(t *testing.T) {
	checkNoLeak(t)
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", echo, func(c *ServeConfig) { c.MaxBody = 1 << 20 })
	for name, body := range map[string]io.Reader{
		"declared":   bytes.NewReader(make([]byte, 3<<20)),
		"undeclared": io.LimitReader(zeros{}, 3<<20),
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := client.Post("http://miner/", "application/json", body)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.HasPrefix(string(text), `{"error":`) {
				t.Fatalf("%d %s", resp.StatusCode, text)
			}
		})
	}
	ask(t, client, "the connection lives on")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestMinerHoldsABoundedAmountOfBodies(t *testing.T) {
	h := openHub(t, everyone, Options{})
	started, gate := make(chan struct{}, 2), make(chan struct{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		started <- struct{}{}
		<-gate
	}), func(c *ServeConfig) { c.MaxBuffered = 100 })
	var wg sync.WaitGroup
	wg.Go(func() { post(context.Background(), client, strings.Repeat("x", 80)) })
	within(t, started, "the first request is being served")
	resp, err := client.Post("http://miner/", "", strings.NewReader(strings.Repeat("x", 30)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
	}
	close(gate)
	wg.Wait()
	ask(t, client, strings.Repeat("x", 80))
}

func TestHeaderWithoutEndIsCutOff(t *testing.T) {
	h := openHub(t, everyone, Options{})
	l, err := Streams(t.Context(), ServeConfig{Key: hotKey("a"), NetUID: 1, Validator: public25519(hotKey("validator")), Addr: h.Addr(), AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // ends with the connection
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = io.WriteString(conn, "X-Long: "+strings.Repeat("y", 100)+"\r\n")
		}
	}()
	key := public25519(hotKey("a"))
	eventually(t, "the hub lists the miner", func() bool { return h.Connected(1, key) })
	client := &http.Client{Transport: h.RoundTripper(1, key)}
	if _, err := client.Get("http://miner/"); err == nil || !strings.Contains(err.Error(), "header is larger") {
		t.Fatalf("got %v", err)
	}
}

// A deadline for reading is for the request's body: one that passes later ends no answer.
func TestAReadDeadlineThatPassesEndsNoAnswer(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			io.WriteString(w, "left")
		case <-time.After(200 * time.Millisecond):
			io.WriteString(w, "answered")
		}
	}))
	for range 2 {
		if got := ask(t, client, "body"); got != "answered" {
			t.Errorf("got %q", got)
		}
	}
}

func TestTooManyRequestsToOneMinerAreRefused(t *testing.T) {
	h := openHub(t, everyone, Options{MaxStreams: 2})
	gate := make(chan struct{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { post(context.Background(), client, "") })
	}
	p := h.find(1, public25519(hotKey("a")))
	eventually(t, "two are open", func() bool { return p.inFlight.Load() == 2 })
	if _, err := post(t.Context(), client, ""); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	close(gate)
	wg.Wait()
	ask(t, client, "room again")
}

// A reader that stops reading costs about its window; the miner waits instead of filling memory.
func TestStalledReadersCostABoundedAmountOfMemory(t *testing.T) {
	const readers, each = 8, 32 << 20
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/big" {
			return
		}
		chunk := make([]byte, 64<<10)
		for range each / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	before := heap()
	for range readers {
		resp, err := client.Get("http://miner/big")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.ReadFull(resp.Body, make([]byte, 1024))
	}
	for range 20 { // other requests go on, and give the stalled ones time to fill what they can
		ask(t, client, "")
	}
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Fatalf("%d stalled readers cost %d bytes", readers, grown)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestClosingTheHubFailsRequestsUnderWay(t *testing.T) {
	checkNoLeak(t)
	h, err := Listen("127.0.0.1:0", hotKey("validator"), everyone, Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	_, client := connect(t, h, "a", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	}))
	failed := make(chan error, 1)
	go func() {
		_, err := post(context.Background(), client, "")
		failed <- err
	}()
	within(t, started, "the request arrives")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Fatal("no error")
	}
	if _, err := post(t.Context(), client, ""); !errors.Is(err, ErrNotConnected) {
		t.Fatalf("got %v", err)
	}
}

// A stream that waits for an answer holds no buffer, since a Read into no room waits too.
func TestAStreamWaitsWithoutABuffer(t *testing.T) {
	h := openHub(t, everyone, Options{})
	connect(t, h, "a", echo)
	s, err := h.find(1, public25519(hotKey("a"))).fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.abandon()
	s.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := s.conn.Read(nil); err == nil {
		t.Fatal("it did not wait")
	}
}

// from is a connection from somewhere else than this machine.
type from struct {
	net.Conn
	at net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.at }

// listed is a listener of connections that are there.
type listed chan net.Conn

func (l listed) Close() error   { return nil }
func (l listed) Addr() net.Addr { return &net.TCPAddr{} }

func (l listed) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

// All streams of a validator come from its one address, which is no reason to take fewer of them.
func TestAMinerTakesTheStreamsOfOneAddress(t *testing.T) {
	checkNoLeak(t)
	const many = 1200
	l := make(listed, many)
	var last net.Conn
	for range many {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		l <- from{near, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 1), Port: 1}}
		last = far
	}
	close(l)
	s := &server{ServeConfig: ServeConfig{Handler: echo}.withDefaults()}
	srv := s.http()
	_ = srv.Serve(l)
	t.Cleanup(func() { srv.Close(); _ = srv.Shutdown(context.Background()) })
	last.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(last, "POST / HTTP/1.1\r\nHost: miner\r\nContent-Length: 2\r\n\r\nhi"); err != nil {
		t.Fatalf("stream %d: %v", many, err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(last), nil); err != nil {
		t.Fatal(err)
	}
}
