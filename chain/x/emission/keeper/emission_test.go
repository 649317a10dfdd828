package keeper_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosmos/gogoproto/proto"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/emission/keeper"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

const tao = network.TAO

func ledger(m *yumatest.Market) types.Ledger {
	m.Helper()
	l, err := m.Emission.Ledger(m.Ctx)
	m.Must(err)
	return l
}

// account returns the book's account of netuid.
func account(m *yumatest.Market, netuid uint32) types.Account {
	m.Helper()
	accounts, err := m.Emission.Accounts(m.Ctx)
	m.Must(err)
	for _, a := range accounts {
		if a.Netuid == netuid {
			return a
		}
	}
	return types.Account{}
}

// mintFor begins a block d after the last one and returns what it minted.
func mintFor(m *yumatest.Market, d time.Duration) uint64 {
	m.Helper()
	before := ledger(m).Minted
	m.Ctx = m.Ctx.WithBlockHeight(m.Ctx.BlockHeight() + 1).WithBlockTime(m.Ctx.BlockTime().Add(d))
	m.Must(m.Emission.BeginBlock(m.Ctx))
	return ledger(m).Minted - before
}

func TestOneTAOIsMintedPerTwelveSecondsOfHeaderTime(t *testing.T) {
	m := yumatest.New(t)
	m.Open("owner", "chat")
	for _, c := range []struct {
		after time.Duration
		want  uint64
	}{
		{12 * time.Second, tao},
		{time.Second, tao / 12},   // 83,333,333 and a third,
		{time.Second, tao / 12},   // another,
		{time.Second, tao/12 + 1}, // and the three thirds are a rao
		{0, 0},                    // time stands still
		{time.Hour, 2 * tao},      // a halt, or a clock that runs ahead, mints for two blocks
		{-time.Hour, 0},           // time never runs backwards
		{12 * time.Second, tao},
	} {
		if got := mintFor(m, c.after); got != c.want {
			t.Errorf("after %s: minted %d, want %d", c.after, got, c.want)
		}
		m.CheckMoney()
	}
}

func TestTheFirstBlockMintsNothing(t *testing.T) {
	m := yumatest.Bare(t)
	m.Must(m.Emission.InitGenesis(m.Ctx, *types.DefaultGenesis()))
	m.Must(m.Emission.BeginBlock(m.Ctx))
	if l := ledger(m); l.Minted != 0 || l.LastBlockUnixNano == 0 {
		t.Errorf("%+v", l)
	}
}

func TestTheRewardHalvesByWhatExistsAndBurningPostponesIt(t *testing.T) {
	m := yumatest.New(t)
	m.Open("owner", "chat")
	m.Fund("whale", 10_500_000*tao)
	if got := mintFor(m, 12*time.Second); got != tao/2 {
		t.Errorf("above half the cap a block mints %d", got)
	}
	if l := ledger(m); l.Halvings != 1 {
		t.Errorf("%d halvings", l.Halvings)
	}
	burn := m.Supply() - 10_499_000*tao
	m.Must(m.Bank.SendCoinsFromAccountToModule(m.Ctx, yumatest.Address("whale"), subnettypes.ModuleName, network.Coins(burn)))
	m.Must(m.Emission.BurnFrom(m.Ctx, subnettypes.ModuleName, burn, "a test"))
	if got := mintFor(m, 12*time.Second); got != tao {
		t.Errorf("below it again a block mints %d", got)
	}
	if l := ledger(m); l.BurnedOther < burn {
		t.Errorf("the ledger knows of %d burned by others", l.BurnedOther)
	}
}

// voters is a market with two subnets and four validators of equal stake with voices in the first.
func voters(t *testing.T) (*yumatest.Market, []uint32) {
	m := yumatest.New(t)
	netuids := []uint32{m.Open("owner0", "first"), m.Open("owner1", "second")}
	for i := range 4 {
		name := fmt.Sprint("val", i)
		m.Validate(name, 1_000*tao)
		m.Enter(name, name, netuids[0])
	}
	return m, netuids
}

// voted is voters after all of them have voted for both subnets alike.
func voted(t *testing.T) (*yumatest.Market, []uint32) {
	m, netuids := voters(t)
	for i := range 4 {
		vote(m, fmt.Sprint("val", i), netuids, 1, 1)
	}
	return m, netuids
}

func vote(m *yumatest.Market, voter string, netuids []uint32, weights ...uint32) {
	m.Helper()
	m.Must(m.Emission.SetRootWeights(m.Ctx, yumatest.Address(voter).String(), netuids, weights))
}

func TestOnlyOperatorsOfPermittedVoicesVote(t *testing.T) {
	m, netuids := voters(t)
	for _, name := range []string{"owner0", "nobody"} {
		err := m.Emission.SetRootWeights(m.Ctx, m.Fund(name, 0), netuids, []uint32{1, 1})
		m.Refuses(err, types.ErrNoVoice)
	}
	m.Validate("silent", 1_000*tao)
	m.Refuses(m.Emission.SetRootWeights(m.Ctx, m.Fund("silent", 0), netuids, []uint32{1, 1}), types.ErrNoVoice)
	for _, bad := range [][2][]uint32{
		{{1, 2}, {1}}, {{2, 1}, {1, 1}}, {{1, 1}, {1, 1}}, {{0}, {1}}, {{1}, {0}}, {{1}, {65_536}}, {nil, nil},
	} {
		m.Refuses(m.Emission.SetRootWeights(m.Ctx, m.Fund("val0", 0), bad[0], bad[1]), types.ErrInvalid)
	}
	m.Refuses(m.Emission.SetRootWeights(m.Ctx, m.Fund("val0", 0), []uint32{9}, []uint32{1}), subnettypes.ErrNoSubnet)
}

func TestCapitalsAreNoSecondVote(t *testing.T) {
	m, netuids := voters(t)
	loud := strings.ToUpper(yumatest.Address("val0").String())
	m.Refuses(m.Emission.SetRootWeights(m.Ctx, loud, netuids, []uint32{1, 0}), subnettypes.ErrInvalid)
}

func TestASubnetThatIsClosedOrPaysNobodyIsWithheldItsShare(t *testing.T) {
	m, netuids := voted(t)
	pending := func(netuid uint32) uint64 { return account(m, netuid).Pending }
	m.Govern(netuids[0], subnettypes.RegistrationOpen, 0)
	first, second, burned := pending(netuids[0]), pending(netuids[1]), ledger(m).Burned
	mintFor(m, 12*time.Second)
	if pending(netuids[0]) != first || pending(netuids[1]) != second+tao/2 || ledger(m).Burned != burned+tao/2 {
		t.Errorf("closed: %+v, open: %+v", account(m, netuids[0]), account(m, netuids[1]))
	}
	// The grace of three tempos ends; no miner has earned.
	for range 5 {
		m.NextTempo(netuids[1])
	}
	before := pending(netuids[1])
	mintFor(m, 12*time.Second)
	if got := pending(netuids[1]); got != before {
		t.Errorf("a subnet without paid miners still got %d", got-before)
	}
	m.CheckMoney()
}

func TestWithoutSubnetsEverythingIsBurned(t *testing.T) {
	m := yumatest.New(t)
	supply := m.Supply()
	if got := mintFor(m, 12*time.Second); got != tao || m.Supply() != supply {
		t.Errorf("minted %d, the supply went from %d to %d", got, supply, m.Supply())
	}
	m.CheckMoney()
}

func TestDemandBringsAtMostHalfOfWhatWasBurned(t *testing.T) {
	m, netuids := voted(t)
	fee := uint64(tao / 10)
	m.Fund("consumer", fee)
	m.Must(m.Bank.SendCoinsFromAccountToModule(m.Ctx, yumatest.Address("consumer"), subnettypes.ModuleName, network.Coins(fee)))
	m.Must(m.Emission.BurnFee(m.Ctx, subnettypes.ModuleName, netuids[1], fee))
	if _, err := m.Emission.BurnPending(m.Ctx, netuids[1], "end of a window"); err != nil {
		t.Fatal(err) // closes the window: now there is a history of demand
	}
	m.Fund("consumer", fee)
	m.Must(m.Bank.SendCoinsFromAccountToModule(m.Ctx, yumatest.Address("consumer"), subnettypes.ModuleName, network.Coins(fee)))
	m.Must(m.Emission.BurnFee(m.Ctx, subnettypes.ModuleName, netuids[1], fee))
	for range 5 {
		mintFor(m, 12*time.Second)
	}
	a := account(m, netuids[1])
	if a.DemandGranted != fee/2 || a.DemandBurned != fee {
		t.Errorf("%d burned, %d granted", a.DemandBurned, a.DemandGranted)
	}
	if extra := int64(a.Pending) - int64(account(m, netuids[0]).Pending); extra > int64(fee/2) {
		t.Errorf("demand brought %d more than the other subnet got", extra)
	}
	m.CheckMoney()
}

func TestAPaymentThatCannotBeMadeIsBurnedWithAnEvent(t *testing.T) {
	m, netuids := voted(t)
	m.Jail("val3")
	mintFor(m, 12*time.Second)
	m.Ctx = m.Ctx.WithEventManager(sdk.NewEventManager())
	budget := m.Pending(netuids[0])
	part := budget.Shared / 8
	blocked := authtypes.NewModuleAddress(types.ModuleName)
	paid, err := m.Emission.Pay(m.Ctx, netuids[0], types.Payout{
		Epoch: 1, Uids: 10, OwnerShare: m.OwnerShare(),
		Miners: []types.MinerPay{
			{Uid: 1, Owner: yumatest.Address("a"), Amount: part},
			{Uid: 2, Owner: blocked, Amount: part},
			{Uid: 3, Owner: yumatest.Address("a"), Amount: part},
			{Uid: 4, Owner: yumatest.Address("owner0"), Amount: part},
		},
		Validators: []types.ValidatorPay{
			{Uid: 0, Operator: yumatest.Address("val0").String(), Validator: validator(m, "val0"), Amount: part},
			{Uid: 9, Operator: yumatest.Address("val3").String(), Validator: validator(m, "val3"), Amount: part},
			{Uid: 8, Operator: yumatest.Address("nobody").String(), Validator: &stakingtypes.Validator{}, Amount: part},
		},
	})
	m.Must(err)
	if m.Balance("a") != 2*part || paid.Miners != 2*part || paid.Validators != part || paid.Owner != budget.Owner {
		t.Errorf("a has %d; %+v", m.Balance("a"), paid)
	}
	if paid.Burned != paid.Total-paid.Owner-3*part || m.Balance("owner0") != budget.Owner {
		t.Errorf("%+v, the owner has %d", paid, m.Balance("owner0"))
	}
	if want := []uint64{part, part, 0, part, 0, 0, 0, 0, 0, 0}; !slices.Equal(paid.ByUID, want) {
		t.Errorf("by uid %v, want %v", paid.ByUID, want)
	}
	var refused []string
	for _, e := range m.Ctx.EventManager().ABCIEvents() {
		if e.Type == proto.MessageName(&types.PaymentBurned{}) {
			refused = append(refused, e.String())
		}
	}
	if len(refused) != 3 || !strings.Contains(refused[0], blocked.String()) {
		t.Errorf("refused: %v", refused)
	}
	m.CheckMoney()
}

func validator(m *yumatest.Market, name string) *stakingtypes.Validator {
	m.Helper()
	v, err := m.Staking.GetValidator(m.Ctx, sdk.ValAddress(yumatest.Address(name)))
	m.Must(err)
	return &v
}

func TestNobodyIsPromisedMoreThanThereIs(t *testing.T) {
	m, netuids := voted(t)
	mintFor(m, 12*time.Second)
	budget := m.Pending(netuids[0])
	too := []types.MinerPay{{Owner: yumatest.Address("a"), Amount: budget.Shared/2 + 1}}
	_, err := m.Emission.Pay(m.Ctx, netuids[0], types.Payout{Miners: too, OwnerShare: m.OwnerShare()})
	m.Refuses(err, types.ErrOverdrawn)
	wraps := []types.MinerPay{{Owner: yumatest.Address("a"), Amount: 1 << 63}, {Owner: yumatest.Address("a"), Amount: 1 << 63}}
	_, err = m.Emission.Pay(m.Ctx, netuids[0], types.Payout{Miners: wraps, OwnerShare: m.OwnerShare()})
	m.Refuses(err, types.ErrOverdrawn)
	m.CheckMoney()
}

func TestParamsAreBounded(t *testing.T) {
	m := yumatest.New(t)
	server := keeper.NewMsgServer(m.Emission)
	_, err := server.UpdateParams(m.Ctx, &types.MsgUpdateParams{Authority: m.Fund("x", 0), Params: types.DefaultParams()})
	m.Refuses(err, types.ErrNotAllowed)
	for name, spoil := range map[string]func(*types.Params){
		"sum":   func(p *types.Params) { p.OwnerShare++ },
		"sides": func(p *types.Params) { p.MinerShare++; p.ValidatorShare-- },
		"cap":   func(p *types.Params) { p.Cap *= 2 },
	} {
		params := types.DefaultParams()
		spoil(&params)
		_, err := server.UpdateParams(m.Ctx, &types.MsgUpdateParams{Authority: m.Authority, Params: params})
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	params := types.DefaultParams()
	params.BlockReward *= 2
	_, err = server.UpdateParams(m.Ctx, &types.MsgUpdateParams{Authority: m.Authority, Params: params})
	m.Must(err)
}

func TestTheLedgerSaysWhatADayMints(t *testing.T) {
	m := yumatest.New(t)
	res, err := keeper.NewQueryServer(m.Emission).Ledger(m.Ctx, &types.QueryLedgerRequest{})
	m.Must(err)
	if res.PerDay != 7_200*tao || res.Issuance != m.Supply() {
		t.Errorf("%+v", res)
	}
}

func TestABookThatDoesNotBalanceIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*types.GenesisState){
		"ledger":  func(g *types.GenesisState) { g.Ledger.Minted = 1 },
		"pending": func(g *types.GenesisState) { g.Accounts = []types.Account{{Netuid: 1, Pending: 1}} },
		"order":   func(g *types.GenesisState) { g.Accounts = []types.Account{{Netuid: 2}, {Netuid: 1}} },
		"vote":    func(g *types.GenesisState) { g.Votes = []types.RootVote{{Operator: "a"}} },
		"params":  func(g *types.GenesisState) { g.Params.Cap = 0 },
	} {
		g := types.DefaultGenesis()
		spoil(g)
		if g.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
