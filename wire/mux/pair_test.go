package mux

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-yamux/v5"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must happen; a passing test never uses it up.
const patience = 10 * time.Second

// sockets are two ends of a connection on loopback.
func sockets(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	b, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// pinned is TLS's configuration of an end.
func pinned(t testing.TB) *tls.Config {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	blank := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, blank, blank, key.Public(), key)
	require.NoError(t, err)
	return &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// secured shakes hands over loopback. Of what both ends write, a's goes through an outlet.
func secured(t testing.TB) (a *tls.Conn, out *Outlet, b *tls.Conn, under *Outlet) {
	t.Helper()
	x, y := sockets(t)
	out, under = NewOutlet(x), NewOutlet(y)
	c := pinned(t)
	a, b = tls.Client(out, c), tls.Server(under, c)
	done := make(chan error, 1)
	go func() { done <- b.Handshake() }()
	require.NoError(t, a.Handshake())
	require.NoError(t, <-done)
	return a, out, b, under
}

// ours are two sessions of this package over TLS, the first of which opens streams.
func ours(t testing.TB, c Config) (opens, accepts *Session) {
	t.Helper()
	a, out, b, under := secured(t)
	opens, accepts = Client(a, out, c), Server(b, under, c)
	t.Cleanup(func() { opens.Close(); accepts.Close() })
	return opens, accepts
}

// library is a session of go-yamux.
func library(t testing.TB, conn net.Conn, client bool, edit ...func(*yamux.Config)) *yamux.Session {
	t.Helper()
	c := yamux.DefaultConfig()
	c.LogOutput, c.ReadBufSize, c.MaxStreamWindowSize = io.Discard, 0, maxWindow
	for _, f := range edit {
		f(c)
	}
	make := yamux.Server
	if client {
		make = yamux.Client
	}
	s, err := make(conn, c, nil)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// stream is what both libraries' streams can do.
type stream interface {
	net.Conn
	CloseWrite() error
}

// end is one end of a session, ours or the library's.
type end struct {
	open   func() (stream, error)
	accept func() (stream, error)
	close  func(code uint32)
}

func endOfOurs(s *Session) end {
	return end{
		open:   func() (stream, error) { return s.OpenStream(context.Background()) },
		accept: func() (stream, error) { return s.AcceptStream() },
		close:  s.CloseWithError,
	}
}

func endOfLibrary(s *yamux.Session) end {
	return end{
		open:   func() (stream, error) { return s.OpenStream(context.Background()) },
		accept: func() (stream, error) { return s.AcceptStream() },
		close:  func(code uint32) { s.CloseWithError(code) },
	}
}

// eachPairing runs a test with ours at both ends, and with the library at either.
func eachPairing(t *testing.T, c Config, test func(t *testing.T, opens, accepts end)) {
	t.Run("ours with ours", func(t *testing.T) {
		checkNoLeak(t)
		a, b := ours(t, c)
		test(t, endOfOurs(a), endOfOurs(b))
	})
	t.Run("ours opens", func(t *testing.T) {
		checkNoLeak(t)
		a, out, b, _ := secured(t)
		s := Client(a, out, c)
		t.Cleanup(func() { s.Close() })
		test(t, endOfOurs(s), endOfLibrary(library(t, b, false)))
	})
	t.Run("the library opens", func(t *testing.T) {
		checkNoLeak(t)
		a, out, b, _ := secured(t)
		s := Server(a, out, c)
		t.Cleanup(func() { s.Close() })
		test(t, endOfLibrary(library(t, b, true)), endOfOurs(s))
	})
}

// checkNoLeak fails the test if goroutines are left over once everything registered after it has been cleaned up.
func checkNoLeak(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			if runtime.NumGoroutine() <= before {
				return
			}
		}
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}
