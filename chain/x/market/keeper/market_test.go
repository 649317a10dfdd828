package keeper_test

import (
	"crypto/ed25519"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/network"
	emissionkeeper "agora/chain/x/emission/keeper"
	emissiontypes "agora/chain/x/emission/types"
	"agora/chain/x/market/keeper"
	"agora/chain/x/market/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
	"agora/mechanism/voucher"
)

const tao = network.TAO

// shop is a market with a validator in the directory, a subnet, and a consumer with money.
type shop struct {
	*yumatest.Market
	netuid uint32
}

func open(t testing.TB) *shop {
	t.Helper()
	s := &shop{Market: yumatest.New(t)}
	s.netuid = s.Market.Open("olga", "text")
	s.Validate("val", 1_000*tao)
	s.Validate("other", 1_000*tao)
	s.list("val")
	s.Fund("ann", 100*tao)
	s.Fund("miner", tao)
	return s
}

func (s *shop) list(operator string) {
	s.Must(s.Subnet.SetProfile(s.Ctx, subnettypes.Profile{
		Operator: yumatest.Address(operator).String(), Addresses: []string{"127.0.0.1:1"}, GatewayUrl: "http://127.0.0.1:2",
	}))
}

func key(name string) ed25519.PrivateKey { return yumatest.HotKey("pay/" + name) }

// channel opens a channel with a deposit in TAO.
func (s *shop) channel(payer, payee string, deposit uint64) uint64 {
	s.Helper()
	id, err := s.Market.Market.Open(s.Ctx, yumatest.Address(payer), yumatest.Address(payee), deposit*tao, yumatest.Public(key(payer)), 0, 0)
	s.Must(err)
	return id
}

// sign makes a voucher of payer for what he owes in all.
func (s *shop) sign(payer string, id uint64, parts ...voucher.Part) types.Voucher {
	s.Helper()
	v := voucher.Voucher{Channel: id, Parts: parts}
	signature, err := v.Sign(yumatest.ChainID, key(payer))
	s.Must(err)
	return types.NewVoucher(v, signature, 0)
}

func (s *shop) claim(vouchers ...types.Voucher) []types.Result {
	s.Helper()
	results, err := s.Market.Market.Claim(s.Ctx, vouchers)
	s.Must(err)
	s.check()
	return results
}

func (s *shop) check() {
	s.Helper()
	for _, i := range s.Market.Market.Invariants() {
		if err := i.Check(s.Ctx); err != nil {
			s.Fatalf("%s: %v", i.Name, err)
		}
	}
}

func TestAConsumerPaysAValidatorAndAPartIsBurned(t *testing.T) {
	s := open(t)
	id, before, supply := s.channel("ann", "val", 10), s.Balance("val"), s.Supply()
	got := s.claim(s.sign("ann", id, voucher.Part{Netuid: s.netuid, Amount: 5 * tao}))
	if got[0].Refused != "" || got[0].Burned != tao/10 || got[0].Paid != 5*tao-tao/10 {
		t.Fatalf("%+v", got[0])
	}
	if s.Balance("val") != before+got[0].Paid || s.Supply() != supply-got[0].Burned {
		t.Fatalf("the validator has %d, was %d; the supply is %d, was %d", s.Balance("val"), before, s.Supply(), supply)
	}
	accounts, err := s.Emission.Accounts(s.Ctx)
	s.Must(err)
	for _, a := range accounts {
		if a.Netuid == s.netuid && a.DemandBurned != tao/10 {
			t.Errorf("demand %d", a.DemandBurned)
		}
	}
	s.CheckMoney()
}

func TestWhoIsBurnedFrom(t *testing.T) {
	s := open(t)
	part := voucher.Part{Netuid: s.netuid, Amount: tao}
	for name, c := range map[string]struct {
		payer, payee string
		burned       uint64
	}{
		"a validator to a miner":                  {"val", "miner", 0},
		"a validator to a validator":              {"other", "val", 0},
		"a consumer to a miner":                   {"ann", "miner", 0},
		"a consumer to a validator not listed":    {"ann", "other", 0},
		"a consumer to a validator who is listed": {"ann", "val", tao / 50},
	} {
		s.Fund(c.payer, 20*tao)
		if got := s.claim(s.sign(c.payer, s.channel(c.payer, c.payee, 10), part)); got[0].Burned != c.burned || got[0].Paid != tao-c.burned {
			t.Errorf("%s: %+v", name, got[0])
		}
	}
}

// TestABadVoucherFailsNoOther has every kind of bad voucher around a good one.
func TestABadVoucherFailsNoOther(t *testing.T) {
	s := open(t)
	a, b, c := s.channel("ann", "val", 1), s.channel("ann", "miner", 1), s.channel("ann", "other", 1)
	one := voucher.Part{Netuid: s.netuid, Amount: tao / 2}
	forged, twice := s.sign("ann", b, one), s.sign("ann", c, one)
	forged.Signature[3] ^= 1
	old := voucher.Voucher{Channel: b, Parts: voucher.Parts{one}, Expiry: s.Ctx.BlockTime().Unix() - 1}
	signature, err := old.Sign(yumatest.ChainID, key("ann"))
	s.Must(err)
	expired := types.NewVoucher(old, signature, 0)
	shrunk := s.sign("ann", c, voucher.Part{Netuid: s.netuid + 1, Amount: tao})
	got := s.claim(
		types.Voucher{}, types.Voucher{Channel: 999}, forged, expired, twice, twice, shrunk,
		types.Voucher{Channel: b, Parts: []types.Part{{Netuid: 2, Amount: 1}, {Netuid: 1, Amount: 1}}, Signature: forged.Signature},
		types.Voucher{Channel: b, Parts: []types.Part{{Netuid: 2, Amount: math.MaxUint64}, {Netuid: 3, Amount: math.MaxUint64}}},
		s.sign("ann", a, voucher.Part{Netuid: s.netuid, Amount: 500 * tao}),
	)
	for i, want := range []string{
		"no such channel", "no such channel", "the signature is not", "expired", "", "not paid yet", "less for a subnet",
		"malformed", "malformed", "",
	} {
		if want == "" && got[i].Refused != "" || !strings.Contains(got[i].Refused, want) {
			t.Errorf("voucher %d: %+v, want %q", i, got[i], want)
		}
	}
	if last := got[len(got)-1]; last.Paid+last.Burned != tao {
		t.Errorf("a promise above the deposit is not cut to it: %+v", last)
	}
}

func TestAClaimTakesNoMoreThanItAsksFor(t *testing.T) {
	s := open(t)
	v := s.sign("ann", s.channel("ann", "miner", 10), voucher.Part{Netuid: 1, Amount: 3 * tao}, voucher.Part{Netuid: 2, Amount: 3 * tao})
	v.UpTo = 4 * tao
	if got := s.claim(v); got[0].Paid != 4*tao {
		t.Fatalf("%+v", got)
	}
	if got := s.claim(v); got[0].Paid != 0 || got[0].Refused == "" {
		t.Fatalf("again: %+v", got)
	}
	v.UpTo = 0
	if got := s.claim(v); got[0].Paid != 2*tao {
		t.Fatalf("the rest: %+v", got)
	}
}

func TestTheWayOutTakesItsTime(t *testing.T) {
	s := open(t)
	m, ann := s.Market.Market, yumatest.Address("ann")
	before := s.Balance("ann")
	id := s.channel("ann", "val", 10)
	_, err := m.Withdraw(s.Ctx, ann, id)
	s.Refuses(err, types.ErrTooSoon)
	_, err = m.RequestWithdraw(s.Ctx, yumatest.Address("val"), id)
	s.Refuses(err, types.ErrNotAllowed)
	from, err := m.RequestWithdraw(s.Ctx, ann, id)
	s.Must(err)
	if again, err := m.RequestWithdraw(s.Ctx.WithBlockTime(s.Ctx.BlockTime().Add(time.Hour)), ann, id); err != nil || again != from {
		t.Fatalf("asked again: from %d, was %d, %v", again, from, err)
	}
	last := time.Unix(from, 0).Add(-time.Second)
	_, err = m.Withdraw(s.Ctx.WithBlockTime(last), ann, id)
	s.Refuses(err, types.ErrTooSoon)
	// The payee was down for the whole delay and claims before the payer comes.
	s.Ctx = s.Ctx.WithBlockTime(time.Unix(from, 0).Add(time.Hour))
	if got := s.claim(s.sign("ann", id, voucher.Part{Netuid: 0, Amount: 4 * tao})); got[0].Paid+got[0].Burned != 4*tao {
		t.Fatalf("%+v", got)
	}
	_, err = m.Withdraw(s.Ctx, yumatest.Address("val"), id)
	s.Refuses(err, types.ErrNotAllowed)
	returned, err := m.Withdraw(s.Ctx, ann, id)
	if err != nil || returned != 6*tao || s.Balance("ann") != before-4*tao {
		t.Fatalf("%d came back, %v; the balance is %d, was %d", returned, err, s.Balance("ann"), before)
	}
	s.check()
	// What was signed for the old channel pays nothing of the next one.
	old := s.sign("ann", id, voucher.Part{Netuid: 0, Amount: 9 * tao})
	if next := s.channel("ann", "val", 10); next == id {
		t.Fatal("an id came again")
	}
	if got := s.claim(old); got[0].Refused == "" {
		t.Fatalf("%+v", got)
	}
}

func TestATopUpTakesTheWithdrawalBack(t *testing.T) {
	s := open(t)
	m, ann := s.Market.Market, yumatest.Address("ann")
	id := s.channel("ann", "val", 10)
	_, err := m.RequestWithdraw(s.Ctx, ann, id)
	s.Must(err)
	s.Refuses(m.TopUp(s.Ctx, yumatest.Address("val"), id, tao, 0), types.ErrNotAllowed)
	s.Refuses(m.TopUp(s.Ctx, ann, id, tao, 5), types.ErrOutOfBounds)
	s.Must(m.TopUp(s.Ctx, ann, id, 5*tao, 0))
	c, err := m.Channel(s.Ctx, id)
	if err != nil || c.Deposit != 15*tao || c.WithdrawFrom != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	s.check()
}

func TestThePayeeClosesAtOnce(t *testing.T) {
	s := open(t)
	m := s.Market.Market
	before := s.Balance("ann")
	id := s.channel("ann", "val", 10)
	_, err := m.Close(s.Ctx, yumatest.Address("ann"), id)
	s.Refuses(err, types.ErrNotAllowed)
	returned, err := m.Close(s.Ctx, yumatest.Address("val"), id)
	if err != nil || returned != 10*tao || s.Balance("ann") != before {
		t.Fatalf("%d, %v", returned, err)
	}
	_, err = m.Channel(s.Ctx, id)
	s.Refuses(err, types.ErrNoChannel)
	s.check()
}

func TestAChannelIsRefusedWhereItWouldDoHarm(t *testing.T) {
	s := open(t)
	m, ann := s.Market.Market, yumatest.Address("ann")
	open := func(payee sdk.AccAddress, deposit, delay uint64) error {
		return s.Try(func(ctx sdk.Context) error {
			_, err := m.Open(ctx, ann, payee, deposit, yumatest.Public(key("ann")), 0, delay)
			return err
		})
	}
	val := yumatest.Address("val")
	s.Refuses(open(val, types.DefaultParams().MinDeposit-1, 0), types.ErrTooSmall)
	s.Refuses(open(val, tao, types.DefaultParams().MinWithdrawDelay-1), types.ErrOutOfBounds)
	s.Refuses(open(s.Account.GetModuleAddress("distribution"), tao, 0), types.ErrCannotPay)
	if err := open(val, 1_000*tao, 0); err == nil {
		t.Error("a deposit that nobody has")
	}
	s.channel("ann", "val", 1)
	s.Refuses(open(val, tao, 0), types.ErrOpen)
	p := types.DefaultParams()
	p.MaxChannels = 1
	s.Must(m.UpdateParams(s.Ctx, s.Authority, p))
	s.Refuses(open(yumatest.Address("miner"), tao, 0), types.ErrTooMany)
	s.Refuses(m.UpdateParams(s.Ctx, ann.String(), p), types.ErrNotAllowed)
	p.BurnBps = 2_001
	s.Refuses(m.UpdateParams(s.Ctx, s.Authority, p), types.ErrOutOfBounds)
}

// TestDemandOfASubnetThatIsGoneIsBurnedAndNobodys pays for work in netuids that do not exist.
func TestDemandOfASubnetThatIsGoneIsBurnedAndNobodys(t *testing.T) {
	s := open(t)
	supply := s.Supply()
	s.claim(s.sign("ann", s.channel("ann", "val", 10), voucher.Part{Netuid: 0, Amount: tao}, voucher.Part{Netuid: 77, Amount: tao}))
	if burned := supply - s.Supply(); burned != tao/25 {
		t.Errorf("%d burned", burned)
	}
	accounts, err := s.Emission.Accounts(s.Ctx)
	s.Must(err)
	for _, a := range accounts {
		if a.DemandBurned != 0 || a.Netuid == 77 {
			t.Errorf("%+v", a)
		}
	}
}

// TestWhoBurnsOneGetsAtMostAHalfBack washes: a subnet's owner, miner and validator in one pays himself through channels, as
// much as he likes and when he likes, whatever the parameters. What demand brought his subnet is at most half of what was
// burned.
func TestWhoBurnsOneGetsAtMostAHalfBack(t *testing.T) {
	r, brought := rand.New(rand.NewSource(5)), uint64(0)
	for range 12 {
		s := open(t)
		params, err := s.Emission.Params(s.Ctx)
		s.Must(err)
		params.DemandShare = uint32(r.Intn(65_536))
		params.OwnerShare = uint32(r.Intn(32_768))
		params.OwnerShare -= 1 - params.OwnerShare%2 // the shares of miners and validators are equal
		params.MinerShare = (65_535 - params.OwnerShare) / 2
		params.ValidatorShare = params.MinerShare
		_, err = emissionkeeper.NewMsgServer(s.Emission).UpdateParams(s.Ctx, &emissiontypes.MsgUpdateParams{Authority: s.Authority, Params: params})
		s.Must(err)
		own := types.DefaultParams()
		own.BurnBps = uint64(r.Intn(2_001))
		s.Must(s.Market.Market.UpdateParams(s.Ctx, s.Authority, own))
		s.Fund("ann", 1_000*tao)
		id, owed, burned := s.channel("ann", "val", 1_000), uint64(0), uint64(0)
		granted, last := uint64(0), uint64(0)
		for i := range 40 {
			if i%8 == 7 { // as the subnet's epoch does: it closes the window of demand
				_, err := s.Emission.BurnPending(s.Ctx, s.netuid, "an epoch")
				s.Must(err)
				last = 0
			}
			if r.Intn(2) == 0 && owed < 900*tao {
				owed += uint64(r.Intn(20 * tao))
				burned += s.claim(s.sign("ann", id, voucher.Part{Netuid: s.netuid, Amount: owed}))[0].Burned
			}
			s.NextBlock()
			now := s.granted()
			granted, last = granted+now-last, now
		}
		if granted > burned/2 {
			t.Fatalf("burned %d, demand brought %d (lambda %d)", burned, granted, params.DemandShare)
		}
		brought += granted
	}
	if brought == 0 {
		t.Error("demand brought nothing at all")
	}
}

// granted is what demand brought the subnet in this window.
func (s *shop) granted() (rao uint64) {
	accounts, err := s.Emission.Accounts(s.Ctx)
	s.Must(err)
	for _, a := range accounts {
		if a.Netuid == s.netuid {
			rao = a.DemandGranted
		}
	}
	return rao
}

func TestTheStateGoesOutAndInAgain(t *testing.T) {
	s := open(t)
	a := s.channel("ann", "val", 10)
	s.channel("ann", "miner", 5)
	s.claim(s.sign("ann", a, voucher.Part{Netuid: s.netuid, Amount: tao}))
	_, err := s.Market.Market.RequestWithdraw(s.Ctx, yumatest.Address("ann"), a)
	s.Must(err)
	want, err := s.Market.Market.ExportGenesis(s.Ctx)
	s.Must(err)
	s.Must(want.Validate())
	other := yumatest.Bare(t)
	other.Must(other.Market.InitGenesis(other.Ctx, *want))
	got, err := other.Market.ExportGenesis(other.Ctx)
	other.Must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestQueriesPage(t *testing.T) {
	s := open(t)
	for i := range 5 {
		payee := fmt.Sprint("miner", i)
		s.Fund(payee, 1)
		s.channel("ann", payee, 1)
	}
	s.channel("ann", "val", 1)
	s.channel("miner", "val", 1)
	q := keeper.NewQueryServer(s.Market.Market)
	ann, val := yumatest.Address("ann").String(), yumatest.Address("val").String()
	seen, page := 0, &query.PageRequest{Limit: 4}
	for {
		r, err := q.Channels(s.Ctx, &types.QueryChannelsRequest{Payer: ann, Pagination: page})
		s.Must(err)
		for _, c := range r.Channels {
			if c.Payer != ann || c.Left != tao {
				t.Errorf("%+v", c)
			}
			seen++
		}
		if page = (&query.PageRequest{Limit: 4, Key: r.Pagination.NextKey}); len(page.Key) == 0 {
			break
		}
	}
	toVal, err := q.Channels(s.Ctx, &types.QueryChannelsRequest{Payee: val})
	s.Must(err)
	one, err := q.Channels(s.Ctx, &types.QueryChannelsRequest{Payer: ann, Payee: val})
	s.Must(err)
	all, err := q.Channels(s.Ctx, &types.QueryChannelsRequest{})
	s.Must(err)
	if seen != 6 || len(toVal.Channels) != 2 || len(one.Channels) != 1 || len(all.Channels) != 7 {
		t.Errorf("%d of the payer, %d to the payee, %d between, %d in all", seen, len(toVal.Channels), len(one.Channels), len(all.Channels))
	}
	if _, err := q.Channel(s.Ctx, &types.QueryChannelRequest{Id: 99}); err == nil {
		t.Error("a channel that is not there")
	}
	if _, err := q.Channels(s.Ctx, &types.QueryChannelsRequest{Payer: "nobody"}); err == nil {
		t.Error("an address that is none")
	}
}

// TestAClaimOfAHundredVouchersIsCheap bounds gas; BenchmarkClaim has the time.
func TestAClaimOfAHundredVouchersIsCheap(t *testing.T) {
	s, vouchers := hundred(t)
	before := s.Ctx.GasMeter().GasConsumed()
	results, err := s.Market.Market.Claim(s.Ctx, vouchers)
	s.Must(err)
	used := s.Ctx.GasMeter().GasConsumed() - before
	s.check()
	for i, r := range results {
		if r.Refused != "" {
			t.Fatalf("voucher %d: %s", i, r.Refused)
		}
	}
	msg := types.MsgClaim{Sender: yumatest.Address("ann").String(), Vouchers: vouchers}
	used += uint64(10 * msg.Size())
	t.Logf("%d gas, of which %d for %d bytes", used, 10*msg.Size(), msg.Size())
	if used > 1_450_000 { // a signature and a fee besides
		t.Errorf("%d gas", used)
	}
}

// hundred are vouchers of a hundred consumers to one validator.
func hundred(t testing.TB) (*shop, []types.Voucher) {
	s := open(t)
	var vouchers []types.Voucher
	for i := range types.MaxVouchers {
		name := fmt.Sprint("consumer", i)
		s.Fund(name, 2*tao)
		id := s.channel(name, "val", 1)
		vouchers = append(vouchers, s.sign(name, id, voucher.Part{Netuid: s.netuid, Amount: tao / 4}, voucher.Part{Netuid: s.netuid + 1, Amount: tao / 4}))
	}
	return s, vouchers
}

// processor reports the processor time of a loop: other programs of the machine do not count.
func processor(b *testing.B) (end func()) {
	now := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	began := now()
	return func() { b.ReportMetric(float64((now()-began).Microseconds())/1_000/float64(b.N), "cpu-ms/op") }
}

// BenchmarkClaim is a claim of a hundred vouchers of a hundred consumers, two subnets each, beside what their signatures
// alone take.
func BenchmarkClaim(b *testing.B) {
	s, vouchers := hundred(b)
	s.Commit()
	b.Run("claim", func(b *testing.B) {
		defer processor(b)()
		for b.Loop() {
			ctx, _ := s.Ctx.CacheContext()
			if _, err := s.Market.Market.Claim(ctx, vouchers); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signatures", func(b *testing.B) {
		defer processor(b)()
		for b.Loop() {
			for i, v := range vouchers {
				if err := v.Promise().Verify(yumatest.ChainID, yumatest.Public(key(fmt.Sprint("consumer", i))), v.Signature); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
