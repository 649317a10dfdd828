package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/x/market/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/voucher"
)

// verifyGas is what looking at a signature costs, as for an ed25519 key that signs a transaction.
const verifyGas = 590

// Claim pays vouchers to the payees of their channels, and says of each what became of it. Those that pay nothing fail no
// other: an error is the store's or the bank's.
func (k *Keeper) Claim(ctx sdk.Context, vouchers []types.Voucher) ([]types.Result, error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return nil, err
	}
	t := &till{k: k, bps: params.BurnBps, serves: map[string]bool{}, places: map[string]int{}}
	results := make([]types.Result, len(vouchers))
	for i, v := range vouchers {
		if results[i], err = t.settle(ctx, v); err != nil {
			return nil, err
		}
	}
	if err := t.empty(ctx); err != nil {
		return nil, err
	}
	return results, k.emit(ctx, t.event(results))
}

// till collects what a claim pays and burns, so that each payee and each subnet is booked once.
type till struct {
	k        *Keeper
	bps      uint64
	serves   map[string]bool // by payee: has a profile
	places   map[string]int  // by payee, in payments
	payments []payment
	claimed  voucher.Parts
	burned   voucher.Parts
}

// settle looks at one voucher. What costs least is looked at first.
func (t *till) settle(ctx sdk.Context, v types.Voucher) (types.Result, error) {
	result := types.Result{Channel: v.Channel}
	c, err := t.k.Channel(ctx, v.Channel)
	if errors.Is(err, types.ErrNoChannel) {
		result.Refused = "no such channel"
		return result, nil
	}
	if err != nil {
		return result, err
	}
	paid, err := t.pays(ctx, c, v)
	if err != nil {
		result.Refused = err.Error()
		return result, nil
	}
	burned, err := t.burns(ctx, c, paid)
	if err != nil {
		return result, err
	}
	result.Burned = burned.Total()
	result.Paid = paid.Total() - result.Burned
	t.add(c.Payee, result.Paid)
	t.claimed, t.burned = t.claimed.Plus(paid), t.burned.Plus(burned)
	c.Pay(paid)
	return result, t.k.setPaid(ctx, c)
}

// pays is what a voucher pays of a channel now; the error says why nothing.
func (t *till) pays(ctx sdk.Context, c types.Channel, v types.Voucher) (voucher.Parts, error) {
	promise := v.Promise()
	paid, err := voucher.Settle(c.Terms(), promise, v.UpTo)
	if err != nil {
		return nil, err
	}
	if promise.Expired(ctx.BlockTime().Unix()) {
		return nil, voucher.ErrExpired
	}
	if t.k.bank.BlockedAddr(c.Payee) {
		return nil, types.ErrCannotPay
	}
	ctx.GasMeter().ConsumeGas(verifyGas, "voucher signature")
	return paid, promise.Verify(ctx.ChainID(), c.Key, v.Signature)
}

// burns is the part of a payment that is burned: what a consumer pays to a validator in the directory. Who operates a
// validator himself is no consumer.
func (t *till) burns(ctx sdk.Context, c types.Channel, paid voucher.Parts) (voucher.Parts, error) {
	serves, err := t.inDirectory(ctx, c.Payee)
	if err != nil || !serves {
		return nil, err
	}
	_, err = t.k.staking.GetValidator(ctx, sdk.ValAddress(c.Payer))
	if err == nil {
		return nil, nil
	}
	if !errors.Is(err, stakingtypes.ErrNoValidatorFound) {
		return nil, err
	}
	return paid.Burned(t.bps), nil
}

// inDirectory tells whether an account is an operator with a profile.
func (t *till) inDirectory(ctx sdk.Context, payee sdk.AccAddress) (bool, error) {
	serves, known := t.serves[string(payee)]
	if known {
		return serves, nil
	}
	profile, err := t.k.subnets.Profile(ctx, payee.String())
	if err != nil {
		return false, err
	}
	serves = len(profile.Addresses) > 0 || profile.GatewayUrl != ""
	t.serves[string(payee)] = serves
	return serves, nil
}

func (t *till) add(payee sdk.AccAddress, amount uint64) {
	i, known := t.places[string(payee)]
	if !known {
		i = len(t.payments)
		t.places[string(payee)] = i
		t.payments = append(t.payments, payment{to: payee})
	}
	t.payments[i].amount += amount
}

// empty pays, burns and counts what was collected.
func (t *till) empty(ctx sdk.Context) error {
	if len(t.claimed) == 0 {
		return nil
	}
	if err := t.k.payOut(ctx, t.payments); err != nil {
		return err
	}
	for _, part := range t.burned {
		if err := t.k.burn(ctx, part); err != nil {
			return err
		}
	}
	for _, part := range t.claimed {
		if err := t.k.turn(ctx, part, t.burned.Of(part.Netuid)); err != nil {
			return err
		}
	}
	return t.k.count(ctx, types.Totals{Claimed: t.claimed.Total()})
}

// burn destroys a subnet's part and counts it as its demand; netuid 0 and subnets that are gone have none.
func (k *Keeper) burn(ctx sdk.Context, part voucher.Part) error {
	if part.Netuid > 0 {
		_, err := k.subnets.Subnet(ctx, part.Netuid)
		if err == nil {
			return k.furnace.BurnFee(ctx, types.ModuleName, part.Netuid, part.Amount)
		}
		if !errors.Is(err, subnettypes.ErrNoSubnet) {
			return err
		}
	}
	return k.furnace.BurnFrom(ctx, types.ModuleName, part.Amount, fmt.Sprintf("payments in netuid %d", part.Netuid))
}

// turn adds to what was claimed for a subnet.
func (k *Keeper) turn(ctx sdk.Context, part voucher.Part, burned uint64) error {
	turnover, err := k.turnovers.Get(ctx, part.Netuid)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return err
	}
	turnover.Netuid = part.Netuid
	turnover.Claimed += part.Amount
	turnover.Burned += burned
	return k.turnovers.Set(ctx, part.Netuid, turnover)
}

func (t *till) event(results []types.Result) *types.Claimed {
	event := &types.Claimed{Results: results, Burned: t.burned.Total()}
	for _, p := range t.payments {
		event.Payments = append(event.Payments, types.Payment{Payee: p.to.String(), Amount: p.amount})
	}
	return event
}
