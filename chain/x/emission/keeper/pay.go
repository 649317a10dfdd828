package keeper

import (
	"bytes"
	"fmt"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
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
// says, all the rest burned. Owner and miners are paid at once, validators and their nominators in parts over the next
// tempo. A payment that cannot be made is burned with an event. The error is ErrOverdrawn if payout promises more than
// half of the shared budget to miners or to validators; nothing is paid then.
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
	tempo := k.subnets.Values(ctx)(netuid, subnettypes.Tempo)
	return paid, k.edit(ctx, func(b *books) error {
		account := b.book.Account(netuid)
		budget := emission.Divide(account.Pending, params.OwnerShare)
		if err := checkPayout(budget, payout); err != nil {
			return err
		}
		paid = types.Paid{Total: budget.Total, ByUID: make([]uint64, payout.Uids)}
		worked, err := k.payMiners(ctx, netuid, owner, budget, payout.Miners, &paid)
		if err != nil {
			return err
		}
		if err := k.promise(ctx, b, netuid, tempo, payout.Validators, &paid); err != nil {
			return err
		}
		paid.Burned = paid.Total - paid.Owner - paid.Miners - paid.Validators
		b.settle(account, paid)
		if worked {
			account.IncentiveEpochs = append(account.IncentiveEpochs[:0], payout.Epoch)
		}
		closeDemand(account)
		return k.burnUnpaid(ctx, &b.ledger, account, paid.Burned)
	})
}

// Excuse keeps an epoch that decided nothing from counting as one in which no miner was paid and, if somebody spoke in it,
// as one of the grace of a young subnet: what is carried over must not be withheld meanwhile.
func (k *Keeper) Excuse(ctx sdk.Context, netuid uint32, spoke bool) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	return k.edit(ctx, func(b *books) error {
		account := b.book.Account(netuid)
		if n := len(account.IncentiveEpochs); n > 0 {
			account.IncentiveEpochs[n-1]++
		} else if spoke && inGrace(ctx, params, subnet) {
			next := subnet.Epoch + 1
			account.IncentiveEpochs = []uint64{next - min(next, uint64(params.GateEpochs))}
		}
		return nil
	})
}

// settle moves what was paid from pending to paid; what was promised stays pending, but not of the next epoch.
func (b *books) settle(account *types.Account, paid types.Paid) {
	now := paid.Owner + paid.Miners
	account.Pending -= now + paid.Validators
	account.PaidOwner += paid.Owner
	account.PaidMiners += paid.Miners
	b.ledger.Pending -= now
	b.ledger.Paid += now
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

// payMiners pays the owner, the miners and the authors of what they serve, and counts in paid what they got: all at once, or
// one by one if that fails. What cannot be paid stays in the module's account for the caller to burn. It tells whether a
// miner worked for pay: one was paid, or would have been if there had been something to pay.
func (k *Keeper) payMiners(ctx sdk.Context, netuid uint32, owner sdk.AccAddress, budget emission.Budget, pay []types.MinerPay,
	paid *types.Paid,
) (worked bool, err error) {
	portions, err := k.payable(ctx, netuid, owner, pay)
	if err != nil {
		return false, err
	}
	dues := owed(portions)
	if budget.Owner > 0 {
		if k.bank.BlockedAddr(owner) {
			err = refuse(ctx, netuid, owner.String(), budget.Owner, blocked)
		} else {
			dues = append(dues, due{to: owner, amount: budget.Owner})
		}
	}
	if err != nil {
		return false, err
	}
	if k.transfer(ctx, dues) == nil {
		for _, d := range dues {
			d.credit(paid)
		}
	} else if err := k.payEach(ctx, netuid, dues, paid); err != nil {
		return false, err
	}
	return paid.Miners > 0 || budget.Shared/2 == 0 && len(portions) > 0, nil
}

// payEach pays dues one by one, counts in paid what it could, and says in events what it could not.
func (k *Keeper) payEach(ctx sdk.Context, netuid uint32, dues []due, paid *types.Paid) error {
	for _, d := range dues {
		if err := k.transfer(ctx, []due{d}); err == nil {
			d.credit(paid)
		} else if err := refuse(ctx, netuid, d.to.String(), d.amount, err.Error()); err != nil {
			return err
		}
	}
	return nil
}

// portion is what one account gets of one miner's pay, in rao.
type portion struct {
	uid      uint32
	to       sdk.AccAddress
	amount   uint64
	asAuthor bool // for having made what the miner serves
}

// due is what one account is owed, in rao.
type due struct {
	to     sdk.AccAddress
	amount uint64
	of     []portion // none for the subnet's owner
}

// credit counts a due as paid.
func (d due) credit(paid *types.Paid) {
	if d.of == nil {
		paid.Owner += d.amount
	}
	for _, p := range d.of {
		if p.asAuthor {
			paid.CreditAuthor(p.uid, p.amount)
		} else {
			paid.Credit(p.uid, p.amount, &paid.Miners)
		}
	}
}

// blocked is why an account's pay is burned.
const blocked = "the account cannot receive coins"

// payable lists the portions that can be paid, in the order of their accounts. Those of accounts that cannot receive coins
// are left out with an event; those of the subnet's owner, as miner or author, who has his share, without. What his own
// miners serve pays no author either: nothing goes around the burn.
func (k *Keeper) payable(ctx sdk.Context, netuid uint32, owner sdk.AccAddress, pay []types.MinerPay) ([]portion, error) {
	portions := make([]portion, 0, len(pay))
	for _, m := range pay {
		if m.Owner.Equals(owner) {
			continue
		}
		for _, p := range portionsOf(m) {
			switch {
			case p.to.Equals(owner):
			case k.bank.BlockedAddr(p.to):
				if err := refuse(ctx, netuid, p.to.String(), p.amount, blocked); err != nil {
					return nil, err
				}
			default:
				portions = append(portions, p)
			}
		}
	}
	slices.SortStableFunc(portions, func(a, b portion) int { return bytes.Compare(a.to, b.to) })
	return portions, nil
}

// portionsOf divides a miner's pay between its owner and the author of what it serves.
func portionsOf(m types.MinerPay) []portion {
	toAuthor := min(m.ToAuthor, m.Amount)
	portions := []portion{{uid: m.Uid, to: m.Owner, amount: m.Amount - toAuthor}}
	if toAuthor > 0 {
		portions = append(portions, portion{m.Uid, m.Author, toAuthor, true})
	}
	return portions
}

// owed adds up portions, which are in the order of their accounts, by account.
func owed(portions []portion) []due {
	dues := make([]due, 0, len(portions)+1)
	for from := 0; from < len(portions); {
		to, amount := from, uint64(0)
		for ; to < len(portions) && portions[to].to.Equals(portions[from].to); to++ {
			amount += portions[to].amount
		}
		if amount > 0 {
			dues = append(dues, due{portions[from].to, amount, portions[from:to]})
		}
		from = to
	}
	return dues
}

// transfer pays all dues in one send or, with an error, none.
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
	attempt, write := ctx.CacheContext()
	err := k.bank.InputOutputCoins(attempt, banktypes.NewInput(k.address, network.Coins(total)), outputs)
	if err == nil {
		write()
	}
	return err
}

// refuse says in an event that a payment is burned instead.
func refuse(ctx sdk.Context, netuid uint32, recipient string, amount uint64, reason string) error {
	return ctx.EventManager().EmitTypedEvent(&types.PaymentBurned{
		Netuid: netuid, Recipient: recipient, Amount: amount, Reason: reason,
	})
}
