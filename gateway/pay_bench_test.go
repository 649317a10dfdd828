package gateway

import (
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"math/rand"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/gateway/ledger"
	"agora/mechanism/voucher"
)

// processor is the processor time that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of this process it never fails
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPay is the day of 1,000 consumers and b.N requests through the real path of money: a voucher that
// comes with its session, the reservation, the charge and what the miner is owed, written down; then every voucher is
// checked and stands for its claim. Signing is the consumers' time and is done before. Run it with -benchtime 1000000x.
func BenchmarkPay(b *testing.B) {
	const consumers = 1_000
	l, err := ledger.Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"), 0)
	require.NoError(b, err)
	defer l.Close()
	bank := &bank{channels: map[uint64]ledger.Account{}}
	till := &Till{Ledger: l, ChainID: payChain, Payee: "agora1val", Markup: 500, Channels: bank}
	g := &Gateway{Config: Config{Till: till, Log: slog.New(slog.DiscardHandler)}, metrics: newMetrics(func() time.Duration { return 0 })}
	type consumer struct {
		mu       sync.Mutex
		key      ed25519.PrivateKey
		session  *session
		vouchers []*ledger.Held
		asked    int
	}
	const cost, each = 1_000, 32 // rao of a request; requests for which one voucher is signed ahead
	all := make([]*consumer, consumers)
	for i := range all {
		id := uint64(i + 1)
		p := bank.open(id, voucher.MostAmount)
		c := &consumer{key: p.key}
		a, err := till.account(b.Context(), id)
		require.NoError(b, err)
		c.session = g.sessions.begin(id, a.Key)
		for n := 0; n <= b.N/consumers*2+each; n += each {
			v := voucher.Voucher{Channel: id, Parts: voucher.Parts{{Netuid: 1, Amount: uint64(n+each) * cost}}}
			signature, err := v.Sign(payChain, c.key)
			require.NoError(b, err)
			c.vouchers = append(c.vouchers, &ledger.Held{Voucher: v, Signature: signature})
		}
		all[i] = c
	}
	var served atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	began := processor()
	b.RunParallel(func(pb *testing.PB) {
		r, ctx := rand.New(rand.NewSource(rand.Int63())), context.Background()
		for pb.Next() {
			c := all[r.Intn(consumers)]
			c.mu.Lock()
			offered := c.vouchers[min(c.asked/each, len(c.vouchers)-1)]
			c.session.offer(offered)
			c.asked++
			c.mu.Unlock()
			id := requestID()
			from := &payer{account: accountOf(c.session.channel), session: c.session, offered: offered}
			if _, err := till.reserve(ctx, from, id, 2*cost); err != nil {
				b.Error(err)
				return
			}
			_, _, err := l.Settle(ctx, ledger.Charge{
				Account: from.account, Request: id, At: time.Now(), Netuid: 1, Model: "m", In: 5, Out: 7, Cost: cost,
				Base: cost * 100 / 105,
			})
			if err != nil {
				b.Error(err)
				return
			}
			served.Add(1)
		}
	})
	used := processor() - began
	b.StopTimer()
	require.NoError(b, g.Collect(b.Context()))
	b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(served.Load()), "cpu-us/request")
}

// BenchmarkPaidGateway asks the same miner through a gateway where nobody pays and through one that books each request, in
// turns.
func BenchmarkPaidGateway(b *testing.B) {
	answer := []byte(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"` +
		strings.Repeat("x", 800) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}` + "\n\ndata: [DONE]\n\n")
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(answer)
	})
	open := func(till bool) *network {
		n := newNetwork(b)
		if till {
			l, err := ledger.Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"), 0)
			require.NoError(b, err)
			b.Cleanup(func() { _ = l.Close() })
			n.Till = &Till{Ledger: l, ChainID: payChain, Payee: "agora1val", Markup: 500, Channels: &bank{}}
		}
		n.serve("m", echo, slog.New(slog.DiscardHandler))
		for i := range n.subnets[0].Miners {
			n.subnets[0].Miners[i].PriceIn, n.subnets[0].Miners[i].PriceOut = 1_000_000_000, 1_000_000_000
		}
		require.NoError(b, n.Update(b.Context()))
		return n
	}
	free, paid := open(false), open(true)
	body := []byte(`{"model":"chat","messages":[{"role":"user","content":"` + strings.Repeat("word ", 200) + `"}]}`)
	var before, after []time.Duration
	for b.Loop() {
		before = append(before, timed(b, free.url, free.secret, body))
		after = append(after, timed(b, paid.url, paid.secret, body))
	}
	b.ReportMetric(float64(median(before).Microseconds()), "free-us")
	b.ReportMetric(float64(median(after).Microseconds()), "paid-us")
	b.ReportMetric(float64(median(after))/float64(median(before)), "paid/free")
	b.ReportMetric(0, "ns/op")
}
