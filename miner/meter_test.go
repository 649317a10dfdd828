package miner

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/mechanism/voucher"
	"agora/wire/x402"
)

const meterChain = "agora-meter-test"

var validatorKey = ed25519.NewKeyFromSeed(make([]byte, 32))

type oneChannel struct {
	limit   uint64
	closing bool
}

func (c *oneChannel) Channel(_ context.Context, id uint64) (Channel, error) {
	if id != 7 {
		return Channel{}, fmt.Errorf("no channel %d", id)
	}
	return Channel{Payer: "val", Payee: "olga", Key: validatorKey.Public().(ed25519.PublicKey), Limit: c.limit, Closing: c.closing}, nil
}

// allowance is what is free, in a tempo that a test moves.
type allowance struct{ tokens, tempo uint64 }

func (a *allowance) Free(ed25519.PublicKey) (tokens, tempo uint64) { return a.tokens, a.tempo }

// newMeter charges 1,000,000 rao for each answer of 10 tokens after the first 20 tokens.
func newMeter(t *testing.T, file string) (*Meter, http.Handler) {
	m, err := NewMeter(MeterConfig{
		ChainID: meterChain, Owner: "olga", Out: 100_000_000_000, Context: 10, Channels: &oneChannel{limit: 1_000_000_000_000},
		File: file, Free: &allowance{20, 1}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Fail") != "" {
			w.WriteHeader(500)
			return
		}
		fmt.Fprint(w, `{"choices":[],"usage": {"prompt_tokens":0,"completion_tokens":10,"total_tokens":10}}`)
	})
	return m, m.For(validatorKey.Public().(ed25519.PublicKey), answers)
}

func askMeter(t *testing.T, h http.Handler, header string) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}"))
	if header != "" {
		r.Header.Set(x402.HeaderSignature, header)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func signed(total, channel uint64) string {
	v := voucher.Voucher{Channel: channel, Parts: voucher.Parts{{Netuid: 1, Amount: total}}}
	signature, err := v.Sign(meterChain, validatorKey)
	if err != nil {
		panic(err)
	}
	return x402.Encode(x402.Payment{
		X402Version: x402.Version, Accepted: x402.Requirement{Scheme: x402.Scheme, Network: x402.Network(meterChain)}, Payload: x402.NewPayload(v, signature),
	})
}

// TestAValidatorGetsItsFreeTokensAndOneWindow asks without ever paying.
func TestAValidatorGetsItsFreeTokensAndOneWindow(t *testing.T) {
	m, h := newMeter(t, "")
	served := 0
	for range 300 {
		switch code := askMeter(t, h, ""); code {
		case 200:
			served++
		case 402:
		default:
			t.Fatal(code)
		}
	}
	charged, paid, _ := m.Income()
	require.Equal(t, 2+50, served, "two answers are free, fifty fill the window of 0.05 TAO")
	require.EqualValues(t, 50_000_000, charged)
	require.Zero(t, paid)
}

// TestATempoThatBeginsIsFreeAgain asks without paying over three tempos: what is free is free also for who owes a window.
func TestATempoThatBeginsIsFreeAgain(t *testing.T) {
	m, h := newMeter(t, "")
	served := 0
	for m.Free.(*allowance).tempo = 1; m.Free.(*allowance).tempo <= 3; m.Free.(*allowance).tempo++ {
		for range 100 {
			if askMeter(t, h, "") == 200 {
				served++
			}
		}
	}
	charged, _, _ := m.Income()
	require.Equal(t, 3*2+50, served)
	require.EqualValues(t, 50_000_000, charged)
}

// TestOneLargeAnswerDoesNotExceedTheWindow: what it may cost is held before it begins, and is signed for ahead where it is more
// than the window.
func TestOneLargeAnswerDoesNotExceedTheWindow(t *testing.T) {
	m, h := newMeter(t, "")
	m.Context = 600
	require.Equal(t, 402, askMeter(t, h, ""), "it may cost 58,000,000 beyond what is free")
	require.Equal(t, 200, askMeter(t, h, signed(58_000_000, 7)))
	require.Equal(t, 200, askMeter(t, h, ""), "what the first took is free")
	require.Equal(t, 200, askMeter(t, h, ""))
	m.Context = 10
	for range 200 {
		askMeter(t, h, "")
	}
	charged, paid, _ := m.Income()
	require.EqualValues(t, 58_000_000, paid)
	require.EqualValues(t, paid+50_000_000, charged)
}

// TestParallelAnswersStayWithinTheWindow opens all requests before the first of them ends.
func TestParallelAnswersStayWithinTheWindow(t *testing.T) {
	m, _ := newMeter(t, "")
	begun, end := make(chan int, 200), make(chan struct{})
	slow := m.For(validatorKey.Public().(ed25519.PublicKey), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- 200
		<-end
		fmt.Fprint(w, `{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":10,"total_tokens":10}}`)
	}))
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if code := askMeter(t, slow, ""); code == 402 {
				begun <- code
			}
		})
	}
	served := 0
	for range 200 {
		if <-begun == 200 {
			served++
		}
	}
	close(end)
	all.Wait()
	charged, _, _ := m.Income()
	require.Equal(t, 2+50, served)
	require.EqualValues(t, 50_000_000, charged)
}

// TestAPayerWhoTakesItsDepositBackIsServedNoMore and what it signed is to be claimed before it has it.
func TestAPayerWhoTakesItsDepositBackIsServedNoMore(t *testing.T) {
	m, h := newMeter(t, "")
	for range 20 {
		askMeter(t, h, "")
	}
	owed, _, _ := m.Income()
	require.Equal(t, 200, askMeter(t, h, signed(owed, 7)))
	now, err := m.Watch(t.Context())
	require.NoError(t, err)
	require.False(t, now)
	m.Channels.(*oneChannel).closing = true
	now, err = m.Watch(t.Context())
	require.NoError(t, err)
	require.True(t, now)
	require.Equal(t, 402, askMeter(t, h, ""))
}

func TestWhoPaysIsServedOn(t *testing.T) {
	m, h := newMeter(t, "")
	header, owed := "", uint64(0)
	for i := range 400 {
		require.Equal(t, 200, askMeter(t, h, header), "request %d", i)
		header = ""
		if owed, _, _ = m.Income(); i%25 == 24 && owed > 0 {
			header = signed(owed, 7)
		}
	}
	charged, paid, lost := m.Income()
	require.EqualValues(t, 398_000_000, charged)
	require.Greater(t, paid, charged-50_000_000)
	require.Zero(t, lost)
	require.Len(t, m.Vouchers(), 1)
}

func TestFailedAnswersAreNotCharged(t *testing.T) {
	m, h := newMeter(t, "")
	for range 10 {
		require.Equal(t, 200, askMeter(t, h, ""))
	}
	before, _, _ := m.Income()
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}"))
	r.Header.Set("Fail", "yes")
	h.ServeHTTP(httptest.NewRecorder(), r)
	after, _, _ := m.Income()
	require.Equal(t, before, after)
}

func TestAForgedVoucherPaysNothing(t *testing.T) {
	m, h := newMeter(t, "")
	other := ed25519.NewKeyFromSeed(append(make([]byte, 31), 9))
	v := voucher.Voucher{Channel: 7, Parts: voucher.Parts{{Netuid: 1, Amount: 1 << 40}}}
	signature, err := v.Sign(meterChain, other)
	require.NoError(t, err)
	forged := x402.Encode(x402.Payment{
		X402Version: x402.Version, Accepted: x402.Requirement{Scheme: x402.Scheme, Network: x402.Network(meterChain)}, Payload: x402.NewPayload(v, signature),
	})
	for range 60 {
		askMeter(t, h, forged)
		askMeter(t, h, signed(1<<40, 8)) // a channel that is not there
		askMeter(t, h, signed(1<<50, 7)) // more than the channel holds
	}
	_, paid, _ := m.Income()
	require.Zero(t, paid)
	require.EqualValues(t, 180, m.Payments().Refused, "each is counted")
	require.Equal(t, 402, askMeter(t, h, ""))
}

// A validator that pays with a voucher which ends, or has ended, before a claim is worth its fee has paid nothing.
func TestAVoucherThatEndsPaysNothing(t *testing.T) {
	m, h := newMeter(t, "")
	for _, ends := range []time.Time{time.Now().Add(-time.Hour), time.Now().Add(time.Hour), time.Now().AddDate(1, 0, 0)} {
		v := voucher.Voucher{Channel: 7, Parts: voucher.Parts{{Netuid: 1, Amount: 1 << 30}}, Expiry: ends.Unix()}
		signature, err := v.Sign(meterChain, validatorKey)
		require.NoError(t, err)
		askMeter(t, h, x402.Encode(x402.Payment{
			X402Version: x402.Version, Accepted: x402.Requirement{Scheme: x402.Scheme, Network: x402.Network(meterChain)}, Payload: x402.NewPayload(v, signature),
		}))
	}
	_, paid, _ := m.Income()
	require.Zero(t, paid)
	require.EqualValues(t, 3, m.Payments().Refused)
}

// TestAValidatorThatForgotIsServedOnOnce loses what the validator knew it owed, as a kill does: the miner bears it, once
// for a window.
func TestAValidatorThatForgotIsServedOnOnce(t *testing.T) {
	m, h := newMeter(t, "")
	total := uint64(0)
	stopped := 0
	for round := range 12 {
		for range 20 {
			if askMeter(t, h, "") == 402 {
				stopped++
			}
		}
		total += 8_000_000 // of 20 answers it remembers eight
		askMeter(t, h, signed(total, 7))
		_, _, lost := m.Income()
		require.LessOrEqual(t, lost, Window.Amount, "round %d", round)
	}
	require.Positive(t, stopped, "forgetting pays for ever")
}

func TestVouchersSurviveAKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vouchers.json")
	m, h := newMeter(t, file)
	for range 30 {
		askMeter(t, h, "")
	}
	owed, _, _ := m.Income()
	require.Equal(t, 200, askMeter(t, h, signed(owed, 7)))
	again, _ := newMeter(t, file)
	require.Equal(t, m.Vouchers(), again.Vouchers())
	_, paid, _ := again.Income()
	require.Equal(t, owed, paid)
}

// TestAnAnswerThatIsEndedCostsWhatHasArrived ends answers after some chunks: the last one may be on its way, and one that
// another has outrun, which had one at most, costs nothing.
func TestAnAnswerThatIsEndedCostsWhatHasArrived(t *testing.T) {
	for chunks, want := range map[int]uint64{0: 0, 1: 0, 2: 100_000, 7: 600_000} {
		m, _ := newMeter(t, "")
		m.Free = nil
		ctx, end := context.WithCancel(t.Context())
		h := m.For(validatorKey.Public().(ed25519.PublicKey), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range chunks {
				fmt.Fprint(w, "data: {}\n\n")
			}
			end()
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader("{}")))
		charged, _, _ := m.Income()
		require.Equal(t, want, charged, "after %d chunks", chunks)
	}
}

// TestWhatIsLostIsCountedForPrometheus has vouchers refused for each reason, a request that is not paid, and a channel that
// ends before its voucher is claimed.
func TestWhatIsLostIsCountedForPrometheus(t *testing.T) {
	m, h := newMeter(t, "")
	askMeter(t, h, signed(5, 8))       // a channel that is not there
	askMeter(t, h, signed(1<<50, 7))   // more than it holds
	askMeter(t, h, "no voucher")       // not to be read
	askMeter(t, h, signed(900_000, 7)) // a good one
	for range 200 {
		askMeter(t, h, "")
	}
	m.Refused()
	m.Channels = gone{}
	for range 2 {
		_, err := m.Watch(t.Context())
		require.NoError(t, err)
	}
	answer := httptest.NewRecorder()
	report := func() Report {
		return Report{Requests: map[string]Outcomes{"chat": {Served: 3}}, Payments: m.Payments()}
	}
	Metrics(report).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`agora_miner_vouchers_refused_total{reason="deposit"} 1`, `agora_miner_vouchers_refused_total{reason="claim"} 1`,
		`agora_miner_vouchers_refused_total{reason="other"} 2`, `agora_miner_vouchers_refused_total{reason="forged"} 0`,
		`agora_miner_vouchers_lost_rao_total 900000`, `agora_miner_requests_total{kind="chat",outcome="served"} 3`,
		`agora_miner_payments_rao{state="signed"} 900000`,
	} {
		require.Contains(t, answer.Body.String(), line+"\n")
	}
	require.Regexp(t, `agora_miner_requests_unpaid_total \d\d`, answer.Body.String())
}

// gone has no channel any more.
type gone struct{}

func (gone) Channel(context.Context, uint64) (Channel, error) { return Channel{Closing: true}, nil }
