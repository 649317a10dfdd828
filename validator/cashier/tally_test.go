package cashier

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
	"agora/gateway"
	"agora/mechanism/price"
	"agora/miner"
	"agora/validator"
)

// server is olga's miner behind its real meter, which knows the tempo and the stake of the validator that asks.
type server struct {
	*miner.Meter
	validator.Miner
	http.Handler
	office *office
	tempo  uint64
	used   price.Tokens // of the next answer
}

const rate = 1_000_000_000 // rao per million tokens

func newServer(t *testing.T, o *office) *server {
	s := &server{office: o}
	var err error
	s.Meter, err = miner.NewMeter(miner.MeterConfig{
		ChainID: yumatest.ChainID, Owner: yumatest.Address("olga").String(), In: rate, Out: 4 * rate, Context: 512, Channels: s, Free: s,
		Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	s.Miner = validator.Miner{
		HotKey: yumatest.Public(yumatest.HotKey("olga")), Owner: yumatest.Address("olga").String(),
		Card: &subnettypes.ModelCard{PriceIn: rate, PriceOut: 4 * rate, Context: 512},
	}
	s.Handler = s.For(yumatest.Public(yumatest.HotKey("val")), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":9}}`, s.used.In, s.used.Out)
	}))
	s.next()
	return s
}

// next begins a tempo, for both.
func (s *server) next() {
	s.tempo++
	s.office.Begin(1, s.tempo, 1, 4)
}

// Free implements miner.Allowance: the validator has a quarter of the stake.
func (s *server) Free(ed25519.PublicKey) (tokens, tempo uint64) {
	return price.Free(uint64(s.Capacity()), 1, 4), s.tempo
}

// Channel implements miner.Channels, with the real module.
func (s *server) Channel(ctx context.Context, id uint64) (miner.Channel, error) {
	v, err := s.office.chain.Channel(ctx, id)
	return miner.Channel{Payer: v.Payer, Payee: v.Payee, Key: yumatest.Public(yumatest.HotKey("val")), Limit: v.Deposit, Paid: v.Paid, Closing: v.WithdrawFrom > 0}, err
}

// ask sends a request that takes so many tokens, as a consumer's or as a question, and returns the status.
func (s *server) ask(t *testing.T, used price.Tokens, consumer bool) int {
	t.Helper()
	s.used = used
	body := fmt.Sprintf(`{"max_tokens":%d,"x":%q}`, used.Out, strings.Repeat("x", int(used.In)))
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	w := gateway.Work{Payee: s.Owner, NetUID: 1, HotKey: s.HotKey, Slots: uint64(s.Capacity()), Rates: price.Rates{In: rate, Out: 4 * rate}}
	if consumer {
		s.office.Enclose(r.Header, w, 0)
	} else {
		s.office.Pays(r.Header, 1, s.Miner, gateway.Most([]byte(body), 512))
	}
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	switch {
	case answer.Code == http.StatusPaymentRequired && consumer:
		s.office.Demand(s.Owner)
	case answer.Code == http.StatusPaymentRequired:
		require.False(t, s.office.Owed(1, s.Miner, gateway.Most([]byte(body), 512)), "an honest server is blamed")
	case consumer:
		w.Used = used
		_, w.Rao = price.Answer(used, w.Rates)
		s.office.Owe(w)
	default:
		s.office.Asked(1, s.Miner, used)
	}
	return answer.Code
}

func (s *server) owes() uint64 {
	charged, signed, _ := s.Income()
	return charged - min(signed, charged)
}

// TestNeitherSideStarvesTheOther lets a validator ask for consumers and for itself over many tempos, at random: the server never
// waits for more than its window, everything is answered, at the second try at the latest, and in the end it has no less than
// it charged and no more than consumers paid for it and questions above the free part cost.
func TestNeitherSideStarvesTheOther(t *testing.T) {
	for seed := range int64(6) {
		o := newOffice(t)
		s, r := newServer(t, o), rand.New(rand.NewSource(seed))
		sold := uint64(0)
		for i := range 600 {
			if i%100 == 99 {
				s.next()
			}
			used := price.Tokens{In: uint64(1 + r.Intn(400)), Out: uint64(1 + r.Intn(500))}
			consumer := r.Intn(2) == 0
			if !consumer && !o.Affords(1, s.Miner) {
				continue
			}
			code := s.ask(t, used, consumer)
			if code == http.StatusPaymentRequired {
				o.book(t.Context())
				o.pay(t.Context())
				code = s.ask(t, used, consumer)
			}
			require.Equal(t, http.StatusOK, code, "request %d", i)
			if consumer {
				_, rao := price.Answer(used, price.Rates{In: rate, Out: 4 * rate})
				sold += rao
			}
			require.LessOrEqual(t, s.owes(), miner.Window.Amount)
		}
		o.book(t.Context())
		require.NoError(t, o.Pay(t.Context(), s.Owner))
		d, err := o.Ledger.Debt(t.Context(), s.Owner)
		require.NoError(t, err)
		charged, _, lost := s.Income()
		require.Zero(t, lost)
		require.GreaterOrEqual(t, d.Owed.Total(), charged)
		require.GreaterOrEqual(t, d.Owed.Total(), sold)
		require.LessOrEqual(t, d.Owed.Total(), sold+6*(o.Judging+3_000_000), "questions cost more than their budget and the last one")
	}
}

// TestARelayPaysForWhatItUses has a validator that sells a server's answers and never signs: it gets what is free, and one
// window.
func TestARelayPaysForWhatItUses(t *testing.T) {
	o := newOffice(t)
	s := newServer(t, o)
	served := uint64(0)
	for range 3 {
		for range 500 {
			if s.ask(t, price.Tokens{In: 10, Out: 100}, true) == http.StatusOK {
				served += 110
			}
		}
		s.next()
	}
	free, _ := s.Free(nil)
	require.LessOrEqual(t, served, 3*(free+110)+110*100, "free tokens, and a hundred answers at most")
	require.LessOrEqual(t, s.owes(), miner.Window.Amount)
}

// TestAServerThatAlwaysWantsMoreGetsWhatItIsOwed answers 402 to everything: below the free part that is its failure, and
// nothing is signed for that was not answered.
func TestAServerThatAlwaysWantsMoreGetsWhatItIsOwed(t *testing.T) {
	o := newOffice(t)
	s := newServer(t, o)
	most := price.Tokens{In: 100, Out: 100}
	require.True(t, o.Owed(1, s.Miner, most), "it owes an answer within the free part")
	free, _ := s.Free(nil)
	for used := uint64(0); used < free; used += 200 {
		o.Asked(1, s.Miner, most)
	}
	require.False(t, o.Owed(1, s.Miner, most), "above that it owes none")
	for range 50 {
		o.Demand(s.Owner)
		o.book(t.Context())
		o.pay(t.Context())
	}
	d, err := o.Ledger.Debt(t.Context(), s.Owner)
	require.NoError(t, err)
	require.LessOrEqual(t, d.Held.Voucher.Total(), d.Owed.Total())
	require.LessOrEqual(t, d.Owed.Total(), uint64(1_000_000))
	// Questions stop where their budget ends; the next tempo begins at nothing.
	for o.Affords(1, s.Miner) {
		o.Asked(1, s.Miner, most)
	}
	o.book(t.Context())
	d, err = o.Ledger.Debt(t.Context(), s.Owner)
	require.NoError(t, err)
	require.LessOrEqual(t, d.Owed.Total(), o.Judging+1_000_000)
	s.next()
	require.True(t, o.Affords(1, s.Miner))
}

// TestAVoiceThatHasRunOutAsksNothingThatCosts has no money for a channel.
func TestAVoiceThatHasRunOutAsksNothingThatCosts(t *testing.T) {
	o := newOffice(t)
	s := newServer(t, o)
	o.Deposit = 1_000_000 * tao // more than there is
	free, _ := s.Free(nil)
	for used := uint64(0); used < free+400; used += 200 {
		o.Asked(1, s.Miner, price.Tokens{In: 100, Out: 100})
	}
	require.True(t, o.Affords(1, s.Miner))
	o.Demand(s.Owner)
	o.book(t.Context())
	o.pay(t.Context())
	require.False(t, o.Affords(1, s.Miner))
	s.next()
	require.True(t, o.Affords(1, s.Miner), "what is free it may ask for")
}

// TestALargeAnswerIsSignedForAhead asks for one that may cost more than the window, again and again: with the miner's own window there is
// enough for it.
func TestALargeAnswerIsSignedForAhead(t *testing.T) {
	o := newOffice(t)
	s := newServer(t, o)
	w := gateway.Work{Payee: s.Owner, NetUID: 1, HotKey: s.HotKey, Rates: price.Rates{In: rate, Out: 4 * rate}}
	before := uint64(0)
	for i := range 5 {
		h := http.Header{}
		o.Enclose(h, w, 80_000_000)
		o.book(t.Context())
		o.pay(t.Context())
		d, err := o.Ledger.Debt(t.Context(), s.Owner)
		require.NoError(t, err)
		require.GreaterOrEqual(t, d.Held.Voucher.Total()+Window.Amount, d.Owed.Total()+80_000_000)
		require.GreaterOrEqual(t, d.Held.Voucher.Total(), before, "a voucher takes back what an earlier one promised")
		before = d.Held.Voucher.Total()
		w.Rao = uint64(i) * 20_000_000
		o.Owe(w)
	}
}

// TestWhoAnswersNothingGetsOneWindow has a friend of a miner ask it for answers that may cost a fortune, of which it gives none: a voucher
// that was signed for them is paid by the chain whatever it answers.
func TestWhoAnswersNothingGetsOneWindow(t *testing.T) {
	o := newOffice(t)
	s := newServer(t, o)
	w := gateway.Work{Payee: s.Owner, NetUID: 1, HotKey: s.HotKey, Rates: price.Rates{In: rate, Out: 4 * rate}}
	earned := uint64(0)
	for _, more := range []uint64{0, 0, 400_000_000, 0} {
		w.Rao, earned = more, earned+more
		o.Owe(w)
		o.Enclose(http.Header{}, w, 10*tao)
		o.book(t.Context())
		o.pay(t.Context())
		d, err := o.Ledger.Debt(t.Context(), s.Owner)
		require.NoError(t, err)
		require.Equal(t, earned, d.Owed.Total())
		require.LessOrEqual(t, d.Held.Voucher.Total(), earned+Window.Amount+earned/20, "more than a window and the mark-up is lost")
	}
}
