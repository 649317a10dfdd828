package keeper

import (
	"errors"
	"fmt"
	"time"

	"cosmossdk.io/collections"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
	"agora/mechanism/price"
)

// firstBurn is the registration price of a new subnet, in rao.
const firstBurn = network.TAO

// Why a subnet is dissolved, as the event says.
const (
	byOwner      = "owner"
	byGovernance = "governance"
	byPruning    = "pruned"
)

// Create opens a subnet for sender and takes its lock. maxLock (rao) bounds the lock, 0 is no bound.
// When max_subnets exist, the one with the lowest smoothed emission that is not immune is dissolved.
// Errors: ErrNameTaken, ErrTooSoon, ErrTooExpensive, ErrNoRoom, ErrCannotPay, ErrNotAllowed, or the bank's.
func (k *Keeper) Create(ctx sdk.Context, sender, name string, mechanism types.Mechanism, identity types.Identity, maxLock uint64) (types.Subnet, error) {
	owner, err := k.payee(ctx, sender)
	if err != nil {
		return types.Subnet{}, err
	}
	if taken, err := k.names.Has(ctx, name); err != nil || taken {
		return types.Subnet{}, errors.Join(err, fmt.Errorf("%w: %s", types.ErrNameTaken, name))
	}
	book, err := k.openBook(ctx)
	if err != nil {
		return types.Subnet{}, err
	}
	lock, err := k.CreatePrice(ctx)
	if err != nil {
		return types.Subnet{}, err
	}
	if maxLock > 0 && lock > maxLock {
		return types.Subnet{}, fmt.Errorf("%w: the lock is %d rao, the maximum %d", types.ErrTooExpensive, lock, maxLock)
	}
	if err := k.makeRoom(ctx); err != nil {
		return types.Subnet{}, err
	}
	if err := k.bank.SendCoinsFromAccountToModule(ctx, owner, types.ModuleName, network.Coins(lock)); err != nil {
		return types.Subnet{}, fmt.Errorf("lock %d rao: %w", lock, err)
	}
	subnet := types.Subnet{
		Netuid: book.NextNetuid, Owner: sender, Name: name, Mechanism: mechanism, Identity: identity, Lock: lock,
		CreatedHeight: ctx.BlockHeight(), CreatedTime: ctx.BlockTime(),
	}
	return subnet, k.open(ctx, subnet, book)
}

// open writes a new subnet and the creation that the next one's price and rate depend on.
func (k *Keeper) open(ctx sdk.Context, subnet types.Subnet, book types.CreationBook) error {
	now := ctx.BlockTime().UnixNano()
	book.NextNetuid++
	book.LastLock, book.LastLockUnixNano = subnet.Lock, now
	book.CreationsUnixNano = append(book.CreationsUnixNano, now)
	if err := k.book.Set(ctx, book); err != nil {
		return err
	}
	k.beginTempo(ctx, &subnet)
	subnet.BurnPrice = firstBurn
	if err := k.putSubnet(ctx, subnet); err != nil {
		return err
	}
	return k.emit(ctx, &types.SubnetCreated{Netuid: subnet.Netuid, Owner: subnet.Owner, Name: subnet.Name, Lock: subnet.Lock})
}

// openBook returns the creations of the last 24 hours; ErrTooSoon if they are as many as a day may have.
func (k *Keeper) openBook(ctx sdk.Context) (types.CreationBook, error) {
	book, err := k.book.Get(ctx)
	if err != nil {
		return book, err
	}
	params, err := k.Params(ctx)
	if err != nil {
		return book, err
	}
	dayAgo := ctx.BlockTime().Add(-24 * time.Hour).UnixNano()
	for len(book.CreationsUnixNano) > 0 && book.CreationsUnixNano[0] <= dayAgo {
		book.CreationsUnixNano = book.CreationsUnixNano[1:]
	}
	if n := len(book.CreationsUnixNano); n >= int(params.MaxCreationsPerDay) {
		again := time.Unix(0, book.CreationsUnixNano[n-int(params.MaxCreationsPerDay)]).Add(24 * time.Hour).UTC()
		return book, fmt.Errorf("%w: %d subnets were created in 24 hours; try again after %s",
			types.ErrTooSoon, n, again.Format(time.RFC3339))
	}
	return book, nil
}

// CreatePrice is the lock of a new subnet now, in rao.
func (k *Keeper) CreatePrice(ctx sdk.Context) (uint64, error) {
	params, err := k.Params(ctx)
	if err != nil {
		return 0, err
	}
	book, err := k.book.Get(ctx)
	if err != nil {
		return 0, err
	}
	elapsed := max(0, ctx.BlockTime().UnixNano()-book.LastLockUnixNano)
	period := params.LockHalvingSeconds * uint64(time.Second)
	return price.Lock(book.LastLock, uint64(elapsed), period, params.MinLock), nil
}

// makeRoom dissolves the weakest subnet if max_subnets exist. The error is ErrNoRoom if all are immune.
func (k *Keeper) makeRoom(ctx sdk.Context) error {
	params, err := k.Params(ctx)
	if err != nil {
		return err
	}
	var count uint32
	var weakest *types.Subnet
	var lowest uint64
	young := ctx.BlockTime().Add(-time.Duration(params.SubnetImmunitySeconds) * time.Second)
	err = k.EachSubnet(ctx, func(subnet types.Subnet) (bool, error) {
		count++
		if subnet.CreatedTime.After(young) {
			return false, nil
		}
		smoothed, err := k.smoothedNow(ctx, subnet.Netuid)
		if weakest == nil || smoothed < lowest {
			weakest, lowest = &subnet, smoothed
		}
		return err != nil, err
	})
	if err != nil || count < params.MaxSubnets {
		return err
	}
	if weakest == nil {
		return fmt.Errorf("%w: %d subnets exist and all are immune", types.ErrNoRoom, count)
	}
	return k.remove(ctx, *weakest, byPruning)
}

// Start starts the emission and the epochs of netuid for its owner.
// Errors: ErrNoSubnet, ErrNotAllowed, ErrStarted.
func (k *Keeper) Start(ctx sdk.Context, sender string, netuid uint32) error {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	if sender != subnet.Owner {
		return fmt.Errorf("%w: %s does not own netuid %d", types.ErrNotAllowed, sender, netuid)
	}
	if subnet.Started {
		return fmt.Errorf("%w: netuid %d at block %d", types.ErrStarted, netuid, subnet.StartedHeight)
	}
	k.start(ctx, &subnet)
	if err := k.subnets.Set(ctx, netuid, subnet); err != nil {
		return err
	}
	voices, err := k.Stakes(ctx, netuid)
	if err != nil {
		return err
	}
	if err := k.hooks.AfterTempoBegan(ctx, netuid, voices); err != nil {
		return err
	}
	return k.emit(ctx, &types.SubnetStarted{Netuid: netuid})
}

// start sets the calendar going in the next block.
func (k *Keeper) start(ctx sdk.Context, subnet *types.Subnet) {
	subnet.Started, subnet.StartedHeight = true, ctx.BlockHeight()
	k.beginTempo(ctx, subnet)
	subnet.TempoStart = firstTempo(ctx.BlockHeight()+1, subnet.Netuid, subnet.Tempo)
}

// Dissolve closes netuid for its owner or governance. Errors: ErrNoSubnet, ErrNotAllowed.
func (k *Keeper) Dissolve(ctx sdk.Context, sender string, netuid uint32) error {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	switch sender {
	case subnet.Owner:
		return k.remove(ctx, subnet, byOwner)
	case k.authority:
		return k.remove(ctx, subnet, byGovernance)
	}
	return fmt.Errorf("%w: %s neither owns netuid %d nor is governance", types.ErrNotAllowed, sender, netuid)
}

// remove deletes a subnet with everything in it and returns its lock, less the part that is burned.
func (k *Keeper) remove(ctx sdk.Context, subnet types.Subnet, reason string) error {
	ctx.GasMeter().ConsumeGas(uint64(subnet.Size_)*clearGas, "clear the neurons of a subnet")
	freed, err := k.release(ctx, subnet)
	if err != nil {
		return err
	}
	if err := k.forgetCreation(ctx, subnet); err != nil {
		return err
	}
	if err := k.clear(unmetered(ctx), subnet); err != nil {
		return err
	}
	if err := k.hooks.AfterSubnetDissolved(unmetered(ctx), subnet.Netuid); err != nil {
		return err
	}
	freed.Netuid, freed.Reason = subnet.Netuid, reason
	return k.emit(ctx, &freed)
}

// clearGas is what it costs to clear a neuron and what others keep of it: a price by size, so that the message that
// dissolves even a subnet of 4,096 neurons fits a block, and that repeating one that fails is paid for like other work.
const clearGas = 10_000

// unmetered returns ctx without a gas limit, for cleaning up what clearGas has paid for.
func unmetered(ctx sdk.Context) sdk.Context {
	return ctx.WithGasMeter(storetypes.NewInfiniteGasMeter())
}

// clear deletes every record of a subnet.
func (k *Keeper) clear(ctx sdk.Context, subnet types.Subnet) error {
	neurons, err := k.Neurons(ctx, subnet.Netuid)
	if err != nil {
		return err
	}
	for _, neuron := range neurons {
		if err := k.dropNeuron(ctx, neuron); err != nil {
			return err
		}
	}
	return errors.Join(
		k.returnBids(ctx, subnet.Netuid, subnetIsGone),
		k.values.Clear(ctx, collections.NewPrefixedPairRange[uint32, string](subnet.Netuid)),
		k.slots.Clear(ctx, collections.NewPrefixedTripleRange[uint32, []byte, uint32](subnet.Netuid)),
		k.standings.Remove(ctx, subnet.Netuid),
		k.names.Remove(ctx, subnet.Name),
		k.subnets.Remove(ctx, subnet.Netuid),
	)
}

// putSubnet writes a subnet and the index of its name.
func (k *Keeper) putSubnet(ctx sdk.Context, subnet types.Subnet) error {
	if err := k.names.Set(ctx, subnet.Name, subnet.Netuid); err != nil {
		return err
	}
	return k.subnets.Set(ctx, subnet.Netuid, subnet)
}

// payee returns the address of an account that may own things here: one that can receive coins and is no hot key's.
// Errors: ErrInvalid, ErrCannotPay, ErrNotAllowed.
func (k *Keeper) payee(ctx sdk.Context, account string) (sdk.AccAddress, error) {
	address, err := network.Account(account)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", types.ErrInvalid, err)
	}
	if k.bank.BlockedAddr(address) {
		return nil, fmt.Errorf("%w: %s", types.ErrCannotPay, account)
	}
	if _, hot := k.HotAccountKey(ctx, address); hot {
		return nil, fmt.Errorf("%w: %s is a hot key's account and cannot own anything; use a cold key", types.ErrNotAllowed, account)
	}
	return address, nil
}
