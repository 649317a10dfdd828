package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/wire/http1"
	"agora/wire/openai"
)

// one is a subnet of one miner, which is always there and gives one answer.
type one struct{ answer []byte }

func (one) Standings(context.Context) ([]Subnet, error) {
	m := Miner{HotKey: make([]byte, ed25519.PublicKeySize), Model: "m", Incentive: 100, Can: openai.CanChat, Context: 1 << 20}
	return []Subnet{{NetUID: 1, Name: "chat", Miners: []Miner{m}}}, nil
}

func (one) Connected(uint32, ed25519.PublicKey) bool { return true }

func (o one) RoundTripper(uint32, ed25519.PublicKey) http.RoundTripper { return o }

var pages = sync.Pool{New: func() any { b := make([]byte, 0, 48<<10); return &b }}

// RoundTrip does what a hub does with request and answer, but for carrying them.
func (o one) RoundTrip(r *http.Request) (*http.Response, error) {
	room := pages.Get().(*[]byte)
	defer pages.Put(room)
	if _, usual, err := http1.AppendRequest((*room)[:0], r); err != nil || !usual {
		return nil, errors.Join(err, errors.New("no usual request"))
	}
	limit := 1 << 20
	resp, err := http1.NewAnswers(bytes.NewReader(o.answer), func() error { return nil }).Next(r, &limit)
	if err == nil {
		resp.Body = ending{resp.Body.(*http1.AnswerBody)}
	}
	return resp, err
}

// ending is an answer's body that reads its end when it is closed, as a hub's does.
type ending struct{ *http1.AnswerBody }

func (e ending) Close() error {
	if !e.AtEnd() {
		return errors.New("closed before its end")
	}
	return nil
}

// asker is a connection on which one request comes again and again, and the listener that has it.
type asker struct {
	net.Conn // that of nobody
	once     sync.Once
	request  []byte
	unread   []byte
	left     int           // requests
	answered int           // with 200
	over     chan struct{} // closed when all have come
}

func (a *asker) Accept() (c net.Conn, err error) {
	a.once.Do(func() { c = a })
	if c == nil {
		<-a.over
		err = net.ErrClosed
	}
	return c, err
}

func (a *asker) Read(p []byte) (n int, err error) {
	if len(a.unread) == 0 {
		if a.left == 0 {
			close(a.over)
			return 0, io.EOF
		}
		a.left--
		a.unread = a.request
	}
	n = copy(p, a.unread)
	a.unread = a.unread[n:]
	return n, nil
}

func (a *asker) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("HTTP/1.1 200 OK\r\n")) {
		a.answered++
	}
	return len(p), nil
}

func (a *asker) Addr() net.Addr                   { return &net.TCPAddr{} }
func (a *asker) LocalAddr() net.Addr              { return a.Addr() }
func (a *asker) RemoteAddr() net.Addr             { return a.Addr() }
func (a *asker) Close() error                     { return nil }
func (a *asker) SetReadDeadline(time.Time) error  { return nil }
func (a *asker) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkHandler is what a plain request takes of a gateway beside the network: from its bytes to those of its answer, which came as
// a stream, with all duties but money and receipts.
func BenchmarkHandler(b *testing.B) {
	chunk := `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[`
	events := chunk + `{"index":0,"delta":{"role":"assistant","content":"` + strings.Repeat("word ", 160) + `"},"finish_reason":"stop"}]}` + "\n\n" +
		chunk + `],"usage":{"prompt_tokens":5,"completion_tokens":160,"total_tokens":165}}` + "\n\ndata: [DONE]\n\n"
	miner := one{fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(events), events)}
	keys, err := OpenKeys(filepath.Join(b.TempDir(), "keys.json"))
	require.NoError(b, err)
	secret := SecretFrom(sha256.Sum256(nil))
	const many = 1 << 30
	_, err = keys.Import(secret, "consumer", Limits{PerMinute: many, Burst: many, InFlight: many, Tokens: many})
	require.NoError(b, err)
	g, err := New(Config{Miners: miner, Ranking: miner, Keys: keys, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	require.NoError(b, g.Update(b.Context()))
	for _, kib := range []int{1, 32} {
		b.Run(fmt.Sprint(kib, "KiB"), func(b *testing.B) {
			body := `{"model":"chat","messages":[{"role":"user","content":"` + strings.Repeat("word ", kib<<10/5) + `"}]}`
			a := &asker{left: b.N, over: make(chan struct{}), request: fmt.Appendf(nil,
				"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", secret, len(body), body)}
			b.ReportAllocs()
			b.ResetTimer()
			before := processor()
			_ = Server(g).Serve(a) // ends with the connection
			b.ReportMetric(float64((processor()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			require.Equal(b, b.N, a.answered)
		})
	}
}
