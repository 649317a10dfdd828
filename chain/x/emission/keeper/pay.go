package keeper

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	"agora/mechanism/emission"
)

// Pending returns what waits for a subnet's epoch and how it will be divided.
func (k *Keeper) Pending(ctx sdk.Context, netuid uint32) (emission.Budget, error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return emission.Budget{}, err
	}
	book, err := k.book.Get(ctx)
	if err != nil {
		return emission.Budget{}, err
	}
	return emission.Divide(book.Account(netuid).Pending, params.OwnerShare), nil
}

// Pay drains a subnet's pending emission: the owner's share to its owner, the miners' and validators' parts as payout
// says, all the rest burned. A payment that cannot be made is burned with an event. The error is ErrOverdrawn if payout
// promises more than half of the shared budget to miners or to validators; nothing is paid then.
func (k *Keeper) Pay(ctx sdk.Context, netuid uint32, payout types.Payout) (paid types.Paid, err error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return paid, err
	}
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return paid, err
	}
	owner, err := network.Account(subnet.Owner)
	if err != nil {
		return paid, err
	}
	return paid, k.edit(ctx, netuid, func(ledger *types.Ledger, account *types.Account) error {
		budget := emission.Divide(account.Pending, params.OwnerShare)
		if err := checkPayout(budget, payout); err != nil {
			return err
		}
		paid.Total = budget.Total
		if err := k.settle(ctx, netuid, owner, budget, payout, &paid); err != nil {
			return err
		}
		paid.Burned = paid.Total - paid.Owner - paid.Miners - paid.Validators
		book(ledger, account, paid)
		if payout.Earned {
			account.IncentiveEpochs = append(account.IncentiveEpochs[:0], payout.Epoch)
		}
		closeDemand(account)
		return k.burnUnpaid(ctx, ledger, account, paid.Burned)
	})
}

// Excuse keeps an epoch that decided nothing from counting as one in which no miner earned: what is carried over must not
// be withheld meanwhile.
func (k *Keeper) Excuse(ctx sdk.Context, netuid uint32) error {
	return k.edit(ctx, netuid, func(_ *types.Ledger, account *types.Account) error {
		if n := len(account.IncentiveEpochs); n > 0 {
			account.IncentiveEpochs[n-1]++
		}
		return nil
	})
}

// book moves what was paid from pending to paid.
func book(ledger *types.Ledger, account *types.Account, paid types.Paid) {
	given := paid.Total - paid.Burned
	account.Pending -= given
	account.PaidOwner += paid.Owner
	account.PaidMiners += paid.Miners
	account.PaidValidators += paid.Validators
	ledger.Pending -= given
	ledger.Paid += given
}

// checkPayout holds a payout to half of the shared budget for each side.
func checkPayout(budget emission.Budget, payout types.Payout) error {
	half := budget.Shared / 2
	miners, validators := half, half // what is left of each
	for _, p := range payout.Miners {
		if p.Amount > miners {
			return fmt.Errorf("%w: uid %d is promised %d, of %d for miners %d are left", types.ErrOverdrawn, p.Uid, p.Amount, half, miners)
		}
		miners -= p.Amount
	}
	for _, p := range payout.Validators {
		if p.Amount > validators {
			return fmt.Errorf("%w: uid %d is promised %d, of %d for validators %d are left", types.ErrOverdrawn, p.Uid, p.Amount, half, validators)
		}
		validators -= p.Amount
	}
	return nil
}

// settle pays the owner, the miners and the validators and counts in paid what they got: all at once, or one by one if
// that fails. What cannot be paid stays in the module's account for the caller to burn.
func (k *Keeper) settle(ctx sdk.Context, netuid uint32, owner sdk.AccAddress, budget emission.Budget, payout types.Payout,
	paid *types.Paid,
) error {
	dues, err := k.payable(ctx, netuid, owner, budget, payout, paid)
	if err != nil {
		return err
	}
	rewards, err := rewardable(ctx, netuid, payout.Validators)
	if err != nil {
		return err
	}
	if k.payAll(ctx, dues, rewards) != nil {
		return k.payEach(ctx, netuid, dues, rewards, paid)
	}
	for _, d := range dues {
		*d.paid += d.amount
	}
	for _, r := range rewards {
		paid.Validators += r.Amount
	}
	return nil
}

// payAll pays all dues and rewards or, with an error, none.
func (k *Keeper) payAll(ctx sdk.Context, dues []due, rewards []types.ValidatorPay) error {
	attempt, write := ctx.CacheContext()
	if err := k.transfer(attempt, dues); err != nil {
		return err
	}
	if err := k.allocate(attempt, rewards); err != nil {
		return err
	}
	write()
	return nil
}

// payEach pays dues and rewards one by one, adds to paid what it could, and says in events what it could not.
func (k *Keeper) payEach(ctx sdk.Context, netuid uint32, dues []due, rewards []types.ValidatorPay, paid *types.Paid) error {
	for _, d := range dues {
		if err := k.payAll(ctx, []due{d}, nil); err == nil {
			*d.paid += d.amount
		} else if err := refuse(ctx, netuid, d.to.String(), d.amount, err.Error()); err != nil {
			return err
		}
	}
	for _, r := range rewards {
		if err := k.payAll(ctx, nil, []types.ValidatorPay{r}); err == nil {
			paid.Validators += r.Amount
		} else if err := refuse(ctx, netuid, r.Operator, r.Amount, err.Error()); err != nil {
			return err
		}
	}
	return nil
}

// due is what one account is owed, in rao.
type due struct {
	to     sdk.AccAddress
	amount uint64
	paid   *uint64 // counts it once it is paid
}

// payable lists the dues of the owner and, in the order of addresses, of the miners; those of accounts that cannot
// receive coins are left out with an event.
func (k *Keeper) payable(ctx sdk.Context, netuid uint32, owner sdk.AccAddress, budget emission.Budget, payout types.Payout,
	paid *types.Paid,
) ([]due, error) {
	dues := append(make([]due, 0, len(payout.Miners)+1), due{owner, budget.Owner, &paid.Owner})
	dues = append(dues, owed(payout.Miners, owner, &paid.Miners)...)
	payable := dues[:0]
	for _, d := range dues {
		switch {
		case d.amount == 0:
		case k.bank.BlockedAddr(d.to):
			if err := refuse(ctx, netuid, d.to.String(), d.amount, "the account cannot receive coins"); err != nil {
				return nil, err
			}
		default:
			payable = append(payable, d)
		}
	}
	return payable, nil
}

// owed adds up the miners' pay by account, in the order of addresses. Pay of keys that belong to the subnet's owner is
// left out: he has his share.
func owed(miners []types.MinerPay, owner sdk.AccAddress, paid *uint64) []due {
	dues := make([]due, 0, len(miners))
	for _, m := range miners {
		if m.Amount > 0 && !m.Owner.Equals(owner) {
			dues = append(dues, due{m.Owner, m.Amount, paid})
		}
	}
	slices.SortStableFunc(dues, func(a, b due) int { return bytes.Compare(a.to, b.to) })
	merged := dues[:0]
	for _, d := range dues {
		if n := len(merged); n > 0 && merged[n-1].to.Equals(d.to) {
			merged[n-1].amount += d.amount
		} else {
			merged = append(merged, d)
		}
	}
	return merged
}

// transfer pays dues. After an error some may have been paid.
func (k *Keeper) transfer(ctx sdk.Context, dues []due) error {
	if len(dues) == 0 {
		return nil
	}
	var total uint64
	outputs := make([]banktypes.Output, len(dues))
	for i, d := range dues {
		outputs[i] = banktypes.NewOutput(d.to, network.Coins(d.amount))
		total += d.amount
	}
	return k.bank.InputOutputCoins(ctx, banktypes.NewInput(k.address, network.Coins(total)), outputs)
}

// rewardable lists what validators can be paid now; the others are left out with an event.
func rewardable(ctx sdk.Context, netuid uint32, pay []types.ValidatorPay) ([]types.ValidatorPay, error) {
	rewards := make([]types.ValidatorPay, 0, len(pay))
	for _, p := range pay {
		switch {
		case p.Amount == 0:
		case !counts(p.Validator):
			if err := refuse(ctx, netuid, p.Operator, p.Amount, "not bonded, jailed or without stake"); err != nil {
				return nil, err
			}
		default:
			rewards = append(rewards, p)
		}
	}
	return rewards, nil
}

// allocate books rewards for validators and their nominators and moves the coins to x/distribution. After an error some
// may have been booked.
func (k *Keeper) allocate(ctx context.Context, rewards []types.ValidatorPay) error {
	var total uint64
	for _, r := range rewards {
		coins := sdk.DecCoins{sdk.NewDecCoin(network.Denom, math.NewIntFromUint64(r.Amount))}
		if err := k.distribution.AllocateTokensToValidator(ctx, r.Validator, coins); err != nil {
			return err
		}
		total += r.Amount
	}
	if total == 0 {
		return nil
	}
	return k.bank.SendCoinsFromModuleToModule(ctx, types.ModuleName, distrtypes.ModuleName, network.Coins(total))
}

// refuse says in an event that a payment is burned instead.
func refuse(ctx sdk.Context, netuid uint32, recipient string, amount uint64, reason string) error {
	return ctx.EventManager().EmitTypedEvent(&types.PaymentBurned{
		Netuid: netuid, Recipient: recipient, Amount: amount, Reason: reason,
	})
}
