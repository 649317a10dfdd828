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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/mechanism/voucher"
	"agora/wire/x402"
)

const meterChain = "agora-meter-test"

var validatorKey = ed25519.NewKeyFromSeed(make([]byte, 32))

type oneChannel struct{ limit uint64 }

func (c *oneChannel) Channel(_ context.Context, id uint64) (Channel, error) {
	if id != 7 {
		return Channel{}, fmt.Errorf("no channel %d", id)
	}
	return Channel{Payer: "val", Payee: "olga", Key: validatorKey.Public().(ed25519.PublicKey), Limit: c.limit}, nil
}

// newMeter charges 1,000,000 rao for each answer of 10 tokens after the first 20 tokens.
func newMeter(t *testing.T, file string) (*Meter, http.Handler) {
	m, err := NewMeter(MeterConfig{
		ChainID: meterChain, Owner: "olga", In: 100_000_000_000, Out: 100_000_000_000, Channels: &oneChannel{1_000_000_000_000},
		File: file, Free: 20, Period: time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Fail") != "" {
			w.WriteHeader(500)
			return
		}
		fmt.Fprint(w, `{"choices":[],"usage": {"prompt_tokens":4,"completion_tokens":6,"total_tokens":10}}`)
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
	require.Equal(t, 402, askMeter(t, h, ""))
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
