package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"agora/engine"
	"agora/gateway"
	"agora/gateway/heap"
	"agora/gateway/receipts"
	"agora/miner"
	"agora/wire"
	"agora/wire/openai"
)

const (
	netuid  = 1
	chainID = "agora-bench"
	hold    = "Hold." // the question after whose first word an answer waits for ever
)

// word is what every answer says, of about a kilobyte with what stands around it.
var word = strings.Repeat("word ", 160)

var quiet = slog.New(slog.DiscardHandler)

// stages are the parts that this program plays when it is started again.
var stages = map[string]func(args []string) error{
	"upstream": upstream, "proxy": proxy, "gateway": serveGateway, "miner": serveMiners, "raw": serveRaw, "burner": burn, "astray": serveAstray,
}

// keyOf derives a part's key from its name, so that the parts need not tell each other.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func minerName(i int) string { return "miner " + strconv.Itoa(i) }

// secret is the consumer's key.
func secret() string { return gateway.SecretFrom(sha256.Sum256([]byte("consumer"))) }

// server is what serves HTTP: the gateway's, or the standard library's.
type server interface{ Serve(net.Listener) error }

// listen serves HTTP on loopback by the standard library's server, and says where.
func listen(h http.Handler) (string, error) {
	return listenAt("127.0.0.1:0", &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute})
}

func listenAt(addr string, s server) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	go func() { _ = s.Serve(l) }() // ends with the process
	return l.Addr().String(), nil
}

// chunk is an event of the fixed stream.
func chunk(text string, last bool) string {
	finish := "null"
	if last {
		finish = `"stop"`
	}
	return `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"` + text + `"},"finish_reason":` + finish + `}]}` + "\n\n"
}

const usageChunk = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":160,"total_tokens":165}}` + "\n\ndata: [DONE]\n\n"

// upstream is a server with a fixed answer, plain or as a stream.
func upstream([]string) error {
	plain := []byte(`{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"` + word +
		`"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":160,"total_tokens":165}}`)
	addr, err := listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, chunk(word, true)) // who left needs none, here and below
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, usageChunk)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(plain)
	}))
	if err != nil {
		return err
	}
	return ready(addr)
}

// proxy is what a gateway is measured beside: the standard library's, in front of the fixed upstream.
func proxy(args []string) error {
	to, err := url.Parse("http://" + args[0])
	if err != nil {
		return err
	}
	p := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}, FlushInterval: -1,
		ErrorLog: log.New(io.Discard, "", 0), // streams that it breaks off are counted by who asked
	}
	addr, err := listen(p)
	if err != nil {
		return err
	}
	return ready(addr)
}

// standings are miners of one tier, on a chain that may be away.
type standings struct {
	miners int
	away   func() bool
}

func (n standings) Standings(context.Context) ([]gateway.Subnet, error) {
	if n.away() {
		return nil, errors.New("the chain does not answer")
	}
	s := gateway.Subnet{NetUID: netuid, Name: "chat"}
	for i := range n.miners {
		s.Miners = append(s.Miners, gateway.Miner{
			UID: uint32(i), HotKey: keyOf(minerName(i)).Public().(ed25519.PublicKey), Model: "m", Engine: "bench", Incentive: 100, Tier: 0,
			Can: openai.CanChat, Context: 1 << 20,
		})
	}
	return []gateway.Subnet{s}, nil
}

// serveGateway is the gateway with all its duties but money: keys and their limits, routing, receipts, usage, metrics. Its arguments are how
// many miners there are and, where they are not chosen freely, its folder, and the addresses of its door and of its hub.
func serveGateway(args []string) error {
	miners, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	args = append(args, "", "", "")[:4]
	home, door, at := args[1], cmp.Or(args[2], "127.0.0.1:0"), cmp.Or(args[3], "127.0.0.1:0")
	if home == "" {
		if home, err = os.MkdirTemp("", "traffic"); err != nil {
			return err
		}
		defer os.RemoveAll(home)
	}
	heap.Roomy()
	hub, err := wire.Listen(at, keyOf("gateway"), func(uint32, ed25519.PublicKey) error { return nil }, wire.Options{Log: quiet})
	if err != nil {
		return err
	}
	keys, err := gateway.OpenKeys(filepath.Join(home, "keys.json"))
	if err != nil {
		return err
	}
	const many = 1 << 30
	if _, err := keys.Import(secret(), "consumer", gateway.Limits{PerMinute: many, Burst: many, InFlight: many, Tokens: many}); err != nil {
		return err
	}
	store, err := receipts.Open(filepath.Join(home, "receipts.db"))
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{
		Miners: hub, Ranking: standings{miners, away()}, Keys: keys, Log: quiet, MaxInFlight: 16_384, KeepAlive: time.Minute,
		Proofs: &gateway.Proofs{ChainID: chainID, Voice: keyOf("gateway").Public().(ed25519.PublicKey), Store: store},
	})
	if err != nil {
		return err
	}
	go g.Run(context.Background()) // ends with the process
	if err := g.Update(context.Background()); err != nil {
		return err
	}
	addr, err := listenAt(door, gateway.Server(g))
	if err != nil {
		return err
	}
	return ready(addr, hub.Addr())
}

// fixed is an engine that says one fixed word, after a time; to hold it says a word and waits until nobody listens.
type fixed struct{ takes time.Duration }

func (fixed) Info() engine.Info { return engine.Info{Model: "m", Engine: "bench"} }

func (f fixed) Chat(ctx context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	usage := openai.Usage{PromptTokens: 5, CompletionTokens: 160, TotalTokens: 165}
	if f.takes > 0 {
		select {
		case <-time.After(f.takes):
		case <-ctx.Done():
			return usage, "", ctx.Err()
		}
	}
	if err := emit(engine.Token{Bytes: []byte(word)}); err != nil {
		return usage, "", err
	}
	if string(r.Messages[len(r.Messages)-1].Content) == hold {
		<-ctx.Done()
		return usage, "", ctx.Err()
	}
	return usage, engine.FinishStop, nil
}

// serveMiners are miners FROM to TO at a hub, each with a capacity and a time that an answer takes.
func serveMiners(args []string) error {
	n := make([]int, 4)
	for i, text := range args[1:] {
		var err error
		if n[i], err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	heap.Roomy()
	directory := miner.Static{{HotKey: keyOf("gateway").Public().(ed25519.PublicKey), Addr: args[0]}}
	e := fixed{takes: time.Duration(n[3]) * time.Millisecond}
	var all []*miner.Miner
	for i := n[0]; i < n[1]; i++ {
		m, err := miner.New(miner.Config{
			Key: keyOf(minerName(i)), NetUID: netuid, Handler: miner.NewServer(e, miner.Options{Capacity: n[2], Queue: n[2], Log: quiet}), Directory: directory,
			AllowPrivate: true, Log: quiet, Seat: func() (miner.Seat, bool) {
				return miner.Seat{ChainID: chainID, NetUID: netuid, UID: uint32(i), Model: e.Info()}, true
			},
		})
		if err != nil {
			return err
		}
		go func() { _ = m.Run(context.Background()) }() // ends with the process
		all = append(all, m)
	}
	for _, m := range all {
		for len(m.Connections()) == 0 || !m.Connections()[0].Connected {
			time.Sleep(time.Millisecond)
		}
	}
	return ready("connected")
}

// serveRaw answers at a hub in the place of miner 0, with fixed bytes and nothing of a miner's work.
func serveRaw(args []string) error {
	streams, err := wire.Streams(context.Background(), wire.ServeConfig{
		Key: keyOf(minerName(0)), NetUID: netuid, Validator: keyOf("gateway").Public().(ed25519.PublicKey), Addr: args[0], AllowPrivate: true, Log: quiet,
	})
	if err != nil {
		return err
	}
	body := chunk(word, true) + usageChunk
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body))
	go func() {
		for {
			conn, err := streams.Accept()
			if err != nil {
				return
			}
			go answerRaw(conn.(stream), answer)
		}
	}()
	return ready("connected")
}

// stream is one of wire.Streams.
type stream interface {
	net.Conn
	Await() error
}

// answerRaw reads requests off one stream, each of which comes behind the answer to the one before, and answers with the same bytes.
func answerRaw(conn stream, answer []byte) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		if conn.Await() != nil { // as a miner's server
			return
		}
		length, err := readHeader(in)
		if err != nil {
			return
		}
		if _, err := in.Discard(length); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// burn keeps one core busy.
func burn([]string) error {
	go func() {
		sum := sha256.Sum256(nil)
		for {
			sum = sha256.Sum256(sum[:])
		}
	}()
	return ready("hot")
}
