package keeper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/emission/types"
	"agora/chain/x/yuma/yumatest"
)

// All are paid in one transfer. If the bank refuses one of them in its middle, the others get their pay once, he none, and
// not even the account that the transfer would have opened for him remains.
func TestOneRefusedPaymentLeavesNoTraceAndHoldsUpNobody(t *testing.T) {
	m, netuids := voted(t)
	mintFor(m, 12*time.Second)
	m.Bank.AppendSendRestriction(func(_ context.Context, _, to sdk.AccAddress, _ sdk.Coins) (sdk.AccAddress, error) {
		if to.Equals(yumatest.Address("b")) {
			return nil, errors.New("not him")
		}
		return to, nil
	})
	budget, err := m.Emission.Pending(m.Ctx, netuids[0])
	m.Must(err)
	part := budget.Shared / 8
	earned := outstanding(m, "val0")
	paid, err := m.Emission.Pay(m.Ctx, netuids[0], types.Payout{
		Epoch: 1,
		Miners: []types.MinerPay{
			{Uid: 1, Owner: yumatest.Address("a"), Amount: part},
			{Uid: 2, Owner: yumatest.Address("b"), Amount: part},
			{Uid: 3, Owner: yumatest.Address("c"), Amount: part},
		},
		Validators: []types.ValidatorPay{
			{Uid: 0, Operator: yumatest.Address("val0").String(), Validator: validator(m, "val0"), Amount: part},
		},
	})
	m.Must(err)
	if m.Balance("a") != part || m.Balance("b") != 0 || m.Balance("c") != part || m.Balance("owner0") != budget.Owner {
		t.Errorf("a has %d, b %d, c %d, the owner %d", m.Balance("a"), m.Balance("b"), m.Balance("c"), m.Balance("owner0"))
	}
	for range 10 {
		mintFor(m, time.Second)
	}
	if got := outstanding(m, "val0") - earned; got != part {
		t.Errorf("the validator earned %d, want %d", got, part)
	}
	if paid.Owner != budget.Owner || paid.Miners != 2*part || paid.Validators != part || paid.Burned != paid.Total-paid.Owner-3*part {
		t.Errorf("%+v", paid)
	}
	if m.Account.HasAccount(m.Ctx, yumatest.Address("b")) {
		t.Error("the refused transfer opened an account")
	}
	m.CheckMoney()
}

// outstanding is what a validator and its nominators may withdraw, in rao.
func outstanding(m *yumatest.Market, name string) uint64 {
	m.Helper()
	rewards, err := m.Distribution.GetValidatorOutstandingRewards(m.Ctx, sdk.ValAddress(yumatest.Address(name)))
	m.Must(err)
	return rewards.Rewards.AmountOf("rao").TruncateInt().Uint64()
}
