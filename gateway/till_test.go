package gateway

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/gateway/ledger"
	"agora/mechanism/voucher"
	"agora/wire/x402"
)

const payChain = "agora-pay-test"

// bank is the chain's side of channels.
type bank struct {
	mu       sync.Mutex
	channels map[uint64]ledger.Account
}

func (b *bank) Channel(_ context.Context, id uint64) (ledger.Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, there := b.channels[id]
	if !there {
		return a, fmt.Errorf("%w: channel %d", ledger.ErrUnknown, id)
	}
	return a, nil
}

// purse is a consumer with a channel.
type purse struct {
	id      uint64
	key     ed25519.PrivateKey
	session string
	ends    time.Time // of its vouchers; zero is never
}

func (b *bank) open(id, deposit uint64) *purse {
	public, private, _ := ed25519.GenerateKey(nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.channels[id] = ledger.Account{ID: accountOf(id), Channel: id, Payer: "ann", Key: public, Line: voucher.Line{Limit: deposit}}
	return &purse{id: id, key: private}
}

// held is a voucher for total in all.
func (p *purse) held(total uint64) ledger.Held {
	v := voucher.Voucher{Channel: p.id, Parts: voucher.Parts{{Netuid: 1, Amount: total}}}
	if !p.ends.IsZero() {
		v.Expiry = p.ends.Unix()
	}
	signature, err := v.Sign(payChain, p.key)
	if err != nil {
		panic(err)
	}
	return ledger.Held{Voucher: v, Signature: signature}
}

// header signs for total in all.
func (p *purse) header(total uint64, request string) string {
	h := p.held(total)
	payload := x402.NewPayload(h.Voucher, h.Signature)
	payload.Request = request
	return x402.Encode(x402.Payment{
		X402Version: x402.Version, Accepted: x402.Requirement{Scheme: x402.Scheme, Network: x402.Network(payChain)}, Payload: payload,
	})
}

// pays asks with a voucher instead of a key.
func (p *purse) pays(total uint64, request string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header.Set(x402.HeaderSignature, p.header(total, request))
		if p.session != "" {
			r.Header.Set(x402.HeaderSession, p.session)
		}
	}
}

// newShop is a market whose miners cost 100 TAO per million tokens, with a mark-up of 5 %: the answer of says costs
// (5 + 2)·10⁵ rao and 5 % of that.
func newShop(t *testing.T, change func(*Config)) (*market, *bank) {
	b := &bank{channels: map[uint64]ledger.Account{}}
	l, err := ledger.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	m := newMarket(t, func(c *Config) {
		c.Till = &Till{Ledger: l, ChainID: payChain, Payee: "agora1val", Markup: 500, Deposit: 10_000_000, Channels: b}
		if change != nil {
			change(c)
		}
	})
	return m, b
}

func (m *market) sells(incentive uint16, h http.HandlerFunc) uint32 {
	uid := m.add(0, incentive, "m", h)
	last := &m.subnets[0].Miners[len(m.subnets[0].Miners)-1]
	last.PriceIn, last.PriceOut, last.Owner, last.Context = 100_000_000_000, 100_000_000_000, "agora1miner", 256
	m.refresh()
	return uid
}

const price7 = 735_000 // rao of an answer of says

type costs struct {
	Usage struct {
		Cost    json.Number `json:"cost"`
		Details struct {
			Rao     uint64 `json:"rao"`
			Miner   uint64 `json:"miner_rao"`
			Markup  uint64 `json:"markup_rao"`
			Charged uint64 `json:"charged_rao"`
		} `json:"cost_details"`
	} `json:"usage"`
}

func costOf(t *testing.T, body string) costs {
	t.Helper()
	var c costs
	require.NoError(t, json.Unmarshal([]byte(body), &c), body)
	return c
}

func (m *market) charged(account string) uint64 {
	m.t.Helper()
	a, err := m.Till.Ledger.Account(m.t.Context(), account)
	require.NoError(m.t, err)
	require.Zero(m.t, a.Line.Open)
	require.Zero(m.t, a.Line.Reserved)
	return a.Line.Charged
}

func TestAnAnswerSaysWhatItCost(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	resp, body := m.post("/v1/chat/completions", ask)
	require.Equal(t, 200, resp.StatusCode, body)
	c := costOf(t, body)
	require.Equal(t, "0.000735", c.Usage.Cost.String())
	require.EqualValues(t, price7, c.Usage.Details.Rao)
	require.EqualValues(t, 700_000, c.Usage.Details.Miner)
	require.EqualValues(t, 35_000, c.Usage.Details.Markup)

	p := b.open(4, 1_000_000_000)
	resp, body = m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	require.EqualValues(t, price7, costOf(t, body).Usage.Details.Charged)
	var told x402.Response
	require.NoError(t, x402.Decode(resp.Header.Get(x402.HeaderResponse), &told))
	require.Equal(t, x402.Response{
		Success: true, Network: "cosmos:" + payChain, Payer: "ann", Amount: "735000", Charged: "735000", Session: told.Session,
		Ceiling: told.Ceiling, Netuid: 1,
	}, told)
	require.EqualValues(t, price7, m.charged("channel/4"))
}

func TestWhatWasChargedIsCounted(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(1, says("It is 42."))
	m.post("/v1/chat/completions", ask)
	m.post("/v1/chat/completions", askStream)
	m.post("/v1/chat/completions", `{"model":"no such model"}`)
	require.Eventually(t, func() bool { // an answer is counted after its end
		_, text := m.post("/metrics", "", func(r *http.Request) { r.Method = http.MethodGet })
		return strings.Contains(text, `agora_gateway_charged_rao_total{part="miner",subnet="chat"} 1.4e+06`) &&
			strings.Contains(text, `agora_gateway_charged_rao_total{part="markup",subnet="chat"} 70000`)
	}, 10*time.Second, 10*time.Millisecond)
}

func TestAStreamSaysWhatItCostInItsUsage(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("one two three"))
	p := b.open(4, 1_000_000_000)
	wanted := strings.Replace(ask, `{"model"`, `{"stream":true,"stream_options":{"include_usage":true},"model"`, 1)
	_, body := m.post("/v1/chat/completions", wanted, p.pays(price7, ""))
	require.Contains(t, body, `"total_tokens":7,"cost":0.000735,"cost_details":{`)
	require.True(t, strings.HasSuffix(body, "data: [DONE]\n\n"), body)

	plain := strings.Replace(ask, `{"model"`, `{"stream":true,"model"`, 1)
	_, body = m.post("/v1/chat/completions", plain, p.pays(2*price7, ""))
	require.Contains(t, body, `"cost":0.000735`) // asked for or not
	require.EqualValues(t, 2*price7, m.charged("channel/4"))
}

// Servers tell the usage in a chunk of its own, beside the last choice, in both, or in every chunk, and some a cost of their own: the last
// usage says what was charged, once, in every door.
func TestTheLastUsageSaysWhatWasCharged(t *testing.T) {
	const usage = `"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}`
	own := strings.Replace(usage, "}", `,"cost":9.5,"cost_details":{"upstream":1}}`, 1)
	said := `data: {"id":"c1","choices":[{"index":0,"delta":{"content":"42"},"finish_reason":null}]}` + "\n\n"
	early := strings.Replace(said, `]}`, `],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}`, 1)
	with := func(u string) string { return strings.Replace(finish, `}]}`, `}],`+u+`}`, 1) }
	last := func(u string) string { return `data: {"id":"c1","choices":[],` + u + "}\n\n" }
	for name, in := range map[string]string{
		"of its own": said + finish + last(usage), "beside the choice": said + with(usage), "in both": said + with(usage) + last(usage),
		"in every chunk": early + with(usage), "with a cost": said + finish + last(own), "with a cost beside": said + with(own),
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newShop(t, nil)
			m.sells(1, sends(in+ended, false))
			for path, body := range map[string]string{
				"/v1/chat/completions": `{"model":"chat","stream":%t,"messages":[{"role":"user","content":"x"}]}`,
				"/v1/messages":         `{"model":"chat","stream":%t,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}`,
				"/v1/responses":        `{"model":"chat","stream":%t,"input":"x"}`,
			} {
				for _, streamed := range []bool{true, false} {
					_, text := m.post(path, fmt.Sprintf(body, streamed))
					at := strings.LastIndex(text, `_tokens":`)
					require.Contains(t, text[at:], `"cost":0.000735,"cost_details":{"rao":735000,`, path+text)
					require.NotContains(t, text, "9.5")
				}
			}
			require.EqualValues(t, 6*price7, m.charged("key/"+IDOf(m.secret)))
		})
	}
}

func TestWithoutKeyOrVoucherTheAnswerIs402(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	resp, _ := m.post("/v1/chat/completions", ask, func(r *http.Request) { r.Header.Del("Authorization") })
	require.Equal(t, 402, resp.StatusCode)
	var required x402.Required
	require.NoError(t, x402.Decode(resp.Header.Get(x402.HeaderRequired), &required))
	require.Equal(t, "agora1val", required.Accepts[0].PayTo)
	require.Equal(t, "10000000", required.Accepts[0].Extra.MinDeposit)
	require.Equal(t, "batch-settlement", required.Accepts[0].Scheme)

	// Who owes is told the ceiling, what was charged, and his own last voucher, signature and all.
	p := b.open(4, 1_000_000_000)
	resp, _ = m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 200, resp.StatusCode)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 402, resp.StatusCode, body)
	require.NoError(t, x402.Decode(resp.Header.Get(x402.HeaderRequired), &required))
	extra := required.Accepts[0].Extra
	require.Equal(t, "735000", extra.Charged)
	last, err := extra.Last.Voucher()
	require.NoError(t, err)
	require.NoError(t, last.Verify(payChain, p.key.Public().(ed25519.PublicKey), extra.Last.Signature))
	resp, body = m.post("/v1/chat/completions", ask, p.pays(price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
}

func TestForgedAndForeignVouchersAreRefused(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	owner := b.open(4, 1_000_000_000)
	thief := &purse{id: 4, key: ed25519.NewKeyFromSeed(make([]byte, 32))}
	resp, body := m.post("/v1/chat/completions", ask, thief.pays(price7, ""))
	require.Equal(t, 402, resp.StatusCode, body)
	resp, body = m.post("/v1/chat/completions", ask, (&purse{id: 9, key: owner.key}).pays(1, ""))
	require.Equal(t, 402, resp.StatusCode, body)
	resp, body = m.post("/v1/chat/completions", ask, func(r *http.Request) { r.Header.Set(x402.HeaderSignature, "e30=") })
	require.Equal(t, 400, resp.StatusCode, body)
	require.Zero(t, m.asked(0))
}

// TestASessionDefersTheCheckAndLosesNothing pays ahead of the checks, and finds a forged voucher at the next one.
func TestASessionDefersTheCheckAndLosesNothing(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 1_000_000_000)
	owed := uint64(1)
	for range 40 {
		resp, body := m.post("/v1/chat/completions", ask, p.pays(owed, ""))
		require.Equal(t, 200, resp.StatusCode, body)
		owed = costOf(t, body).Usage.Details.Charged
		var told x402.Response
		require.NoError(t, x402.Decode(resp.Header.Get(x402.HeaderResponse), &told))
		p.session = told.Session
	}
	require.NoError(t, m.Collect(t.Context()))
	a, err := m.Till.Ledger.Account(t.Context(), "channel/4")
	require.NoError(t, err)
	require.EqualValues(t, 39*price7, a.Line.Signed)
	require.EqualValues(t, 40*price7, a.Line.Charged)

	forger := &purse{id: 4, key: ed25519.NewKeyFromSeed(make([]byte, 32)), session: p.session}
	refused := 0
	for range 80 {
		if resp, _ := m.post("/v1/chat/completions", ask, forger.pays(1_000*price7, "")); resp.StatusCode == 402 {
			refused++
		}
	}
	require.Positive(t, refused, "a session that signs nothing is served for ever")
	a, err = m.Till.Ledger.Account(t.Context(), "channel/4")
	require.NoError(t, err)
	require.EqualValues(t, 39*price7, a.Line.Signed)
}

// What a voucher promises that ends before it would be claimed buys nothing, in a session, without one, and for a key that draws on it;
// the same promise for longer does.
func TestAVoucherThatEndsBuysNothingAnyMore(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 1_000*price7)
	p.ends = time.Now().Add(minValidity + time.Hour)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(100*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	var told x402.Response
	require.NoError(t, x402.Decode(resp.Header.Get(x402.HeaderResponse), &told))
	keys, err := m.Keys.List()
	require.NoError(t, err)
	resp, body = m.post("/v1/pay/credit", fmt.Sprintf(`{"key":%q}`, keys[0].ID), p.pays(200*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)

	late := *p // as the voucher is a day later
	late.ends = time.Now().Add(LastCall - time.Minute)
	_, err = m.Till.Ledger.Sign(t.Context(), "channel/4", late.held(201*price7))
	require.NoError(t, err)
	charged, asked := m.charged("channel/4"), m.asked(0)
	for _, session := range []string{"", told.Session} {
		late.session = session
		resp, body = m.post("/v1/chat/completions", ask, late.pays(201*price7, ""))
		require.Equal(t, 402, resp.StatusCode, body)
		require.Contains(t, body, "expired")
	}
	resp, body = m.post("/v1/chat/completions", ask) // the key
	require.Equal(t, 402, resp.StatusCode, body)
	require.Equal(t, charged, m.charged("channel/4"))
	require.Equal(t, asked, m.asked(0), "a miner has answered for nothing")

	p.ends, p.session = time.Time{}, told.Session
	resp, body = m.post("/v1/chat/completions", ask, p.pays(201*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	resp, body = m.post("/v1/chat/completions", ask)
	require.Equal(t, 200, resp.StatusCode, body)
}

func TestAPriceAboveTheLimitIsRefusedWithThePrice(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(1, says("It is 42."))
	limited := func(tao string) string {
		return strings.Replace(ask, `{"model"`, `{"provider":{"max_price":{"prompt":`+tao+`,"completion":"200"}},"model"`, 1)
	}
	resp, body := m.post("/v1/chat/completions", limited("104"))
	require.Equal(t, 402, resp.StatusCode, body)
	require.Contains(t, body, "105 TAO per million tokens")
	resp, body = m.post("/v1/chat/completions", limited("105"))
	require.Equal(t, 200, resp.StatusCode, body)
}

func TestModelsTellTheirPrices(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(1, says("It is 42."))
	resp, err := http.Get(m.url + "/v1/models")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `"pricing":{"prompt":"0.000105","completion":"0.000105"}`)
	require.Equal(t, "0", perToken(0))
	require.Equal(t, "0.000000000000001", perToken(1))
	require.Equal(t, "2", perToken(2_000_000_000_000_000))
}

func TestAFailedAnswerIsNeverBilled(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(2, fails(500))
	p := b.open(4, 1_000_000_000)
	resp, _ := m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 502, resp.StatusCode)
	m.subnets[0].Miners = nil
	m.sells(2, func(w http.ResponseWriter, _ *http.Request) { stream(w, "half an answer and", false) })
	plain := strings.Replace(ask, `{"model"`, `{"stream":true,"model"`, 1)
	_, body := m.post("/v1/chat/completions", plain, p.pays(1, ""))
	require.Contains(t, body, "miner_died")
	require.Zero(t, m.charged("channel/4"))
}

// TestOnlyWhoAnsweredIsPaid: the first miner fails, the second answers.
func TestOnlyWhoAnsweredIsPaid(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(9, fails(500))
	m.sells(1, says("It is 42."))
	p := b.open(4, 1_000_000_000)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	require.EqualValues(t, price7, m.charged("channel/4"))
	lines, err := m.Till.Ledger.Spending(t.Context(), "channel/4", time.Time{})
	require.NoError(t, err)
	require.EqualValues(t, 1, lines[0].Requests)
}

// TestAbandonedStreamsAreBilledToTheChunk leaves streams in the middle: what was read is paid, within one chunk. The miner
// says a chunk when the consumer has the one before.
func TestAbandonedStreamsAreBilledToTheChunk(t *testing.T) {
	times := 60
	if os.Getenv("AGORA_NIGHTLY") != "" {
		times = 1_000
	}
	m, b := newShop(t, nil)
	next := make(chan struct{})
	m.sells(1, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			fmt.Fprint(w, "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
			}
		}
	})
	p := b.open(4, 1_000_000_000_000)
	billed := uint64(0)
	for i := range times {
		delivered := uint64(1 + i%5)
		m.abandon(p, delivered, next)
		require.Eventually(t, func() bool {
			a, err := m.Till.Ledger.Account(t.Context(), "channel/4")
			return err == nil && a.Line.Open == 0
		}, time.Minute, time.Millisecond)
		lines, err := m.Till.Ledger.Spending(t.Context(), "channel/4", time.Time{})
		require.NoError(t, err)
		require.EqualValues(t, i+1, lines[0].Requests, "an abandoned stream was billed as nothing")
		require.GreaterOrEqual(t, lines[0].Out, billed+delivered)
		require.LessOrEqual(t, lines[0].Out, billed+delivered+1)
		billed = lines[0].Out
	}
}

// abandon reads so many chunks of a stream, each once it was sent, and leaves.
func (m *market) abandon(p *purse, chunks uint64, next chan<- struct{}) {
	m.t.Helper()
	ctx, leave := context.WithCancel(m.t.Context())
	defer leave()
	body := strings.Replace(ask, `{"model"`, `{"stream":true,"max_tokens":1000,"model"`, 1)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/v1/chat/completions", strings.NewReader(body))
	require.NoError(m.t, err)
	p.pays(1_000_000_000_000, "")(r)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(m.t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for read := uint64(0); read < chunks; {
		line, err := lines.ReadString('\n')
		require.NoError(m.t, err)
		if !strings.HasPrefix(line, "data: ") {
			continue
		}
		if read++; read < chunks {
			next <- struct{}{}
		}
	}
}

func TestARequestSentTwiceIsChargedOnce(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 1_000_000_000)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(price7, "mine-1"))
	require.Equal(t, 200, resp.StatusCode, body)
	resp, body = m.post("/v1/chat/completions", ask, p.pays(2*price7, "mine-1"))
	require.Equal(t, 409, resp.StatusCode, body)
	require.EqualValues(t, price7, m.charged("channel/4"))
}

func TestAWithdrawalEndsTheService(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 1_000_000_000)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(10*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	a, err := b.Channel(t.Context(), 4)
	require.NoError(t, err)
	a.Closing = 1_800_000_000
	require.NoError(t, m.Till.Ledger.Keep(t.Context(), a))
	resp, body = m.post("/v1/chat/completions", ask, p.pays(20*price7, ""))
	require.Equal(t, 402, resp.StatusCode, body)
	require.Contains(t, body, "takes the deposit back")
}

func TestSlowCreditTimesOut(t *testing.T) {
	m, _ := newShop(t, func(c *Config) { c.BodyTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	fmt.Fprint(conn, "POST /v1/pay/credit HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

func TestAKeyDrawsOnItsCreditAndNoFurther(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 60*price7)
	keys, err := m.Keys.List()
	require.NoError(t, err)
	resp, body := m.post("/v1/pay/credit", fmt.Sprintf(`{"key":%q}`, keys[0].ID), p.pays(60*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	short := strings.Replace(ask, `{"model"`, `{"max_tokens":2,"model"`, 1)
	served := 0
	for range 70 {
		resp, body = m.post("/v1/chat/completions", short)
		if resp.StatusCode != 200 {
			require.Equal(t, 402, resp.StatusCode, body)
			break
		}
		served++
	}
	require.Positive(t, served)
	require.Less(t, served, 61)
	require.EqualValues(t, served*price7, m.charged("channel/4"))
	resp, body = m.post("/v1/pay/credit", `{"key":"00000000"}`, p.pays(10*price7, ""))
	require.Equal(t, 404, resp.StatusCode, body)
}

func TestAKeysBudgetIsItsEnd(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(1, says("It is 42."))
	secret, _, err := m.Keys.Create("poor", Limits{Budget: 1})
	require.NoError(t, err)
	resp, body := m.post("/v1/chat/completions", ask, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) })
	require.Equal(t, 402, resp.StatusCode, body)
}

func TestAConsumerSeesWhatItSpent(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 1_000_000_000)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(10*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	get := func(path string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+path, nil)
		require.NoError(t, err)
		p.pays(10*price7, "")(r)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode, string(text))
		return string(text)
	}
	require.Contains(t, get("/v1/pay/channel"), `"charged_rao":735000`)
	require.Contains(t, get("/v1/pay/spending"), `"requests":1`)
	resp, body = m.post("/v1/pay/voucher", "", p.pays(11*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
	require.Contains(t, body, fmt.Sprintf(`"signed_rao":%d`, 11*price7))
	resp, body = m.post("/v1/pay/voucher", "", p.pays(1, ""))
	require.Equal(t, 402, resp.StatusCode, body)
}

func TestARequestThatMayCostTooMuchIsNotBegun(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 1_000_000_000)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(1, ""), func(r *http.Request) { r.Header.Set(x402.HeaderMax, "1000") })
	require.Equal(t, 402, resp.StatusCode, body)
	require.Zero(t, m.asked(0))
	require.Zero(t, m.charged("channel/4"))
}

// A card is its owner's word: one that tells of a fortune, or of an endless model, must not make every request dearer than there is.
func TestWhoAsksForAFortuneKeepsNobodyFromTheOthers(t *testing.T) {
	for name, card := range map[string]Miner{
		"a price": {PriceOut: 21e15, Context: 256}, "a context": {PriceIn: 100_000_000_000, PriceOut: 100_000_000_000, Context: 1 << 31},
	} {
		t.Run(name, func(t *testing.T) {
			m, b := newShop(t, nil)
			honest := m.sells(100, says("It is 42."))
			m.sells(1, says("It is 43."))
			dear := &m.subnets[0].Miners[1]
			dear.PriceIn, dear.PriceOut, dear.Context = card.PriceIn, card.PriceOut, card.Context
			m.refresh()
			p := b.open(4, 100*price7)
			resp, body := m.post("/v1/chat/completions", ask, p.pays(100*price7, ""))
			require.Equal(t, 200, resp.StatusCode, body)
			require.Contains(t, body, "It is 42.")
			require.EqualValues(t, price7, m.charged("channel/4"))
			m.disconnect(honest)
			resp, body = m.post("/v1/chat/completions", ask, p.pays(100*price7, ""))
			require.Equal(t, 402, resp.StatusCode, "the fortune is told of where nobody else is there: %s", body)
			require.Zero(t, m.asked(1))
		})
	}
}

// A model writes no more than it reads and writes at most, however much a request allows: agents ask for 32,000 tokens of any model.
func TestWhatAModelCannotWriteIsNotReserved(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p := b.open(4, 100*price7)
	resp, body := m.post("/v1/chat/completions", strings.Replace(ask, "{", `{"max_tokens":32000,`, 1), p.pays(100*price7, ""))
	require.Equal(t, 200, resp.StatusCode, body)
}

// A miner that is to be paid first may never take on so large an answer: a consumer who only hears of load asks for it for ever.
func TestWhoAsksForTooLargeAnAnswerHearsOfIt(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, fails(http.StatusPaymentRequired))
	p := b.open(4, 100*price7)
	resp, body := m.post("/v1/chat/completions", ask, p.pays(100*price7, ""))
	require.Equal(t, 429, resp.StatusCode, body)
	require.Contains(t, body, "lower max_tokens or n")
	require.Contains(t, body, "miners_busy")
	require.Zero(t, m.charged("channel/4"))
}

// TestParallelRequestsOfOneChannelStayWithinItsDeposit asks with many at once, all with the same voucher.
func TestParallelRequestsOfOneChannelStayWithinItsDeposit(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	const deposit = 200 * price7
	p := b.open(4, deposit)
	var wg sync.WaitGroup
	var answered, refused atomic.Int64
	for range 60 {
		wg.Go(func() {
			resp, body := m.post("/v1/chat/completions", ask, p.pays(deposit, ""))
			switch resp.StatusCode {
			case 200:
				answered.Add(1)
			case 402, 429:
				refused.Add(1)
			default:
				t.Error(resp.StatusCode, body)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, answered.Load()*price7, m.charged("channel/4"))
	require.EqualValues(t, 60, answered.Load()+refused.Load())
	require.Positive(t, answered.Load())
}
