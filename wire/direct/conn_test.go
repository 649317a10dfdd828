package direct

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair are two ends of a connection on loopback, with small buffers, the first of which is used directly.
func pair(t testing.TB) (*Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	b, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { a.Close(); b.Close() })
	for _, c := range []net.Conn{a, b} {
		require.NoError(t, c.(*net.TCPConn).SetWriteBuffer(64<<10))
		require.NoError(t, c.(*net.TCPConn).SetReadBuffer(64<<10))
	}
	return New(a), b
}

func TestAllThatIsWrittenArrives(t *testing.T) {
	a, b := pair(t)
	sent := make([]byte, 4<<20)
	_, _ = rand.Read(sent)
	for name, way := range map[string][2]net.Conn{"written directly": {a, b}, "read directly": {b, a}} {
		wrote := make(chan error, 1)
		go func() { _, err := way[0].Write(sent); wrote <- err }()
		got := make([]byte, len(sent))
		_, err := io.ReadFull(way[1], got)
		require.NoError(t, err, name)
		require.NoError(t, <-wrote, name)
		require.True(t, bytes.Equal(sent, got), name)
	}
}

// Whoever writes at the same time as others writes whole pieces, as with any net.Conn.
func TestWritesAtTheSameTimeAreNotMixed(t *testing.T) {
	a, b := pair(t)
	require.NoError(t, a.SetDeadline(time.Now().Add(10*time.Second)))
	const piece, each = 100_000, 10
	var all sync.WaitGroup
	for _, letter := range "abcd" {
		all.Go(func() {
			for range each {
				_, _ = a.Write(bytes.Repeat([]byte{byte(letter)}, piece)) // what is missing is found below
			}
		})
	}
	defer all.Wait()
	got := make([]byte, piece)
	for range 4 * each {
		_, err := io.ReadFull(b, got)
		require.NoError(t, err)
		require.Equal(t, piece, bytes.Count(got, got[:1]))
	}
}

func TestWhatWaitsEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(a *Conn, b net.Conn) error
		want error
	}{
		"by a deadline":                    {func(a *Conn, _ net.Conn) error { return a.SetDeadline(time.Now().Add(20 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		"by a deadline in the past":        {func(a *Conn, _ net.Conn) error { return a.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"by closing":                       {func(a *Conn, _ net.Conn) error { return a.Close() }, net.ErrClosed},
		"by the other end's reset of both": {func(_ *Conn, b net.Conn) error { _ = b.(*net.TCPConn).SetLinger(0); return b.Close() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			ended := make(chan error, 2)
			go func() { _, err := a.Read(make([]byte, 1)); ended <- err }()
			go func() { _, err := a.Write(make([]byte, 16<<20)); ended <- err }()
			time.Sleep(20 * time.Millisecond)
			require.NoError(t, c.end(a, b))
			for range 2 {
				err := <-ended
				require.Error(t, err)
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
				}
			}
		})
	}
}

// A deadline is kept by writes that need not wait and by parts that do, and is over with the next one.
func TestWritesKeepTheirDeadline(t *testing.T) {
	a, b := pair(t)
	require.NoError(t, a.SetWriteDeadline(time.Unix(1, 0)))
	for _, write := range []func([]byte) (int, error){a.Write, a.TryWrite} {
		_, err := write([]byte("late"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var n net.Error
		require.True(t, errors.As(err, &n) && n.Timeout())
	}
	require.NoError(t, a.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
	_, err := a.WriteParts(net.Buffers{make([]byte, 8<<20), make([]byte, 8<<20)})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	go func() { _, _ = io.Copy(io.Discard, b) }()
	require.NoError(t, a.SetWriteDeadline(time.Now().Add(500*time.Millisecond)))
	_, err = a.Write(make([]byte, 1<<20)) // it waits
	require.NoError(t, err)
	require.NoError(t, a.SetWriteDeadline(time.Time{}))
	time.Sleep(500 * time.Millisecond)
	_, err = a.Write(make([]byte, 1<<20))
	require.NoError(t, err, "the deadline is over")
}

func TestTheEndIsAnEnd(t *testing.T) {
	a, b := pair(t)
	b.Close()
	_, err := a.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

// TryWrite writes what fits, and says how much that was.
func TestATryDoesNotWait(t *testing.T) {
	a, b := pair(t)
	sent := 0
	for {
		n, err := a.TryWrite(make([]byte, 16<<10))
		require.NoError(t, err)
		if n == 0 {
			break
		}
		sent += n
	}
	require.Positive(t, sent)
	_, err := io.ReadFull(b, make([]byte, sent))
	require.NoError(t, err)
	require.NoError(t, b.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = b.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "no more came than it says")
}

func TestWhatHasNoSocketIsUsedAsItComes(t *testing.T) {
	x, y := net.Pipe()
	defer y.Close()
	a := New(x)
	n, err := a.TryWrite([]byte("x"))
	require.NoError(t, err)
	require.Zero(t, n)
	go func() { _, _ = a.Write([]byte("hello")); a.Close() }()
	got, err := io.ReadAll(y)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
}

// BenchmarkReadAndWrite is a byte there and back.
func BenchmarkReadAndWrite(b *testing.B) {
	for _, way := range []string{"as it comes", "directly"} {
		b.Run(way, func(b *testing.B) {
			x, y := pair(b)
			var one, other net.Conn = x.Conn, y
			if way == "directly" {
				one, other = x, New(y)
			}
			go func() { _, _ = io.CopyBuffer(struct{ io.Writer }{other}, struct{ io.Reader }{other}, make([]byte, 1)) }()
			p := make([]byte, 1)
			for b.Loop() {
				if _, err := one.Write(p); err != nil {
					b.Fatal(err)
				}
				if _, err := one.Read(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
