package keeper

import (
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
	"agora/mechanism/price"
)

// Register takes a free place in netuid for owner and the hot key he claims, burning the price, which is refused above
// maxPrice (rao). In a full subnet it is a bid of maxPrice, which waits until the seats change hands.
// Errors: ErrNoSubnet, ErrClosed, ErrTooExpensive, ErrNoRoom, ErrOutbid, those of a claim, or the bank's.
func (k *Keeper) Register(ctx sdk.Context, owner string, netuid uint32, claim types.Claim, maxPrice uint64) (types.MsgRegisterResponse, error) {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return types.MsgRegisterResponse{}, err
	}
	if k.stored(ctx, netuid, types.RegistrationOpen) == 0 {
		return types.MsgRegisterResponse{}, fmt.Errorf("%w: netuid %d", types.ErrClosed, netuid)
	}
	if err := k.checkClaim(ctx, netuid, owner, claim); err != nil {
		return types.MsgRegisterResponse{}, err
	}
	paid := k.registerPrice(ctx, subnet)
	if paid > maxPrice {
		return types.MsgRegisterResponse{}, fmt.Errorf("%w: registering costs %d rao, the maximum is %d", types.ErrTooExpensive, paid, maxPrice)
	}
	if k.isFull(ctx, subnet) {
		bid := types.Bid{Netuid: netuid, HotKey: claim.HotKey, Owner: owner, Amount: maxPrice}
		return types.MsgRegisterResponse{Price: maxPrice, Bid: true}, k.placeBid(ctx, subnet, bid)
	}
	uid, err := k.takeFree(ctx, subnet, owner, claim.HotKey, paid)
	return types.MsgRegisterResponse{Uid: uid, Price: paid}, err
}

// isFull tells whether no seat is free.
func (k *Keeper) isFull(ctx sdk.Context, subnet types.Subnet) bool {
	return int64(subnet.Size_) >= k.stored(ctx, subnet.Netuid, types.MaxUids)
}

// takeFree burns the price and seats a neuron at the next uid.
func (k *Keeper) takeFree(ctx sdk.Context, subnet types.Subnet, owner string, hotKey []byte, paid uint64) (uid uint32, err error) {
	if err := k.collect(ctx, owner, paid); err != nil {
		return 0, err
	}
	if err := k.burner.BurnFrom(ctx, types.ModuleName, paid, "registration"); err != nil {
		return 0, err
	}
	uid = subnet.Size_
	subnet.Size_++
	if err := k.seat(ctx, &subnet, types.Neuron{Uid: uid, HotKey: hotKey, Owner: owner}, paid); err != nil {
		return 0, err
	}
	return uid, k.emit(ctx, &types.NeuronRegistered{Netuid: subnet.Netuid, Uid: uid, HotKey: hotKey, Owner: owner, Price: paid})
}

// collect takes rao from owner into the module's account.
func (k *Keeper) collect(ctx sdk.Context, owner string, rao uint64) error {
	from, err := network.Account(owner)
	if err != nil {
		return err
	}
	if err := k.bank.SendCoinsFromAccountToModule(ctx, from, types.ModuleName, network.Coins(rao)); err != nil {
		return fmt.Errorf("pay %d rao: %w", rao, err)
	}
	return nil
}

// seat puts a neuron with owner and hot key at its uid, and writes the subnet with the price after one more registration
// that paid so much, at most max_burn.
func (k *Keeper) seat(ctx sdk.Context, subnet *types.Subnet, neuron types.Neuron, paid uint64) error {
	neuron.Netuid, neuron.Registered, neuron.JudgedFrom = subnet.Netuid, ctx.BlockHeight(), k.judgedFrom(ctx, *subnet)
	if err := k.putNeuron(ctx, neuron); err != nil {
		return err
	}
	risen := price.Rise(paid, uint64(k.stored(ctx, subnet.Netuid, types.BurnIncrease)))
	subnet.BurnPrice = k.withinBurn(ctx, subnet.Netuid, risen)
	subnet.RegistrationHeight = ctx.BlockHeight()
	return k.subnets.Set(ctx, subnet.Netuid, *subnet)
}

// RegisterPrice is what a place in netuid costs now, in rao; in a full subnet the least that a bid must be. The error is
// ErrNoSubnet.
func (k *Keeper) RegisterPrice(ctx sdk.Context, netuid uint32) (uint64, error) {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return 0, err
	}
	return k.registerPrice(ctx, subnet), nil
}

// registerPrice is the price within the min_burn and max_burn of now.
func (k *Keeper) registerPrice(ctx sdk.Context, subnet types.Subnet) uint64 {
	return k.withinBurn(ctx, subnet.Netuid, subnet.BurnPrice)
}

func (k *Keeper) withinBurn(ctx sdk.Context, netuid uint32, rao uint64) uint64 {
	rao = max(rao, uint64(k.stored(ctx, netuid, types.MinBurn)))
	return min(rao, uint64(k.stored(ctx, netuid, types.MaxBurn)))
}
