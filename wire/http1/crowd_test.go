package http1

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// guest is a connection from somewhere that says nothing.
type guest struct {
	*deaf
	ip string
}

func (g guest) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(g.ip), Port: 1} }

// Beyond so many connections, or so many of one client, a new one is closed, and the others stay; whoever leaves makes room.
func TestConnectionsAreBoundedInAllAndByAddress(t *testing.T) {
	s := &Server{MaxConns: 6, PerAddress: 2}
	s.prepare()
	defer s.Close()
	come := func(ip string) (g guest, in bool) {
		g = guest{newDeaf(""), ip}
		s.open(g)
		select {
		case <-g.closed:
			return g, false
		default:
			return g, true
		}
	}
	first, in := come("203.0.113.5")
	require.True(t, in)
	for _, one := range []struct {
		ip string
		in bool
	}{
		{"203.0.113.5", true}, {"203.0.113.5", false}, {"::ffff:203.0.113.5", false}, {"203.0.113.6", true}, // one more host
		{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::3", false}, // one network
		{"127.0.0.1", true}, {"127.0.0.1", false}, {"203.0.113.7", false}, // six are open
	} {
		_, in := come(one.ip)
		require.Equal(t, one.in, in, one.ip)
	}
	first.Close()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 5 && s.from[origin(first.RemoteAddr())] == 1
	}, patience, patience/1000)
	_, in = come("203.0.113.5")
	require.True(t, in)
}

func TestLoopbackHasNoLimitOfItsOwn(t *testing.T) {
	s := &Server{PerAddress: 1}
	s.prepare()
	defer s.Close()
	for _, ip := range []string{"127.0.0.1", "127.0.0.1", "::1", "::1"} {
		g := guest{newDeaf(""), ip}
		s.open(g)
		select {
		case <-g.closed:
			t.Errorf("another of %s is closed", ip)
		default:
		}
	}
}

// TestIdleAndStalledConnectionsAreTimedByNoClock holds the moments since which connections wait to be of the program's own time: a
// machine's clock that jumps by an hour would close all that are idle, or none for an hour.
func TestIdleAndStalledConnectionsAreTimedByNoClock(t *testing.T) {
	one, _ := net.Pipe()
	defer one.Close()
	c := newConn(&Server{}, one)
	if since := c.idle.Load(); since <= 0 || time.Duration(since) > time.Since(programBegan)+1 {
		t.Errorf("idle since %v, %v after the program began", time.Duration(since), time.Since(programBegan))
	}
}
