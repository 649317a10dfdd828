package keeper_test

import (
	"testing"
	"time"

	"cosmossdk.io/core/header"
	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	vestingtypes "github.com/cosmos/cosmos-sdk/x/auth/vesting/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

// delegate bonds rao of a player to a validator.
func delegate(m *yumatest.Market, name, validator string, rao uint64) {
	m.Helper()
	_, err := stakingkeeper.NewMsgServerImpl(m.Staking).Delegate(m.Ctx, stakingtypes.NewMsgDelegate(m.Fund(name, rao),
		sdk.ValAddress(yumatest.Address(validator)).String(), sdk.NewCoin(network.Denom, sdkmath.NewIntFromUint64(rao))))
	m.Must(err)
}

// later lets the wait pass.
func later(m *yumatest.Market, wait time.Duration) {
	now := m.Ctx.BlockTime().Add(wait)
	m.Ctx = m.Ctx.WithBlockTime(now).WithHeaderInfo(header.Info{Height: m.Ctx.BlockHeight(), Time: now, ChainID: yumatest.ChainID})
}

// shares are what a player has of a validator.
func shares(m *yumatest.Market, name, validator string) sdkmath.LegacyDec {
	d, err := m.Staking.GetDelegation(m.Ctx, yumatest.Address(name), sdk.ValAddress(yumatest.Address(validator)))
	if err != nil {
		return sdkmath.LegacyZeroDec()
	}
	return d.Shares
}

// TestAnAccountMovesToAnotherKeyWithAllThatItHas moves a nominator who also mines and owns a subnet, between epochs that
// pay him, to an account that delegates to one of his validators itself.
func TestAnAccountMovesToAnotherKeyWithAllThatItHas(t *testing.T) {
	m := yumatest.New(t)
	netuid := m.Open("old", "chat")
	for _, name := range []string{"val0", "val1"} {
		m.Validate(name, 1_000*tao)
		m.Speak(name, netuid)
	}
	m.Register("old", netuid, "miner")
	m.Miners(netuid, "other", 2)
	delegate(m, "old", "val0", 300*tao)
	delegate(m, "old", "val1", 200*tao)
	delegate(m, "new", "val1", 50*tao)
	m.NextTempo(netuid)
	say := []yumatest.Opinion{{Voice: "val0", Uids: []uint32{3, 4}, Weights: []uint32{1, 1}}, {Voice: "val1", Uids: []uint32{3, 4}, Weights: []uint32{1, 1}}}
	m.RunTempo(netuid, say...)
	m.RunTempo(netuid, say...)
	m.Fund("old", 7*tao)
	old, fresh := yumatest.Address("old").String(), yumatest.Address("new").String()

	_, err := m.Subnet.AcceptKey(m.Ctx, fresh, old)
	m.Refuses(err, types.ErrNoChange)
	m.Must(m.Subnet.AnnounceKey(m.Ctx, old, fresh))
	_, err = m.Subnet.AcceptKey(m.Ctx, fresh, old)
	m.Refuses(err, types.ErrTooSoon)
	later(m, 72*time.Hour)
	_, err = m.Subnet.AcceptKey(m.Ctx, yumatest.Address("thief").String(), old)
	m.Refuses(err, types.ErrNoChange)
	tokens := m.Supply()
	moved, err := m.Subnet.AcceptKey(m.Ctx, fresh, old)
	m.Must(err)

	if moved.Delegations != 2 || moved.Neurons != 1 || moved.Subnets != 1 || moved.Balance <= 7*tao {
		t.Errorf("moved %+v, rewards and 7 TAO among the balance", moved)
	}
	if !shares(m, "new", "val0").Equal(sdkmath.LegacyNewDec(int64(300*tao))) || !shares(m, "new", "val1").Equal(sdkmath.LegacyNewDec(int64(250*tao))) {
		t.Errorf("the new account has %s and %s", shares(m, "new", "val0"), shares(m, "new", "val1"))
	}
	if !shares(m, "old", "val0").IsZero() || m.Balance("old") != 0 {
		t.Errorf("the old account keeps %s and %d rao", shares(m, "old", "val0"), m.Balance("old"))
	}
	if n, err := m.Subnet.NeuronsOfOwner(m.Ctx, fresh); err != nil || len(n) != 1 {
		t.Errorf("the new account owns %v, %v", n, err)
	}
	if s, err := m.Subnet.Subnet(m.Ctx, netuid); err != nil || s.Owner != fresh {
		t.Errorf("the subnet belongs to %s, %v", s.Owner, err)
	}
	if m.Supply() != tokens {
		t.Error("the move made or lost money")
	}
	m.RunTempo(netuid, say...)
	m.RunTempo(netuid, say...)
	m.CheckMoney()
	for _, i := range m.Subnet.Invariants(func(sdk.Context) uint64 {
		return m.Bank.GetBalance(m.Ctx, m.Account.GetModuleAddress(types.ModuleName), network.Denom).Amount.Uint64()
	}) {
		if err := i.Check(m.Ctx); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
	}
}

// TestBidsMoveWithTheirOwner moves an account that bids in two full subnets: the new one gets the seat, or the money back.
func TestBidsMoveWithTheirOwner(t *testing.T) {
	m := yumatest.New(t)
	var netuids []uint32
	for _, name := range []string{"chat", "text"} {
		netuid := m.Open("owner", name)
		m.Govern(netuid, types.MaxUids, 16)
		m.Govern(netuid, types.MaxBurn, tao)
		m.Govern(netuid, types.Immunity, 0)
		m.NextTempo(netuid)
		m.Miners(netuid, name, 16)
		netuids = append(netuids, netuid)
		m.Bid("old", netuid, "key of "+name, 3*tao)
		m.Bid("other", netuid, "other of "+name, 2*tao)
	}
	old, fresh := yumatest.Address("old").String(), m.Fund("new", 0)
	m.Must(m.Subnet.AnnounceKey(m.Ctx, old, fresh))
	later(m, 72*time.Hour)
	_, err := m.Subnet.AcceptKey(m.Ctx, fresh, old)
	m.Must(err)
	m.NextTempo(netuids[0])
	m.Must(m.Subnet.Dissolve(m.Ctx, m.Authority, netuids[1]))
	n, err := m.Subnet.NeuronOfHotKey(m.Ctx, netuids[0], yumatest.Public(yumatest.HotKey("key of chat")))
	m.Must(err)
	if n.Owner != fresh || m.Balance("new") != 5*tao || m.Balance("old") != 0 {
		t.Errorf("%s has the seat, the new account has %d and the old one %d", n.Owner, m.Balance("new"), m.Balance("old"))
	}
	m.CheckMoney()
}

func TestADisputeEndsAChangeOfKey(t *testing.T) {
	m := yumatest.New(t)
	old, fresh := m.Fund("old", tao), m.Fund("new", tao)
	for _, who := range []string{old, m.Authority} {
		m.Must(m.Subnet.AnnounceKey(m.Ctx, old, fresh))
		m.Refuses(m.Subnet.DisputeKey(m.Ctx, fresh, old), types.ErrNotAllowed)
		m.Must(m.Subnet.DisputeKey(m.Ctx, who, old))
		later(m, 72*time.Hour)
		_, err := m.Subnet.AcceptKey(m.Ctx, fresh, old)
		m.Refuses(err, types.ErrNoChange)
	}
	m.Refuses(m.Subnet.DisputeKey(m.Ctx, old, old), types.ErrNoChange)
}

// TestWhoCannotMove tries operators, hot keys, modules, an account whose coins vest, and one whose redelegation matures; what
// unbonds stays.
func TestWhoCannotMove(t *testing.T) {
	m := yumatest.New(t)
	netuid := m.Open("owner", "chat")
	m.Validate("val0", 1_000*tao)
	m.Validate("val1", 1_000*tao)
	m.Register("miner", netuid, "miner")
	old, fresh := m.Fund("old", 10*tao), m.Fund("new", tao)
	module := m.Account.GetModuleAddress(types.ModuleName).String()
	for _, c := range []struct {
		from, to string
		want     error
	}{
		{yumatest.Address("val0").String(), fresh, types.ErrNotAllowed},
		{yumatest.HotAccount("miner"), fresh, types.ErrNotAllowed},
		{module, fresh, types.ErrNotAllowed},
		{old, module, types.ErrCannotPay},
		{old, yumatest.HotAccount("miner"), types.ErrNotAllowed},
	} {
		m.Refuses(m.Subnet.AnnounceKey(m.Ctx, c.from, c.to), c.want)
	}
	vestingtypes.RegisterInterfaces(m.Codec.InterfaceRegistry())
	vests, err := vestingtypes.NewDelayedVestingAccount(authtypes.NewBaseAccountWithAddress(yumatest.Address("vests")),
		network.Coins(tao), m.Ctx.BlockTime().Add(365*24*time.Hour).Unix())
	m.Must(err)
	m.Account.SetAccount(m.Ctx, m.Account.NewAccount(m.Ctx, vests))
	m.Refuses(m.Subnet.AnnounceKey(m.Ctx, m.Fund("vests", tao), fresh), types.ErrNotAllowed)
	delegate(m, "old", "val0", 100*tao)
	server := stakingkeeper.NewMsgServerImpl(m.Staking)
	operator := func(name string) string { return sdk.ValAddress(yumatest.Address(name)).String() }
	coin := func(n int64) sdk.Coin { return sdk.NewCoin(network.Denom, sdkmath.NewInt(n*tao)) }
	_, err = server.BeginRedelegate(m.Ctx, stakingtypes.NewMsgBeginRedelegate(old, operator("val0"), operator("val1"), coin(40)))
	m.Must(err)
	_, err = server.Undelegate(m.Ctx, stakingtypes.NewMsgUndelegate(old, operator("val0"), coin(10)))
	m.Must(err)
	m.Must(m.Subnet.AnnounceKey(m.Ctx, old, fresh))
	later(m, 72*time.Hour)
	_, err = m.Subnet.AcceptKey(m.Ctx, fresh, old)
	m.Refuses(err, types.ErrTooSoon) // 21 days in this market
	_, err = server.Undelegate(m.Ctx, stakingtypes.NewMsgUndelegate(old, operator("val0"), coin(1)))
	m.Must(err)
	later(m, 22*24*time.Hour)
	_, err = m.Staking.EndBlocker(m.Ctx)
	m.Must(err)
	_, err = server.Undelegate(m.Ctx, stakingtypes.NewMsgUndelegate(old, operator("val0"), coin(5)))
	m.Must(err)
	_, err = m.Subnet.AcceptKey(m.Ctx, fresh, old)
	m.Must(err)
	unbonding, err := m.Staking.GetDelegatorUnbonding(m.Ctx, yumatest.Address("old"))
	m.Must(err)
	if !unbonding.Equal(sdkmath.NewInt(5 * tao)) {
		t.Errorf("%s rao unbond for the old account, want 5 TAO", unbonding)
	}
	m.CheckMoney()
}
