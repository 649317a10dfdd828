package keeper

import (
	"math"
	"slices"
	"time"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
	"agora/mechanism/price"
)

// returnsPerBlock bounds the work of a block in which many held locks are due; the others wait for the next.
const returnsPerBlock = 16

// young tells whether a subnet's creation still raises the price of the next one's lock.
func young(ctx sdk.Context, subnet types.Subnet, params types.Params) bool {
	return ctx.BlockTime().Before(subnet.CreatedTime.Add(time.Duration(params.LockHalvingSeconds) * time.Second))
}

// release burns lock_burn_bps of a subnet's lock and gives the rest back to the owner. Of a subnet dissolved young all is
// burned that the lock cost above min_lock, as the price stays where it raised it, and the rest is held for
// lock_halving_seconds: who shuts others out by creating and dissolving pays for it. All is burned if the owner cannot be
// paid. The event says what became of the lock.
func (k *Keeper) release(ctx sdk.Context, subnet types.Subnet) (freed types.SubnetDissolved, err error) {
	params, err := k.Params(ctx)
	if err != nil {
		return freed, err
	}
	back := subnet.Lock
	early := young(ctx, subnet, params)
	if early {
		back = min(back, params.MinLock)
	}
	_, back = price.Part(back, uint64(params.LockBurnBps))
	if owner, err := network.Account(subnet.Owner); err != nil || k.bank.BlockedAddr(owner) {
		back = 0
	}
	if freed.Burned = subnet.Lock - back; freed.Burned > 0 {
		if err := k.burner.BurnFrom(ctx, types.ModuleName, freed.Burned, "subnet dissolved"); err != nil {
			return freed, err
		}
	}
	lock := types.HeldLock{Netuid: subnet.Netuid, Owner: subnet.Owner, Amount: back, DueUnixNano: ctx.BlockTime().UnixNano()}
	if early {
		freed.Held = back
		lock.DueUnixNano += int64(params.LockHalvingSeconds) * int64(time.Second)
		return freed, k.hold(ctx, lock)
	}
	freed.Refunded = back
	return freed, k.payBack(ctx, lock)
}

// hold keeps a lock until it is due.
func (k *Keeper) hold(ctx sdk.Context, lock types.HeldLock) error {
	if lock.Amount == 0 {
		return nil
	}
	return k.held.Set(ctx, lock.Key(), lock)
}

// payBack sends a lock to its owner, or burns it if he cannot receive coins any more.
func (k *Keeper) payBack(ctx sdk.Context, lock types.HeldLock) error {
	if lock.Amount == 0 {
		return nil
	}
	owner, err := network.Account(lock.Owner)
	if err != nil || k.bank.BlockedAddr(owner) {
		return k.burner.BurnFrom(ctx, types.ModuleName, lock.Amount, "lock without an owner")
	}
	return k.bank.SendCoinsFromModuleToAccount(ctx, types.ModuleName, owner, network.Coins(lock.Amount))
}

// EndBlock pays held locks back that are due.
func (k *Keeper) EndBlock(ctx sdk.Context) error {
	var due []types.HeldLock
	until := new(collections.Range[collections.Pair[int64, uint32]]).
		EndInclusive(collections.Join(ctx.BlockTime().UnixNano(), uint32(math.MaxUint32)))
	err := k.held.Walk(ctx, until, func(_ collections.Pair[int64, uint32], lock types.HeldLock) (bool, error) {
		due = append(due, lock)
		return len(due) == returnsPerBlock, nil
	})
	if err != nil {
		return err
	}
	for _, lock := range due {
		if err := k.held.Remove(ctx, lock.Key()); err != nil {
			return err
		}
		if err := k.payBack(ctx, lock); err != nil {
			return err
		}
		if err := k.emit(ctx, &types.LockReturned{Netuid: lock.Netuid, Owner: lock.Owner, Amount: lock.Amount}); err != nil {
			return err
		}
	}
	return nil
}

// forgetCreation gives a dissolved subnet's place among the creations of its day back. The price stays raised.
func (k *Keeper) forgetCreation(ctx sdk.Context, subnet types.Subnet) error {
	book, err := k.book.Get(ctx)
	if err != nil {
		return err
	}
	i := slices.Index(book.CreationsUnixNano, subnet.CreatedTime.UnixNano())
	if i < 0 {
		return nil
	}
	book.CreationsUnixNano = slices.Delete(book.CreationsUnixNano, i, i+1)
	return k.book.Set(ctx, book)
}
