package keeper

import (
	"bytes"
	"fmt"
	"slices"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

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
	budget, err := k.Pending(ctx, netuid)
	if err != nil {
		return paid, err
	}
	if err := checkPayout(budget, payout); err != nil {
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
	paid.Total = budget.Total
	if paid.Owner, err = k.payAccounts(ctx, netuid, []due{{owner, budget.Owner}}); err != nil {
		return paid, err
	}
	if paid.Miners, err = k.payAccounts(ctx, netuid, owed(payout.Miners, owner)); err != nil {
		return paid, err
	}
	if paid.Validators, err = k.payValidators(ctx, netuid, payout.Validators); err != nil {
		return paid, err
	}
	paid.Burned = paid.Total - paid.Owner - paid.Miners - paid.Validators
	return paid, k.edit(ctx, netuid, func(ledger *types.Ledger, account *types.Account) error {
		book(ledger, account, paid)
		if payout.Earned {
			account.IncentiveEpochs = append(account.IncentiveEpochs[:0], payout.Epoch)
		}
		closeDemand(account)
		return k.burnUnpaid(ctx, ledger, account, paid.Burned)
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

// due is what one account is owed, in rao.
type due struct {
	to     sdk.AccAddress
	amount uint64
}

// owed adds up the miners' pay by account, in the order of addresses. Pay of keys that belong to the subnet's owner is
// left out: he has his share.
func owed(miners []types.MinerPay, owner sdk.AccAddress) []due {
	dues := make([]due, 0, len(miners))
	for _, m := range miners {
		if m.Amount > 0 && !m.Owner.Equals(owner) {
			dues = append(dues, due{m.Owner, m.Amount})
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

// payAccounts pays all dues in one transfer, or one by one if that fails, and returns what was paid. What cannot be paid
// stays in the module's account for the caller to burn.
func (k *Keeper) payAccounts(ctx sdk.Context, netuid uint32, dues []due) (paid uint64, err error) {
	payable := make([]due, 0, len(dues))
	for _, d := range dues {
		switch {
		case d.amount == 0:
		case k.bank.BlockedAddr(d.to):
			if err := refuse(ctx, netuid, d.to.String(), d.amount, "the account cannot receive coins"); err != nil {
				return 0, err
			}
		default:
			payable = append(payable, d)
		}
	}
	if paid, err := k.transfer(ctx, payable); err == nil {
		return paid, nil
	}
	for _, d := range payable {
		one, err := k.transfer(ctx, []due{d})
		if err != nil {
			if err := refuse(ctx, netuid, d.to.String(), d.amount, err.Error()); err != nil {
				return 0, err
			}
		}
		paid += one
	}
	return paid, nil
}

// transfer pays all dues or, with an error, none.
func (k *Keeper) transfer(ctx sdk.Context, dues []due) (total uint64, err error) {
	if len(dues) == 0 {
		return 0, nil
	}
	outputs := make([]banktypes.Output, len(dues))
	for i, d := range dues {
		outputs[i] = banktypes.NewOutput(d.to, network.Coins(d.amount))
		total += d.amount
	}
	attempt, write := ctx.CacheContext()
	if err := k.bank.InputOutputCoins(attempt, banktypes.NewInput(k.address, network.Coins(total)), outputs); err != nil {
		return 0, err
	}
	write()
	return total, nil
}

// payValidators books rewards for validators and their nominators, reading each validator as it stands now, and moves
// the coins to x/distribution. It returns what was paid; the rest stays for the caller to burn.
func (k *Keeper) payValidators(ctx sdk.Context, netuid uint32, pay []types.ValidatorPay) (paid uint64, err error) {
	rewards := make([]reward, 0, len(pay))
	for _, p := range pay {
		if p.Amount == 0 {
			continue
		}
		validator, err := k.staking.GetValidator(ctx, p.Operator)
		if err != nil || !counts(validator) {
			if err := refuse(ctx, netuid, p.Operator.String(), p.Amount, "not bonded, jailed or without stake"); err != nil {
				return 0, err
			}
			continue
		}
		rewards = append(rewards, reward{validator, p.Amount})
	}
	if paid, err = k.allocateEach(ctx, netuid, rewards); err != nil || paid == 0 {
		return 0, err
	}
	return paid, k.bank.SendCoinsFromModuleToModule(ctx, types.ModuleName, distrtypes.ModuleName, network.Coins(paid))
}

// reward is what a validator and its nominators are owed, in rao.
type reward struct {
	validator stakingtypes.Validator
	amount    uint64
}

// allocateEach books all rewards at once, or one by one if that fails, and returns what was booked.
func (k *Keeper) allocateEach(ctx sdk.Context, netuid uint32, rewards []reward) (booked uint64, err error) {
	if booked, err := k.allocate(ctx, rewards); err == nil {
		return booked, nil
	}
	for _, r := range rewards {
		one, err := k.allocate(ctx, []reward{r})
		if err != nil {
			if err := refuse(ctx, netuid, r.validator.OperatorAddress, r.amount, err.Error()); err != nil {
				return 0, err
			}
		}
		booked += one
	}
	return booked, nil
}

// allocate books all rewards or, with an error, none.
func (k *Keeper) allocate(ctx sdk.Context, rewards []reward) (total uint64, err error) {
	attempt, write := ctx.CacheContext()
	for _, r := range rewards {
		coins := sdk.DecCoins{sdk.NewDecCoin(network.Denom, math.NewIntFromUint64(r.amount))}
		if err := k.distribution.AllocateTokensToValidator(attempt, r.validator, coins); err != nil {
			return 0, err
		}
		total += r.amount
	}
	write()
	return total, nil
}

// refuse says in an event that a payment is burned instead.
func refuse(ctx sdk.Context, netuid uint32, recipient string, amount uint64, reason string) error {
	return ctx.EventManager().EmitTypedEvent(&types.PaymentBurned{
		Netuid: netuid, Recipient: recipient, Amount: amount, Reason: reason,
	})
}
