package keeper_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cosmos/gogoproto/proto"
	"pgregory.net/rapid"

	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	distrkeeper "github.com/cosmos/cosmos-sdk/x/distribution/keeper"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/emission/keeper"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

var (
	mechanism = subnettypes.Mechanism{Id: "exact"}
	identity  = subnettypes.Identity{}
)

// promise pays validators by an epoch of netuid, as many rao as it can, and returns how many that is for each.
func promise(m *yumatest.Market, netuid uint32, epoch uint64, names ...string) (each uint64) {
	m.Helper()
	budget := m.Pending(netuid)
	payout := types.Payout{Epoch: epoch, OwnerShare: m.OwnerShare()}
	each = budget.Shared / 2 / uint64(len(names))
	for _, name := range names {
		payout.Validators = append(payout.Validators, types.ValidatorPay{
			Operator: yumatest.Address(name).String(), Validator: validator(m, name), Amount: each,
		})
	}
	_, err := m.Emission.Pay(m.Ctx, netuid, payout)
	m.Must(err)
	return each
}

// waiting is what val is still to get.
func waiting(m *yumatest.Market, name string) types.Waiting {
	m.Helper()
	res, err := keeper.NewQueryServer(m.Emission).Dividends(m.Ctx, &types.QueryDividendsRequest{Operator: yumatest.Address(name).String()})
	m.Must(err)
	if len(res.Dividends) == 0 {
		return types.Waiting{}
	}
	return res.Dividends[0]
}

func TestPagesOfDividendsNameEverybodyOnce(t *testing.T) {
	m, netuids := voted(t)
	mintFor(m, 12*time.Second)
	promise(m, netuids[0], 1, "val0", "val1", "val2", "val3")
	server, page := keeper.NewQueryServer(m.Emission), &query.PageRequest{Limit: 3, CountTotal: true}
	var operators []string
	for pages := 1; ; pages++ {
		res, err := server.Dividends(m.Ctx, &types.QueryDividendsRequest{Pagination: page})
		m.Must(err)
		for _, w := range res.Dividends {
			operators = append(operators, w.Operator)
		}
		if page = (&query.PageRequest{Limit: 3, Key: res.Pagination.NextKey}); len(page.Key) > 0 {
			continue
		}
		if pages != 2 {
			t.Errorf("four validators are on %d pages of three", pages)
		}
		break
	}
	want := slices.Compact(slices.Sorted(slices.Values(operators)))
	if len(want) != 4 || !slices.Equal(operators, want) {
		t.Errorf("the pages name %v", operators)
	}
	res, err := server.Dividends(m.Ctx, &types.QueryDividendsRequest{Pagination: &query.PageRequest{Offset: 1 << 63, Limit: 1 << 63}})
	m.Must(err)
	if len(res.Dividends) != 0 {
		t.Errorf("beyond the end are %v", res.Dividends)
	}
}

func TestDividendsComeInTwentyPartsOverTheNextTempo(t *testing.T) {
	m, netuids := voted(t)
	m.Govern(netuids[0], subnettypes.Tempo, 40)
	mintFor(m, 12*time.Second)
	height := m.Ctx.BlockHeight()
	each := promise(m, netuids[0], 1, "val0", "val1")
	if w := waiting(m, "val0"); w.Waiting != each || w.NextHeight > height+2 || w.LastHeight > height+40 || w.LastHeight < height+39 {
		t.Fatalf("at %d: %+v, want %d", height, w, each)
	}
	var parts, last uint64
	for before := outstanding(m, "val0"); waiting(m, "val0").Waiting > 0; before = last {
		mintFor(m, time.Second)
		if last = outstanding(m, "val0"); last > before {
			if parts++; last-before != each/20 && last-before != each/20+1 {
				t.Errorf("part %d is %d of %d", parts, last-before, each)
			}
		}
		m.CheckMoney()
	}
	if parts != 20 || last != each || m.Ctx.BlockHeight() > height+40 {
		t.Errorf("%d parts, %d of %d, done at %d from %d", parts, last, each, m.Ctx.BlockHeight(), height)
	}
}

func TestAValidatorsPartsOfAllSubnetsAreOneBooking(t *testing.T) {
	m, netuids := voted(t)
	for _, netuid := range netuids {
		m.Govern(netuid, subnettypes.Tempo, 40)
	}
	mintFor(m, 12*time.Second)
	for _, netuid := range netuids {
		promise(m, netuid, 1, "val0", "val1", "val2")
	}
	for first := true; first || m.Ctx.BlockHeight()%2 != 0; first = false { // parts fall on even heights
		m.Ctx = m.Ctx.WithEventManager(sdk.NewEventManager())
		mintFor(m, time.Second)
	}
	bookings := 0
	for _, e := range m.Ctx.EventManager().ABCIEvents() {
		if e.Type == "rewards" {
			bookings++
		}
	}
	if bookings != 3 {
		t.Errorf("%d bookings for 3 validators in 2 subnets", bookings)
	}
}

// The nominator comes with nine times the stake in the epoch's block and leaves half a tempo later.
func TestALateNominatorIsPaidForTheTimeHeStayed(t *testing.T) {
	m, netuids := voted(t)
	m.Govern(netuids[0], subnettypes.Tempo, 100)
	mintFor(m, 12*time.Second)
	m.Fund("late", 9_000*tao)
	staking := stakingkeeper.NewMsgServerImpl(m.Staking)
	coin := sdk.NewCoin(network.Denom, sdkmath.NewIntFromUint64(9_000*tao))
	late, val0 := yumatest.Address("late").String(), sdk.ValAddress(yumatest.Address("val0")).String()
	_, err := staking.Delegate(m.Ctx, stakingtypes.NewMsgDelegate(late, val0, coin))
	m.Must(err)
	each := promise(m, netuids[0], 1, "val0")
	for m.Ctx.BlockHeight()%5 != 0 || waiting(m, "val0").Waiting > each/2 {
		mintFor(m, time.Second)
	}
	_, err = staking.Undelegate(m.Ctx, stakingtypes.NewMsgUndelegate(late, val0, coin))
	m.Must(err)
	got := m.Balance("late") // undelegating withdraws
	if want := each / 2 * 9 / 10 * 9 / 10; got > want+10 || got+10 < want {
		t.Errorf("got %d, want %d: nine tenths of half of the dividends less a tenth of commission", got, want)
	}
	for waiting(m, "val0").Waiting > 0 {
		mintFor(m, time.Second)
	}
	own, err := distrkeeper.NewQuerier(m.Distribution).Keeper.GetValidatorOutstandingRewards(m.Ctx, sdk.ValAddress(yumatest.Address("val0")))
	m.Must(err)
	if left := own.Rewards.AmountOf(network.Denom).TruncateInt().Uint64(); left+got+1 < each || left+got > each {
		t.Errorf("%d and %d of %d", left, got, each)
	}
	m.CheckMoney()
}

// What was earned before a jail comes in it too.
func TestPartsOfAJailedValidatorAreStillPaid(t *testing.T) {
	m, netuids := voted(t)
	m.Govern(netuids[0], subnettypes.Tempo, 20)
	mintFor(m, 12*time.Second)
	each := promise(m, netuids[0], 1, "val0", "val1")
	for range 5 {
		mintFor(m, time.Second)
	}
	m.Jail("val0")
	burned := account(m, netuids[0]).Burned
	for waiting(m, "val0").Waiting > 0 {
		mintFor(m, 0)
	}
	if outstanding(m, "val0") != each || outstanding(m, "val1") != each || account(m, netuids[0]).Burned != burned {
		t.Errorf("%d and %d were paid of %d each, %d burned", outstanding(m, "val0"), outstanding(m, "val1"), each,
			account(m, netuids[0]).Burned-burned)
	}
	m.CheckMoney()
}

// Where nobody has stake any more, each part burns and is announced.
func TestPartsThatNobodyHasStakeForAreBurned(t *testing.T) {
	m, netuids := voted(t)
	m.Govern(netuids[0], subnettypes.Tempo, 20)
	mintFor(m, 12*time.Second)
	each := promise(m, netuids[0], 1, "val0", "val1")
	for range 5 {
		mintFor(m, time.Second)
	}
	leave(m, "val0")
	left, burned := waiting(m, "val0").Waiting, account(m, netuids[0]).Burned
	m.Ctx = m.Ctx.WithEventManager(sdk.NewEventManager())
	var parts, said uint64
	for waiting(m, "val0").Waiting > 0 {
		mintFor(m, 0)
		parts++
	}
	for _, e := range m.Ctx.EventManager().ABCIEvents() {
		if e.Type == proto.MessageName(&types.PaymentBurned{}) {
			said++
		}
	}
	if got := account(m, netuids[0]).Burned - burned; left == 0 || got != left || said != parts || outstanding(m, "val1") != each {
		t.Errorf("%d burned of %d, %d events for %d parts; the other got %d of %d", got, left, said, parts, outstanding(m, "val1"), each)
	}
	m.CheckMoney()
}

// leave takes all stake of a validator out.
func leave(m *yumatest.Market, name string) {
	m.Helper()
	all := sdk.NewCoin(network.Denom, validator(m, name).Tokens)
	_, err := stakingkeeper.NewMsgServerImpl(m.Staking).Undelegate(m.Ctx, stakingtypes.NewMsgUndelegate(
		yumatest.Address(name).String(), sdk.ValAddress(yumatest.Address(name)).String(), all))
	m.Must(err)
}

func TestPartsSurviveAValidatorThatIsGone(t *testing.T) {
	m, netuids := voted(t)
	m.Govern(netuids[0], subnettypes.Tempo, 20)
	mintFor(m, 12*time.Second)
	promise(m, netuids[0], 1, "val0", "val1")
	mintFor(m, time.Second)
	leave(m, "val0")
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(30 * 24 * time.Hour))
	_, err := m.Staking.BlockValidatorUpdates(m.Ctx)
	m.Must(err)
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(30 * 24 * time.Hour))
	_, err = m.Staking.BlockValidatorUpdates(m.Ctx)
	m.Must(err)
	if _, err := m.Staking.GetValidator(m.Ctx, sdk.ValAddress(yumatest.Address("val0"))); err == nil {
		t.Fatal("the validator is still there")
	}
	for waiting(m, "val1").Waiting > 0 {
		mintFor(m, 0)
		m.CheckMoney()
	}
}

func TestDividendsOfADissolvedSubnetAreStillPaid(t *testing.T) {
	m, netuids := voted(t)
	m.Govern(netuids[0], subnettypes.Tempo, 20)
	mintFor(m, 12*time.Second)
	each := promise(m, netuids[0], 1, "val0")
	m.Must(m.Subnet.Dissolve(m.Ctx, m.Authority, netuids[0]))
	for waiting(m, "val0").Waiting > 0 {
		mintFor(m, 0)
		m.CheckMoney()
	}
	if got := outstanding(m, "val0"); got != each {
		t.Errorf("%d of %d", got, each)
	}
}

func TestWhatIsLeftOfALongTempoIsPaidWhenAShorterOneEnds(t *testing.T) {
	m, netuids := voted(t)
	m.Govern(netuids[0], subnettypes.Tempo, 100)
	mintFor(m, 12*time.Second)
	first := promise(m, netuids[0], 1, "val0")
	for range 10 {
		mintFor(m, time.Second)
	}
	second := promise(m, netuids[0], 2, "val0")
	if got := outstanding(m, "val0"); got != first {
		t.Errorf("%d of the first %d", got, first)
	}
	if w := waiting(m, "val0"); w.Waiting != second {
		t.Errorf("%+v of the second %d", w, second)
	}
	m.CheckMoney()
}

// Whatever epochs promise, validators go through and tempos become: no rao is lost between promise and booking.
func TestPartsAreConserved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, netuids := voted(t)
		start := ledger(m).Paid
		var promised uint64
		for epoch := range uint64(rapid.IntRange(1, 12).Draw(rt, "epochs")) {
			netuid := rapid.SampledFrom(netuids).Draw(rt, "netuid")
			m.Govern(netuid, subnettypes.Tempo, rapid.Int64Range(10, 100).Draw(rt, "tempo"))
			m.Ctx = m.Ctx.WithEventManager(sdk.NewEventManager())
			mintFor(m, 12*time.Second)
			switch name := fmt.Sprint("val", rapid.IntRange(0, 9).Draw(rt, "jailed")); name {
			case "val2", "val3":
				if jailed, _ := m.Staking.IsValidatorJailed(m.Ctx, yumatest.ConsensusAddress(name)); !jailed {
					m.Jail(name)
				}
			}
			before := ledger(m)
			promise(m, netuid, epoch, "val0", "val1", "val2", "val3")
			now := ledger(m)
			promised += now.Promised + now.Paid - before.Paid - before.Promised
			for range rapid.IntRange(0, 60).Draw(rt, "blocks") {
				mintFor(m, 0)
			}
			m.CheckMoney()
		}
		for i := 0; ledger(m).Promised > 0; i++ {
			if mintFor(m, 0); i > 100 {
				t.Fatal("parts never end")
			}
		}
		m.CheckMoney()
		if l := ledger(m); l.Paid-start > promised {
			t.Fatalf("%d were paid, %d promised", l.Paid-start, promised)
		}
		g, err := m.Emission.ExportGenesis(m.Ctx)
		m.Must(err)
		if len(g.Flows)+len(g.Dividends) > 0 {
			t.Fatalf("%d flows and %d promises are left", len(g.Flows), len(g.Dividends))
		}
	})
}
