package keeper

import (
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
	"agora/mechanism/price"
)

// Register takes a place in netuid for owner and the hot key he claims, burning the price, which is refused above
// maxPrice (rao). When the subnet is full the weakest neuron goes. It returns the uid and the price burned.
// Errors: ErrNoSubnet, ErrClosed, ErrTooExpensive, ErrNoRoom, those of a claim, or the bank's.
func (k *Keeper) Register(ctx sdk.Context, owner string, netuid uint32, claim types.Claim, maxPrice uint64) (uid uint32, paid uint64, err error) {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return 0, 0, err
	}
	if err := k.checkOpen(ctx, subnet); err != nil {
		return 0, 0, err
	}
	if err := k.checkClaim(ctx, netuid, owner, claim); err != nil {
		return 0, 0, err
	}
	paid = k.registerPrice(ctx, subnet)
	if paid > maxPrice {
		return 0, 0, fmt.Errorf("%w: registering costs %d rao, the maximum is %d", types.ErrTooExpensive, paid, maxPrice)
	}
	if err := k.burn(ctx, owner, paid); err != nil {
		return 0, 0, err
	}
	neuron := types.Neuron{Netuid: netuid, HotKey: claim.HotKey, Owner: owner, Registered: ctx.BlockHeight(), JudgedFrom: k.judgedFrom(ctx, subnet)}
	evicted, err := k.seat(ctx, &subnet, &neuron)
	if err != nil {
		return 0, 0, err
	}
	if err := k.raisePrice(ctx, subnet, paid); err != nil {
		return 0, 0, err
	}
	return neuron.Uid, paid, k.emit(ctx, &types.NeuronRegistered{
		Netuid: netuid, Uid: neuron.Uid, HotKey: claim.HotKey, Owner: owner, Price: paid, Evicted: evicted,
	})
}

// checkOpen refuses a closed subnet (ErrClosed) and one that has taken its registrations of this block (ErrTooSoon).
func (k *Keeper) checkOpen(ctx sdk.Context, subnet types.Subnet) error {
	if k.stored(ctx, subnet.Netuid, types.RegistrationOpen) == 0 {
		return fmt.Errorf("%w: netuid %d", types.ErrClosed, subnet.Netuid)
	}
	most := k.stored(ctx, subnet.Netuid, types.RegistrationsPerBlock)
	if subnet.RegistrationHeight == ctx.BlockHeight() && int64(subnet.RegistrationsInBlock) >= most {
		return fmt.Errorf("%w: netuid %d took %d registrations in this block; try again in the next",
			types.ErrTooSoon, subnet.Netuid, most)
	}
	return nil
}

// burn takes rao from owner and destroys it.
func (k *Keeper) burn(ctx sdk.Context, owner string, rao uint64) error {
	if rao == 0 {
		return nil
	}
	from, err := network.Account(owner)
	if err != nil {
		return err
	}
	if err := k.bank.SendCoinsFromAccountToModule(ctx, from, types.ModuleName, network.Coins(rao)); err != nil {
		return fmt.Errorf("pay %d rao: %w", rao, err)
	}
	return k.burner.BurnFrom(ctx, types.ModuleName, rao, "registration")
}

// seat gives the neuron the next uid, or that of the weakest if the subnet is full.
func (k *Keeper) seat(ctx sdk.Context, subnet *types.Subnet, neuron *types.Neuron) (evicted bool, err error) {
	neuron.Uid = subnet.Size_
	if int64(subnet.Size_) < k.stored(ctx, subnet.Netuid, types.MaxUids) {
		subnet.Size_++
		return false, k.putNeuron(ctx, *neuron)
	}
	neuron.Uid, err = k.evict(ctx, *subnet)
	if err != nil {
		return false, err
	}
	return true, k.putNeuron(ctx, *neuron)
}

// raisePrice writes the subnet with the price after one more registration at paid rao, at most max_burn.
func (k *Keeper) raisePrice(ctx sdk.Context, subnet types.Subnet, paid uint64) error {
	risen := price.Rise(paid, uint64(k.stored(ctx, subnet.Netuid, types.BurnIncrease)))
	subnet.BurnPrice = min(risen, uint64(k.stored(ctx, subnet.Netuid, types.MaxBurn)))
	subnet.PriceHeight = ctx.BlockHeight()
	if subnet.RegistrationHeight != ctx.BlockHeight() {
		subnet.RegistrationHeight, subnet.RegistrationsInBlock = ctx.BlockHeight(), 0
	}
	subnet.RegistrationsInBlock++
	return k.subnets.Set(ctx, subnet.Netuid, subnet)
}

// RegisterPrice is what a place in netuid costs now, in rao. The error is ErrNoSubnet.
func (k *Keeper) RegisterPrice(ctx sdk.Context, netuid uint32) (uint64, error) {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return 0, err
	}
	return k.registerPrice(ctx, subnet), nil
}

// registerPrice is the last price, decayed since, within min_burn and max_burn.
func (k *Keeper) registerPrice(ctx sdk.Context, subnet types.Subnet) uint64 {
	value := func(name string) uint64 { return uint64(k.stored(ctx, subnet.Netuid, name)) }
	decayed := price.Burn(subnet.BurnPrice, blocksSince(ctx, subnet.PriceHeight), value(types.BurnHalfLife), value(types.MinBurn))
	return min(decayed, value(types.MaxBurn))
}
