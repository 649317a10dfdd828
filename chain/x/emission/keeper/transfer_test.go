package keeper_test

import (
	"reflect"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	"agora/chain/x/yuma/yumatest"
)

// sends are a context's events of x/bank.
func sends(ctx sdk.Context) (events []abci.Event) {
	for _, e := range ctx.EventManager().ABCIEvents() {
		switch e.Type {
		case sdk.EventTypeMessage, banktypes.EventTypeCoinSpent, banktypes.EventTypeCoinReceived, banktypes.EventTypeTransfer:
			events = append(events, e)
		}
	}
	return events
}

// Pay writes balances itself. It leaves what x/bank's own send to many would: the same balances, accounts and events.
func TestPayIsASendToMany(t *testing.T) {
	m, netuids := voted(t)
	m.Fund("a", 5)
	mintFor(m, 12*time.Second)
	budget := m.Pending(netuids[0])
	part := budget.Shared / 8
	pay := []types.MinerPay{
		{Uid: 1, Owner: yumatest.Address("a"), Amount: part},
		{Uid: 2, Owner: yumatest.Address("b"), Amount: part + 1},
		{Uid: 3, Owner: yumatest.Address("a"), Amount: 2},
		{Uid: 4, Owner: yumatest.Address("c"), Amount: part},
	}
	ours, theirs := *m, *m
	ours.Ctx, _ = m.Ctx.CacheContext()
	theirs.Ctx, _ = m.Ctx.CacheContext()
	_, err := ours.Emission.Pay(ours.Ctx, netuids[0], types.Payout{Epoch: 1, OwnerShare: m.OwnerShare(), Miners: pay})
	m.Must(err)
	ours.CheckMoney()

	amounts := map[string]uint64{}
	for _, p := range pay {
		amounts[p.Owner.String()] += p.Amount
	}
	var outputs []banktypes.Output
	var total uint64
	for _, e := range sends(ours.Ctx) { // in the order in which they were paid
		if e.Type == banktypes.EventTypeTransfer {
			to, err := sdk.AccAddressFromBech32(e.Attributes[0].Value)
			m.Must(err)
			amount := amounts[to.String()]
			if to.Equals(yumatest.Address("owner0")) {
				amount = budget.Owner
			}
			outputs, total = append(outputs, banktypes.NewOutput(to, network.Coins(amount))), total+amount
		}
	}
	if len(outputs) != 4 {
		t.Fatalf("%d were paid", len(outputs))
	}
	module := m.Account.GetModuleAddress(types.ModuleName)
	m.Must(theirs.Bank.InputOutputCoins(theirs.Ctx, banktypes.NewInput(module, network.Coins(total)), outputs))
	if a, b := sends(ours.Ctx)[:len(sends(theirs.Ctx))], sends(theirs.Ctx); !reflect.DeepEqual(a, b) {
		t.Errorf("events\n%v\nwant\n%v", a, b)
	}
	for _, name := range []string{"a", "b", "c", "owner0"} {
		have, want := ours.Account.GetAccount(ours.Ctx, yumatest.Address(name)), theirs.Account.GetAccount(theirs.Ctx, yumatest.Address(name))
		if ours.Balance(name) != theirs.Balance(name) || !reflect.DeepEqual(have, want) {
			t.Errorf("%s has %d in account %v, want %d in %v", name, ours.Balance(name), have, theirs.Balance(name), want)
		}
	}
	holders := func(m *yumatest.Market) *banktypes.QueryDenomOwnersResponse {
		res, err := m.Bank.DenomOwners(m.Ctx, &banktypes.QueryDenomOwnersRequest{Denom: network.Denom})
		m.Must(err)
		return res
	}
	for i, h := range holders(&theirs).DenomOwners {
		if o := holders(&ours).DenomOwners[i]; h.Address != module.String() && !reflect.DeepEqual(o, h) {
			t.Errorf("holder %d is %v, want %v", i, o, h)
		}
	}
}

// Pay that the account cannot cover is paid to nobody.
func TestNobodyIsPaidWhatIsNotThere(t *testing.T) {
	m, netuids := voted(t)
	mintFor(m, 12*time.Second)
	m.Must(m.Bank.BurnCoins(m.Ctx, types.ModuleName, network.Coins(m.Pending(netuids[0]).Total+m.Pending(netuids[1]).Total-1)))
	err := m.Try(func(ctx sdk.Context) error {
		_, err := m.Emission.Pay(ctx, netuids[0], types.Payout{Epoch: 1, OwnerShare: m.OwnerShare()})
		return err
	})
	m.Refuses(err, types.ErrBroken)
	if m.Balance("owner0") != 0 {
		t.Errorf("the owner has %d rao", m.Balance("owner0"))
	}
}

// outstanding is what a validator and its nominators may withdraw, in rao.
func outstanding(m *yumatest.Market, name string) uint64 {
	m.Helper()
	rewards, err := m.Distribution.GetValidatorOutstandingRewards(m.Ctx, sdk.ValAddress(yumatest.Address(name)))
	m.Must(err)
	return rewards.Rewards.AmountOf("rao").TruncateInt().Uint64()
}
