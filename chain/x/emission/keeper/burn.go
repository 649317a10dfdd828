package keeper

import (
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
)

// BurnFrom destroys amount rao in the account of module and says why in an event. It is how every module of ours burns.
func (k *Keeper) BurnFrom(ctx sdk.Context, module string, amount uint64, reason string) error {
	if amount == 0 {
		return nil
	}
	if err := k.bank.SendCoinsFromModuleToModule(ctx, module, types.ModuleName, network.Coins(amount)); err != nil {
		return err
	}
	if err := k.bank.BurnCoins(ctx, types.ModuleName, network.Coins(amount)); err != nil {
		return err
	}
	ledger, err := k.ledger.Get(ctx)
	if err != nil {
		return err
	}
	ledger.BurnedOther += amount
	if err := k.ledger.Set(ctx, ledger); err != nil {
		return err
	}
	return ctx.EventManager().EmitTypedEvent(&types.Burned{Amount: amount, Reason: reason})
}

// BurnFee destroys amount rao that consumers paid for work in netuid and counts them as its demand.
func (k *Keeper) BurnFee(ctx sdk.Context, module string, netuid uint32, amount uint64) error {
	if err := k.BurnFrom(ctx, module, amount, fmt.Sprintf("fees of subnet %d", netuid)); err != nil {
		return err
	}
	return k.edit(ctx, func(b *books) error {
		b.book.Account(netuid).DemandBurned += amount
		return nil
	})
}

// BurnPending destroys a subnet's pending emission unpaid, says why in an event, and returns how much it was.
func (k *Keeper) BurnPending(ctx sdk.Context, netuid uint32, reason string) (amount uint64, err error) {
	err = k.edit(ctx, func(b *books) error {
		account := b.book.Account(netuid)
		amount = account.Pending
		closeDemand(account)
		return k.burnUnpaid(ctx, &b.ledger, account, amount)
	})
	if err != nil || amount == 0 {
		return 0, err
	}
	return amount, ctx.EventManager().EmitTypedEvent(&types.PendingBurned{Netuid: netuid, Amount: amount, Reason: reason})
}

// burnUnpaid destroys amount rao of an account's pending emission and books it.
func (k *Keeper) burnUnpaid(ctx sdk.Context, ledger *types.Ledger, account *types.Account, amount uint64) error {
	if amount == 0 {
		return nil
	}
	if amount > account.Pending {
		return fmt.Errorf("%w: burn %d of %d pending in subnet %d", types.ErrOverdrawn, amount, account.Pending, account.Netuid)
	}
	account.Pending -= amount
	account.Burned += amount
	ledger.Pending -= amount
	ledger.Burned += amount
	return k.bank.BurnCoins(ctx, types.ModuleName, network.Coins(amount))
}

// demandMemory is the number of epochs over which fees are averaged.
const demandMemory = 8

// closeDemand ends a subnet's demand window at its epoch: the fees burned in it enter the average, and what they have
// not earned by now they never will.
func closeDemand(account *types.Account) {
	account.DemandSmoothed += account.DemandBurned / demandMemory
	account.DemandSmoothed -= account.DemandSmoothed / demandMemory
	account.DemandBurned, account.DemandGranted = 0, 0
}
