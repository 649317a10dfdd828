package cashier

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/chain/x/yuma/yumatest"
	"agora/gateway"
	"agora/gateway/ledger"
	"agora/mechanism/price"
	"agora/mechanism/voucher"
	"agora/miner"
	"agora/wallet/pay"
)

// trade is a consumer with its purse, a validator with ledger and cashier, and a miner with its meter, over the real
// keepers. Each of the three has what it remembers in a folder, and any of them may be killed between any two steps.
type trade struct {
	t     *testing.T
	r     *rand.Rand
	chain *chain
	dir   string
	home  int // of the validator: a killed one leaves its folder to the next

	purse   *pay.Purse
	account string // of the consumer's channel
	*Cashier
	*miner.Meter
	serve http.Handler // the miner, behind its meter

	open []*deal
	next int

	// What a party was told, in rao, and what kills may have cost it.
	charged   uint64 // by the validator, written down
	delivered uint64 // to the consumer, at its price
	unseen    uint64 // ceilings of requests whose end the consumer did not see
	earned    uint64 // by the miner, for answers that were given
	forgotten uint64 // of that, windows that kills of the validator may have cost
	kills     int
	refused   int // requests, by a miner that wanted to be paid first
}

// stage is the step that a deal comes to next.
type stage int

const (
	reserving stage = iota
	asking
	charging
	delivering
)

// deal is one request on its way.
type deal struct {
	id            string
	stage         stage
	orphan        bool // the consumer's program ended
	used          price.Tokens
	ceiling, cost uint64 // of the consumer
	base          uint64 // of the miner
}

var (
	crashRates = price.Rates{In: 360_000_000_000, Out: 720_000_000_000, Markup: 500} // 0.05 TAO is some eight answers
	crashTerms = voucher.Terms{First: 1, Most: 64, Amount: voucher.MostAmount}
)

const crashDeposit = 20 * tao

func newTrade(t *testing.T, seed int64) *trade {
	o := newOffice(t)
	m := &trade{t: t, r: rand.New(rand.NewSource(seed)), chain: o.chain, dir: ramDir(t)}
	require.NoError(t, o.Ledger.Close())
	id, err := m.chain.Market.Market.Open(m.chain.Ctx, yumatest.Address("ann"), yumatest.Address("val"), crashDeposit, yumatest.Public(ann), 0, 0)
	require.NoError(t, err)
	m.account = fmt.Sprintf("channel/%d", id)
	m.purse, err = pay.Create(m.purseFile(), ann, pay.Terms{ChainID: yumatest.ChainID, Channel: id, Deposit: crashDeposit, Caps: pay.Caps{Request: tao}})
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(m.validatorHome(), 0o700))
	m.startValidator()
	m.startMiner()
	a, err := m.Channel(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, m.Ledger.Keep(t.Context(), a))
	return m
}

func (m *trade) purseFile() string     { return filepath.Join(m.dir, "purse.json") }
func (m *trade) minerFile() string     { return filepath.Join(m.dir, "vouchers.json") }
func (m *trade) validatorHome() string { return filepath.Join(m.dir, fmt.Sprint("validator", m.home)) }

func (m *trade) startValidator() {
	l, err := ledger.Open(m.t.Context(), filepath.Join(m.validatorHome(), "ledger.db"), 0)
	require.NoError(m.t, err)
	m.Cashier, err = New(Config{
		Chain: m.chain, Sender: m.chain, Ledger: l, Operator: yumatest.Address("val").String(), Key: yumatest.HotKey("val"),
		ChainID: yumatest.ChainID, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(m.t, err)
	require.NoError(m.t, m.Recall(m.t.Context()))
}

func (m *trade) startMiner() {
	var err error
	m.Meter, err = miner.NewMeter(miner.MeterConfig{
		ChainID: yumatest.ChainID, Owner: yumatest.Address("olga").String(), In: crashRates.In, Out: crashRates.Out, Context: 512,
		Channels: &server{office: &office{chain: m.chain}}, File: m.minerFile(), Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(m.t, err)
	m.serve = m.For(yumatest.Public(yumatest.HotKey("val")), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"choices":[],"usage":%s}`, r.Header.Get("Test-Usage"))
	}))
}

func (d *deal) work() gateway.Work {
	return gateway.Work{
		Payee: yumatest.Address("olga").String(), NetUID: 1, HotKey: yumatest.Public(yumatest.HotKey("olga")), Slots: 16,
		Rates: price.Rates{In: crashRates.In, Out: crashRates.Out}, Used: d.used, Rao: d.base,
	}
}

// begin opens a request in the purse.
func (m *trade) begin() {
	d := &deal{id: fmt.Sprint("request", m.next), used: price.Tokens{In: uint64(1 + m.r.Intn(10)), Out: uint64(1 + m.r.Intn(10))}}
	m.next++
	d.cost, d.base = price.Answer(d.used, crashRates)
	d.ceiling, _ = price.Answer(d.used.Plus(price.Tokens{Out: uint64(m.r.Intn(10))}), crashRates)
	if err := m.purse.Begin(1, d.ceiling); err != nil {
		m.t.Fatal(err)
	}
	m.open = append(m.open, d)
}

// reserve signs a voucher and reserves the ceiling. Who must sign for more first has no request open.
func (m *trade) reserve(d *deal) {
	v, signature, err := m.purse.Sign(1, m.r.Intn(2) == 0)
	require.NoError(m.t, err)
	_, err = m.Ledger.Reserve(m.t.Context(), ledger.Request{
		Account: m.account, ID: d.id, Named: true, Ceiling: d.ceiling, Terms: crashTerms, Held: &ledger.Held{Voucher: v, Signature: signature},
	})
	if errors.Is(err, voucher.ErrCredit) {
		m.fails(d)
		m.agree()
		return
	}
	require.NoError(m.t, err)
	d.stage = asking
}

// ask has the miner answer, with the voucher that is due to it. One that wants to be paid first is.
func (m *trade) ask(d *deal) {
	body := fmt.Sprintf(`{"max_tokens":%d}`, d.used.Out)
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	r.Header.Set("Test-Usage", fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d}`, d.used.In, d.used.Out))
	m.Enclose(r.Header, d.work(), 0)
	answer := httptest.NewRecorder()
	m.serve.ServeHTTP(answer, r)
	if answer.Code == http.StatusPaymentRequired {
		m.refused++
		m.Demand(d.work().Payee)
		m.books()
		m.release(d)
		m.fails(d)
		return
	}
	require.Equal(m.t, http.StatusOK, answer.Code)
	m.earned += d.base
	d.stage = charging
}

// charge writes down what the answer costs, and what the miner is owed.
func (m *trade) charge(d *deal) {
	_, n, err := m.Ledger.Settle(m.t.Context(), ledger.Charge{
		Account: m.account, Request: d.id, Named: true, At: time.Unix(1_800_000_000, 0), Netuid: 1, Model: "m", In: d.used.In, Out: d.used.Out, Cost: d.cost, Base: d.base,
	})
	require.NoError(m.t, err)
	require.Equal(m.t, d.cost, n)
	m.charged += n
	m.Owe(d.work())
	d.stage = delivering
}

// deliver ends the request in the purse.
func (m *trade) deliver(d *deal) {
	m.leave(d)
	if !d.orphan {
		require.NoError(m.t, m.purse.End(1, d.ceiling, d.cost, true))
		m.delivered += d.cost
	}
}

func (m *trade) leave(d *deal) {
	m.open = slices.DeleteFunc(m.open, func(o *deal) bool { return o == d })
}

// fails ends a request that was not answered, as its consumer sees it.
func (m *trade) fails(d *deal) {
	m.leave(d)
	if !d.orphan {
		require.NoError(m.t, m.purse.End(1, d.ceiling, 0, true))
	}
}

// release gives back what a request holds in the ledger.
func (m *trade) release(d *deal) {
	_, _, err := m.Ledger.Settle(m.t.Context(), ledger.Charge{Account: m.account, Request: d.id})
	require.NoError(m.t, err)
}

// agree lets the consumer learn what was charged and sign for it. It disputes nothing: no kill makes the two differ by more
// than what was open.
func (m *trade) agree() {
	ctx := m.t.Context()
	a, err := m.Ledger.Account(ctx, m.account)
	require.NoError(m.t, err)
	disputed, err := m.purse.Learn(a.Parts, a.Line.Open)
	require.NoError(m.t, err)
	require.Zero(m.t, disputed)
	v, signature, err := m.purse.Sign(1, false)
	require.NoError(m.t, err)
	_, err = m.Ledger.Sign(ctx, m.account, ledger.Held{Voucher: v, Signature: signature})
	require.NoError(m.t, err)
}

// books writes down what the miner is owed, and signs where that is due.
func (m *trade) books() {
	m.Flush(m.t.Context())
	m.pay(m.t.Context())
}

// claim claims for the validator, and for the miner what it holds.
func (m *trade) claim() {
	_, err := m.ClaimNow(m.t.Context())
	require.NoError(m.t, err)
	require.NoError(m.t, m.ClaimForMiners(m.t.Context(), 1))
}

// step does one of what can be done.
func (m *trade) step() {
	switch n := m.r.Intn(20); {
	case len(m.open) == 0 || n < 4 && len(m.open) < 6:
		m.begin()
	case n == 4:
		m.agree()
	case n == 5 && m.r.Intn(4) == 0:
		m.books()
	case n == 6:
		m.claim()
	default:
		m.advance(m.open[m.r.Intn(len(m.open))])
	}
}

func (m *trade) advance(d *deal) {
	switch d.stage {
	case reserving:
		m.reserve(d)
	case asking:
		m.ask(d)
	case charging:
		m.charge(d)
	case delivering:
		m.deliver(d)
	}
}

// kill ends one of the programs, and begins it anew from what it has written down.
func (m *trade) kill() {
	m.kills++
	switch m.r.Intn(3) {
	case 0:
		m.killConsumer()
	case 1:
		m.killValidator()
	case 2:
		m.startMiner()
	}
}

// killConsumer: what the consumer has sent goes on until the gateway finds that nobody reads it.
func (m *trade) killConsumer() {
	var err error
	m.purse, err = pay.Open(m.purseFile())
	require.NoError(m.t, err)
	for _, d := range slices.Clone(m.open) {
		if !d.orphan {
			m.unseen += d.ceiling
		}
		d.orphan = true
		if d.stage == reserving {
			m.leave(d)
		}
	}
}

// killValidator: the consumer sees its connections break.
func (m *trade) killValidator() {
	before, from := m.Ledger, m.validatorHome()
	m.home++
	copyDir(m.t, from, m.validatorHome())
	require.NoError(m.t, before.Close()) // what it still writes nobody reads
	require.NoError(m.t, os.RemoveAll(from))
	m.startValidator()
	m.forgotten += miner.Window.Amount
	for _, d := range slices.Clone(m.open) {
		if d.stage == reserving { // it is not sent yet
			continue
		}
		m.leave(d)
		if !d.orphan {
			m.unseen += d.ceiling
			require.NoError(m.t, m.purse.End(1, d.ceiling, 0, false))
		}
	}
}

// aftermath is the trade after a kill of all three at once, in a world of its own.
func (m *trade) aftermath() *trade {
	ctx, _ := m.chain.Ctx.CacheContext()
	market := *m.chain.Market
	market.Ctx = ctx
	after := *m
	after.chain, after.dir, after.r, after.open = &chain{Market: &market}, filepath.Join(ramDir(m.t), "after"), rand.New(rand.NewSource(m.r.Int63())), nil
	copyDir(m.t, m.dir, after.dir)
	var err error
	after.purse, err = pay.Open(after.purseFile())
	require.NoError(m.t, err)
	for _, d := range m.open {
		if !d.orphan {
			after.unseen += d.ceiling
		}
	}
	after.forgotten += miner.Window.Amount
	after.startValidator()
	after.startMiner()
	return &after
}

// settle ends what there is to end, and holds what everybody has got to what may be lost: what was charged is paid, once; the
// consumer pays at most the ceilings of what it saw no end of beyond what it got; the miner misses at most what the validator
// may have forgotten. Then somebody asks again, and is answered.
func (m *trade) settle() {
	m.agree()
	m.Flush(m.t.Context())
	m.Demand(yumatest.Address("olga").String())
	m.pay(m.t.Context())
	m.claim()
	byConsumer, toMiner := m.paid()
	require.Equal(m.t, m.charged, byConsumer)
	require.LessOrEqual(m.t, byConsumer, m.delivered+m.unseen)
	require.GreaterOrEqual(m.t, byConsumer, m.delivered)
	require.LessOrEqual(m.t, toMiner, m.earned)
	require.LessOrEqual(m.t, m.earned, toMiner+m.forgotten)
	m.claim()
	againConsumer, againMiner := m.paid()
	require.Equal(m.t, byConsumer, againConsumer, "claimed twice")
	require.Equal(m.t, toMiner, againMiner, "claimed twice")
	m.chain.CheckMoney()
	m.goOn()
}

// goOn asks until there is an answer.
func (m *trade) goOn() {
	for before, tries := m.delivered, 0; m.delivered == before; tries++ {
		require.Less(m.t, tries, 5, "nobody is served any more")
		for m.begin(); len(m.open) > 0; {
			m.advance(m.open[0])
		}
	}
}

// TestAKillAtEveryStepLosesNoMoreThanIsOpen plays the trade at random, with up to six requests at once. After each step it
// looks at what would be if all three programs were killed there, and now and then one of them is, and the trade goes on.
func TestAKillAtEveryStepLosesNoMoreThanIsOpen(t *testing.T) {
	seeds, steps := 2, 200
	if os.Getenv("AGORA_NIGHTLY") != "" {
		seeds, steps = 20, 600
	}
	for seed := range seeds {
		m := newTrade(t, int64(seed))
		for range steps {
			m.step()
			after := m.aftermath()
			after.settle()
			require.NoError(t, after.Ledger.Close())
			require.NoError(t, os.RemoveAll(after.dir))
			if m.r.Intn(12) == 0 {
				m.kill()
			}
		}
		for len(m.open) > 0 {
			m.advance(m.open[0])
		}
		m.settle()
		require.NoError(t, m.Ledger.Close())
		require.Positive(t, m.delivered)
		require.Positive(t, m.refused, "the window is never full")
		t.Logf("seed %d: %d steps, each a kill of all, %d kills of one; %d requests refused by the miner; %d rao delivered, %d charged, %d earned", seed, steps, m.kills, m.refused, m.delivered, m.charged, m.earned)
	}
}

// ramDir is a folder in memory, where there is one: a kill, unlike a power cut, takes nothing that was not synced.
func ramDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "agora-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
}

// paid is what was paid on the chain so far.
func (m *trade) paid() (byConsumer, toMiner uint64) {
	for _, payer := range []string{"ann", "val"} {
		views, err := m.chain.Channels(m.t.Context(), yumatest.Address(payer).String(), "")
		require.NoError(m.t, err)
		for _, v := range views {
			if payer == "ann" {
				byConsumer += v.Paid
				continue
			}
			toMiner += v.Paid
		}
	}
	return byConsumer, toMiner
}
