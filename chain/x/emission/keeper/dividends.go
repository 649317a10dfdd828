package keeper

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	"agora/mechanism/emission"
)

// promise keeps what an epoch of netuid pays validators, to be paid in parts over the next tempo. Of an earlier promise
// nothing is left by then, unless the tempo became shorter: then it is paid at once. Those that cannot be paid now are
// left out with an event.
func (k *Keeper) promise(ctx sdk.Context, b *books, netuid uint32, tempo int64, pay []types.ValidatorPay, paid *types.Paid) error {
	entries, err := promised(ctx, netuid, pay, paid)
	if err != nil || len(entries) == 0 {
		return err
	}
	if flow, some := b.book.Flow(netuid); some {
		if err := k.payFlows(ctx, b, []owing{{flow, flow.Course().Of - flow.Given}}); err != nil {
			return err
		}
	}
	b.ledger.Promised += paid.Validators
	b.book.SetFlow(types.NewFlow(netuid, emission.NewFlow(ctx.BlockHeight(), tempo)))
	return k.dividends.Set(ctx, netuid, types.Dividends{Netuid: netuid, Entries: entries})
}

// promised lists what validators can be promised, by operator.
func promised(ctx sdk.Context, netuid uint32, pay []types.ValidatorPay, paid *types.Paid) ([]types.Dividend, error) {
	entries := make([]types.Dividend, 0, len(pay))
	for _, p := range pay {
		switch {
		case p.Amount == 0:
		case !counts(p.Validator):
			if err := refuse(ctx, netuid, p.Operator, p.Amount, notPayable); err != nil {
				return nil, err
			}
		default:
			operator, err := network.Account(p.Operator)
			if err != nil {
				return nil, err
			}
			entries = append(entries, types.Dividend{Operator: operator, Amount: p.Amount})
			paid.Credit(p.Uid, p.Amount, &paid.Validators)
		}
	}
	slices.SortFunc(entries, func(a, b types.Dividend) int { return bytes.Compare(a.Operator, b.Operator) })
	return entries, nil
}

// Why a validator's pay is burned: of an epoch, of a promise.
const (
	notPayable = "not bonded, jailed or without stake"
	noStake    = "without stake"
)

// owing is a subnet's promise of which some parts are due.
type owing struct {
	flow types.Flow
	due  uint32
}

// payParts pays the parts of all subnets' dividends that are due at a height.
func (k *Keeper) payParts(ctx sdk.Context, b *books, height int64) error {
	var owed []owing
	for _, f := range b.book.Flows {
		if due := f.Course().Until(height); due > 0 {
			owed = append(owed, owing{f, due})
		}
	}
	return k.payFlows(ctx, b, owed)
}

// payFlows pays the due parts, each validator's of all subnets in one booking. They were earned, so a validator that was
// jailed since gets them too, and with it whoever still has stake in it; only where no stake is left are they burned and
// announced.
func (k *Keeper) payFlows(ctx sdk.Context, b *books, owed []owing) error {
	if len(owed) == 0 {
		return nil
	}
	parts, err := k.takeParts(ctx, b, owed)
	if err != nil {
		return err
	}
	rewards, refused, err := k.rewards(ctx, parts)
	if err != nil {
		return err
	}
	if k.bookAll(ctx, rewards) != nil {
		rewards, refused = k.bookEach(ctx, rewards, refused)
	}
	var burned uint64
	for _, r := range rewards {
		for _, p := range r.parts {
			b.payPart(p)
		}
	}
	for _, p := range refused {
		b.burnPart(p)
		burned += p.amount
		if err := refuse(ctx, p.netuid, sdk.AccAddress(p.operator).String(), p.amount, noStake); err != nil {
			return err
		}
	}
	if burned == 0 {
		return nil
	}
	return k.bank.BurnCoins(ctx, types.ModuleName, network.Coins(burned))
}

// part is what one validator is due for one subnet.
type part struct {
	operator []byte
	netuid   uint32
	amount   uint64
}

// takeParts lists the due parts by operator, then netuid, and advances the flows; those that are done are forgotten.
func (k *Keeper) takeParts(ctx sdk.Context, b *books, owed []owing) ([]part, error) {
	var parts []part
	for _, o := range owed {
		dividends, err := k.dividends.Get(ctx, o.flow.Netuid)
		if err != nil {
			return nil, err
		}
		course := o.flow.Course()
		for _, d := range dividends.Entries {
			if amount := course.Due(d.Amount, o.due); amount > 0 {
				parts = append(parts, part{d.Operator, o.flow.Netuid, amount})
			}
		}
		if course = course.After(o.due); !course.Done() {
			b.book.SetFlow(types.NewFlow(o.flow.Netuid, course))
			continue
		}
		b.book.EndFlow(o.flow.Netuid)
		if err := k.dividends.Remove(ctx, o.flow.Netuid); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return bytes.Compare(a.operator, b.operator) })
	return parts, nil
}

// reward is one booking: what a validator and its nominators get in a block.
type reward struct {
	validator stakingtypes.Validator
	amount    uint64
	parts     []part
}

// rewards adds up parts by validator and sets those of validators aside that nobody has stake in.
func (k *Keeper) rewards(ctx sdk.Context, parts []part) (rewards []reward, refused []part, err error) {
	boxed := context.Context(ctx)
	for from := 0; from < len(parts); {
		to, amount := from, uint64(0)
		for ; to < len(parts) && bytes.Equal(parts[to].operator, parts[from].operator); to++ {
			amount += parts[to].amount
		}
		of := parts[from:to]
		validator, err := k.staking.GetValidator(boxed, parts[from].operator)
		switch {
		case err == nil && validator.Tokens.IsPositive():
			rewards = append(rewards, reward{validator, amount, of})
		case err == nil || errors.Is(err, stakingtypes.ErrNoValidatorFound):
			refused = append(refused, of...)
		default:
			return nil, nil, err
		}
		from = to
	}
	return rewards, refused, nil
}

// bookAll books rewards for validators and their nominators and moves the coins to x/distribution; after an error, none.
func (k *Keeper) bookAll(ctx sdk.Context, rewards []reward) error {
	var total uint64
	attempt, write := ctx.CacheContext()
	boxed := context.Context(attempt)
	for _, r := range rewards {
		coins := sdk.DecCoins{sdk.NewDecCoin(network.Denom, math.NewIntFromUint64(r.amount))}
		if err := k.distribution.AllocateTokensToValidator(boxed, r.validator, coins); err != nil {
			return err
		}
		total += r.amount
	}
	if total == 0 {
		return nil
	}
	err := k.bank.SendCoinsFromModuleToModule(attempt, types.ModuleName, distrtypes.ModuleName, network.Coins(total))
	if err == nil {
		write()
	}
	return err
}

// bookEach books rewards one by one, returns those that it could and adds the parts of the others to refused.
func (k *Keeper) bookEach(ctx sdk.Context, rewards []reward, refused []part) ([]reward, []part) {
	booked := rewards[:0]
	for _, r := range rewards {
		if k.bookAll(ctx, []reward{r}) == nil {
			booked = append(booked, r)
		} else {
			refused = append(refused, r.parts...)
		}
	}
	return booked, refused
}

// Waiting tells what of past epochs is still to be paid, by operator.
func (k *Keeper) Waiting(ctx sdk.Context) (all []types.Waiting, err error) {
	book, err := k.book.Get(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range book.Flows {
		dividends, err := k.dividends.Get(ctx, f.Netuid)
		if err != nil {
			return nil, err
		}
		course := f.Course()
		last := f.Next + int64(f.Of-f.Given-1)*f.Step
		for _, d := range dividends.Entries {
			operator := sdk.AccAddress(d.Operator).String()
			i, found := slices.BinarySearchFunc(all, operator, types.Waiting.Compare)
			if !found {
				all = slices.Insert(all, i, types.Waiting{Operator: operator, NextHeight: f.Next})
			}
			w := &all[i]
			w.Waiting += course.Left(d.Amount)
			w.NextHeight, w.LastHeight = min(w.NextHeight, f.Next), max(w.LastHeight, last)
		}
	}
	return all, nil
}
