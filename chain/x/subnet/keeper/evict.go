package keeper

import (
	"cmp"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// evict removes the weakest neuron of a full subnet and returns its uid: the lowest by (emission of the last epoch,
// block of registration, uid) among those that are neither immune, nor a voice that is permitted or was not long ago, nor the
// one protected neuron of the subnet's owner. The error is ErrNoRoom if there is none.
func (k *Keeper) evict(ctx sdk.Context, subnet types.Subnet) (uint32, error) {
	neurons, err := k.Neurons(ctx, subnet.Netuid)
	if err != nil {
		return 0, err
	}
	standing, err := k.standing(ctx, subnet.Netuid)
	if err != nil {
		return 0, err
	}
	spared, err := k.spared(ctx, subnet, neurons, standing)
	if err != nil {
		return 0, err
	}
	weakest := weakest(neurons, spared, standing.Emissions)
	if weakest < 0 {
		return 0, fmt.Errorf("%w: netuid %d is full and nobody in it can be evicted now", types.ErrNoRoom, subnet.Netuid)
	}
	if err := k.dropNeuron(ctx, neurons[weakest]); err != nil {
		return 0, err
	}
	return uint32(weakest), k.forgetStanding(ctx, standing, weakest)
}

// weakest returns the uid with the lowest (emission, registration, uid) among those not spared, −1 if there is none.
func weakest(neurons []types.Neuron, spared []bool, emissions []uint64) int {
	lowest := -1
	for uid := range neurons {
		if spared[uid] {
			continue
		}
		if lowest < 0 || cmp.Or(
			cmp.Compare(at(emissions, uid), at(emissions, lowest)),
			cmp.Compare(neurons[uid].Registered, neurons[lowest].Registered)) < 0 {
			lowest = uid
		}
	}
	return lowest
}

// spared marks by uid who cannot be evicted.
func (k *Keeper) spared(ctx sdk.Context, subnet types.Subnet, neurons []types.Neuron, standing types.Standing) ([]bool, error) {
	spared := make([]bool, len(neurons))
	immunity := k.stored(ctx, subnet.Netuid, types.Immunity)
	owners := -1
	for uid, neuron := range neurons {
		spared[uid] = ctx.BlockHeight() < max(neuron.Registered+immunity, neuron.JudgedFrom)
		if neuron.Owner == subnet.Owner && (owners < 0 || neuron.Registered < neurons[owners].Registered) {
			owners = uid
		}
	}
	if owners >= 0 {
		spared[owners] = true
	}
	voices, err := k.Stakes(ctx, subnet.Netuid)
	for _, v := range voices {
		if v.Permitted || keepsSeat(standing, v.Voice, subnet.Epoch) {
			spared[v.Voice.Uid] = true
		}
	}
	return spared, err
}

// keepsSeat tells whether a voice was permitted in one of the last MaxAbsence epochs before epoch: a jail or a silence
// does not cost the seat.
func keepsSeat(standing types.Standing, voice types.Voice, epoch uint64) bool {
	return at(standing.KeptUntil, int(voice.Uid)) >= max(epoch, 1)
}

// judgedFrom is the block from which a neuron that registers now can have been judged: weights made after its
// registration have been revealed and have decided an epoch. Until then it is safe, whatever the owner changes meanwhile.
//
//	registered + (reveal_delay + 2) · tempo
func (k *Keeper) judgedFrom(ctx sdk.Context, subnet types.Subnet) int64 {
	value := k.Values(ctx)
	delay := max(int64(subnet.RevealDelay), value(subnet.Netuid, types.RevealDelay))
	tempo := max(int64(subnet.Tempo), value(subnet.Netuid, types.Tempo))
	return ctx.BlockHeight() + (delay+2)*tempo
}

// forgetStanding clears what the last epoch said of a uid that is free now.
func (k *Keeper) forgetStanding(ctx sdk.Context, standing types.Standing, uid int) error {
	if uid < len(standing.Emissions) {
		standing.Emissions[uid] = 0
	}
	if uid < len(standing.KeptUntil) {
		standing.KeptUntil[uid] = 0
	}
	return k.standings.Set(ctx, standing.Netuid, standing)
}

// at is column[i], the zero value beyond its end: a uid that registered after the last epoch has no entry.
func at[T any](column []T, i int) (zero T) {
	if i < len(column) {
		return column[i]
	}
	return zero
}
