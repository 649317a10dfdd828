package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
)

// Params returns the module's parameters.
func (k *Keeper) Params(ctx sdk.Context) (types.Params, error) {
	return k.params.Get(ctx)
}

// Subnet returns the subnet of netuid. The error is ErrNoSubnet.
func (k *Keeper) Subnet(ctx sdk.Context, netuid uint32) (types.Subnet, error) {
	subnet, err := k.subnets.Get(ctx, netuid)
	if errors.Is(err, collections.ErrNotFound) {
		return subnet, fmt.Errorf("%w: netuid %d", types.ErrNoSubnet, netuid)
	}
	return subnet, err
}

// SubnetNamed returns the subnet called name. The error is ErrNoSubnet.
func (k *Keeper) SubnetNamed(ctx sdk.Context, name string) (types.Subnet, error) {
	netuid, err := k.names.Get(ctx, name)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Subnet{}, fmt.Errorf("%w: %.40q", types.ErrNoSubnet, name)
	}
	if err != nil {
		return types.Subnet{}, err
	}
	return k.Subnet(ctx, netuid)
}

// EachSubnet calls fn for every subnet in order of netuid until it stops or fails. fn must not write subnets.
func (k *Keeper) EachSubnet(ctx sdk.Context, fn func(types.Subnet) (stop bool, err error)) error {
	return k.subnets.Walk(ctx, nil, func(_ uint32, subnet types.Subnet) (bool, error) { return fn(subnet) })
}

// Neuron returns the neuron at uid of netuid. The error is ErrNoNeuron.
func (k *Keeper) Neuron(ctx sdk.Context, netuid, uid uint32) (types.Neuron, error) {
	neuron, err := k.neurons.Get(ctx, collections.Join(netuid, uid))
	if errors.Is(err, collections.ErrNotFound) {
		return neuron, fmt.Errorf("%w: uid %d of netuid %d", types.ErrNoNeuron, uid, netuid)
	}
	return neuron, err
}

// EachNeuron calls fn for every neuron of netuid in order of uid until it stops or fails. fn must not write neurons.
func (k *Keeper) EachNeuron(ctx sdk.Context, netuid uint32, fn func(types.Neuron) (stop bool, err error)) error {
	return k.neurons.Walk(ctx, collections.NewPrefixedPairRange[uint32, uint32](netuid),
		func(_ pair, neuron types.Neuron) (bool, error) { return fn(neuron) })
}

// Neurons returns every neuron of netuid in order of uid.
func (k *Keeper) Neurons(ctx sdk.Context, netuid uint32) ([]types.Neuron, error) {
	var all []types.Neuron
	err := k.EachNeuron(ctx, netuid, func(neuron types.Neuron) (bool, error) {
		all = append(all, neuron)
		return false, nil
	})
	return all, err
}

// NeuronOfHotKey returns the neuron of netuid whose present hot key is hotKey. The error is ErrNoNeuron.
func (k *Keeper) NeuronOfHotKey(ctx sdk.Context, netuid uint32, hotKey []byte) (types.Neuron, error) {
	uid, err := k.hotKeys.Get(ctx, collections.Join(hotKey, netuid))
	if errors.Is(err, collections.ErrNotFound) {
		return types.Neuron{}, fmt.Errorf("%w: hot key %x in netuid %d; register it first", types.ErrNoNeuron, hotKey, netuid)
	}
	if err != nil {
		return types.Neuron{}, err
	}
	return k.Neuron(ctx, netuid, uid)
}

// NeuronsOfHotKey returns the neurons of hotKey in all subnets, in order of netuid. They have one owner.
func (k *Keeper) NeuronsOfHotKey(ctx sdk.Context, hotKey []byte) ([]types.Neuron, error) {
	var all []types.Neuron
	err := k.hotKeys.Walk(ctx, collections.NewPrefixedPairRange[[]byte, uint32](hotKey),
		func(key collections.Pair[[]byte, uint32], uid uint32) (bool, error) {
			neuron, err := k.Neuron(ctx, key.K2(), uid)
			all = append(all, neuron)
			return err != nil, err
		})
	return all, err
}

// HotAccountKey returns the hot key that signs for address, if it belongs to a neuron.
func (k *Keeper) HotAccountKey(ctx sdk.Context, address sdk.AccAddress) (hotKey []byte, found bool) {
	hotKey, err := k.hotAccounts.Get(ctx, address)
	return hotKey, err == nil
}

// neuronOfAccount returns the neuron of netuid for which a hot account (bech32) signs. The error is ErrNoNeuron.
func (k *Keeper) neuronOfAccount(ctx sdk.Context, netuid uint32, account string) (types.Neuron, error) {
	address, err := network.Account(account)
	if err != nil {
		return types.Neuron{}, fmt.Errorf("%w: %w", types.ErrInvalid, err)
	}
	hotKey, found := k.HotAccountKey(ctx, address)
	if !found {
		return types.Neuron{}, fmt.Errorf("%w: %s is no hot key's account; register the key first", types.ErrNoNeuron, account)
	}
	return k.NeuronOfHotKey(ctx, netuid, hotKey)
}
