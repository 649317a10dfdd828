package gateway

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/miner"
	"agora/wire"
)

// cable is a way to a hub that can be cut.
type cable struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{Listener: l}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, in, out)
			c.mu.Unlock()
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				work.Go(func() {
					_, _ = io.Copy(way[0], way[1])
					way[0].Close()
					way[1].Close()
				})
			}
		}
	})
	t.Cleanup(func() { l.Close(); c.cut(); work.Wait() })
	return c
}

// cut ends all connections at once, with whatever is on its way.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		conn.Close()
	}
	c.open = nil
}

// What is wrong between gateway and miners is no consumer's fault: while the best miners are stopped, replaced and cut off, requests small
// and large are answered by who is left, and none is refused as a bad one.
func TestMinersThatComeAndGoAreNoConsumersFault(t *testing.T) {
	n := newNetwork(t, calculator{name: "steady"})
	quiet := slog.New(slog.DiscardHandler)
	serve := func(ctx context.Context, key ed25519.PrivateKey, at string) {
		_ = wire.Serve(ctx, wire.ServeConfig{
			Key: key, NetUID: 1, Validator: n.key.Public().(ed25519.PublicKey), Addr: at, AllowPrivate: true, Log: quiet,
			MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond,
			Handler: miner.NewServer(calculator{name: "flighty"}, miner.Options{Log: quiet, Capacity: 64, Queue: 1000}),
		})
	}
	ctx, end := context.WithCancel(t.Context())
	var churn sync.WaitGroup
	for uid := range 3 {
		public, key, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		n.subnets[0].Miners = append(n.subnets[0].Miners, Miner{UID: uint32(10 + uid), HotKey: public, Model: "flighty", Incentive: uint16(61_000 + uid)})
		c := newCable(t, n.hub.Addr())
		churn.Go(func() {
			for ctx.Err() == nil {
				n.healthOf(public).succeeded() // so that it is asked on
				one, stop := context.WithCancel(ctx)
				var programs sync.WaitGroup
				programs.Go(func() { serve(one, key, c.Addr().String()) })
				pause := func() { time.Sleep(time.Duration(20+rand.IntN(100)) * time.Millisecond) }
				pause()
				switch uid {
				case 0: // another program with the same key takes its place
					programs.Go(func() { serve(one, key, n.hub.Addr()) })
					pause()
				case 1:
					c.cut()
					pause()
				}
				stop()
				programs.Wait()
			}
		})
	}
	require.NoError(t, n.Update(t.Context()))
	var consumers sync.WaitGroup
	var answered, flighty atomic.Int64
	const enough = 20 // answers of miners that come and go
	began := time.Now()
	goesOn := func() bool {
		took := time.Since(began)
		return took < 2*time.Second || flighty.Load() < enough && took < time.Minute
	}
	for i := range 32 {
		consumers.Go(func() {
			for goesOn() && !t.Failed() {
				body := fmt.Sprintf(`{"model":"chat","stream":%v,"messages":[{"role":"system","content":"%s"},{"role":"user","content":"What is 12 + 30?"}]}`,
					i%3 == 0, strings.Repeat("x", []int{10, 300_000}[i%2]*i/32))
				req, err := http.NewRequest(http.MethodPost, n.url+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+n.secret)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK && resp.StatusCode < 500 || strings.Contains(string(text), "invalid_request") {
					t.Errorf("status %d, %v: %.300s", resp.StatusCode, err, text)
					return
				}
				answered.Add(1)
				if resp.Header.Get("X-Agora-Model") == "flighty" {
					flighty.Add(1)
				}
			}
		})
	}
	consumers.Wait()
	end()
	churn.Wait()
	t.Logf("%d answers, %d by miners that came and went", answered.Load(), flighty.Load())
	require.GreaterOrEqual(t, flighty.Load(), int64(enough))
}
