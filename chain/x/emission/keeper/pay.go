package keeper

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/emission"
)

// OwnerShare returns the part of a subnet's emission, in 1/65,535, that goes to its owner in epochs of the tempos that begin
// now.
func (k *Keeper) OwnerShare(ctx sdk.Context) (uint32, error) {
	params, err := k.params.Get(ctx)
	return params.OwnerShare, err
}

// Pending returns what waits for a subnet's epoch and how it will be divided if ownerShare, in 1/65,535, is its owner's.
func (k *Keeper) Pending(ctx sdk.Context, netuid, ownerShare uint32) (emission.Budget, error) {
	book, err := k.book.Get(ctx)
	if err != nil {
		return emission.Budget{}, err
	}
	return emission.Divide(book.Account(netuid).Pending, ownerShare), nil
}

// Pay drains a subnet's pending emission: the owner's share that payout names to its owner, the miners' and validators' parts as payout
// says, all the rest burned. Owner and miners are paid at once, validators and their nominators in parts over the next
// tempo. A payment that cannot be made is burned with an event. The error is ErrOverdrawn if payout promises more than
// half of the shared budget to miners or to validators; nothing is paid then.
func (k *Keeper) Pay(ctx sdk.Context, netuid uint32, payout types.Payout) (paid types.Paid, err error) {
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
		budget := emission.Divide(account.Pending, payout.OwnerShare)
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

// payMiners pays the owner, the miners and the authors of what they serve, and counts in paid what they got. Whoever cannot be
// paid is left out: what is his stays in the module's account for the caller to burn. It tells whether a miner worked for
// pay: one was paid, or would have been if there had been something to pay.
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
	if err := k.transfer(ctx, dues); err != nil {
		return false, err
	}
	for _, d := range dues {
		d.credit(paid)
	}
	return paid.Miners > 0 || budget.Shared/2 == 0 && len(portions) > 0, nil
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

// transfer moves what is due from the module's account to others, none of them the module's own. It is one send of x/bank to
// many, with the events of one, without what x/bank does again for each of them: an epoch pays some hundred accounts, whose
// addresses and amounts are known to be good. The error is the store's, or ErrBroken if the account has less; the caller
// keeps nothing after one.
func (k *Keeper) transfer(ctx sdk.Context, dues []due) error {
	if len(dues) == 0 {
		return nil
	}
	boxed := context.Context(ctx) // once: a copy of the context for every read costs more than the read
	var total uint64
	for _, d := range dues {
		total += d.amount
	}
	has := k.bank.GetBalance(boxed, k.address, network.Denom)
	sum := network.Coins(total)
	if has.Amount.LT(sum[0].Amount) {
		return fmt.Errorf("%w: %d rao are due, the account has %s", types.ErrBroken, total, has.Amount)
	}
	if err := k.bank.UncheckedSetBalance(boxed, k.address, has.Sub(sum[0])); err != nil {
		return err
	}
	from := k.address.String()
	events := append(make(sdk.Events, 0, 2+2*len(dues)),
		sdk.NewEvent(sdk.EventTypeMessage, sdk.NewAttribute(banktypes.AttributeKeySender, from)), banktypes.NewCoinSpentEvent(k.address, sum))
	for _, d := range dues {
		if err := k.credit(boxed, d); err != nil {
			return err
		}
		to, amount := d.to.String(), strconv.FormatUint(d.amount, 10)+network.Denom
		events = append(events,
			sdk.NewEvent(banktypes.EventTypeCoinReceived,
				sdk.NewAttribute(banktypes.AttributeKeyReceiver, to), sdk.NewAttribute(sdk.AttributeKeyAmount, amount)),
			sdk.NewEvent(banktypes.EventTypeTransfer, sdk.NewAttribute(banktypes.AttributeKeyRecipient, to),
				sdk.NewAttribute(banktypes.AttributeKeySender, from), sdk.NewAttribute(sdk.AttributeKeyAmount, amount)))
	}
	ctx.EventManager().EmitEvents(events)
	return nil
}

// credit adds what is due to an account, which it opens if there is none.
func (k *Keeper) credit(ctx context.Context, d due) error {
	has := k.bank.GetBalance(ctx, d.to, network.Denom)
	has.Amount = has.Amount.Add(math.NewIntFromUint64(d.amount))
	if err := k.bank.UncheckedSetBalance(ctx, d.to, has); err != nil {
		return err
	}
	if !k.account.HasAccount(ctx, d.to) {
		k.account.SetAccount(ctx, k.account.NewAccountWithAddress(ctx, d.to))
	}
	return nil
}

// refuse says in an event that a payment is burned instead.
func refuse(ctx sdk.Context, netuid uint32, recipient string, amount uint64, reason string) error {
	return ctx.EventManager().EmitTypedEvent(&types.PaymentBurned{
		Netuid: netuid, Recipient: recipient, Amount: amount, Reason: reason,
	})
}
