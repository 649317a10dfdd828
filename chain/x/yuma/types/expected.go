package types

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/emission"
)

// Markets tells which subnets there are and which parameters their next tempo has. No epoch reads a parameter as it is
// now: it has its snapshot.
type Markets interface {
	Subnet(ctx sdk.Context, netuid uint32) (subnettypes.Subnet, error)
	EachSubnet(ctx sdk.Context, visit func(subnettypes.Subnet) (stop bool, err error)) error
	Settings(ctx sdk.Context, netuid uint32) []subnettypes.Value
}

// Neurons tells who is in a subnet.
type Neurons interface {
	Neuron(ctx sdk.Context, netuid, uid uint32) (subnettypes.Neuron, error)
	EachNeuron(ctx sdk.Context, netuid uint32, visit func(subnettypes.Neuron) (stop bool, err error)) error
}

// HotKeys finds the neuron behind a hot account and books its free messages.
type HotKeys interface {
	HotAccountKey(ctx sdk.Context, account sdk.AccAddress) (hotKey []byte, found bool)
	NeuronOfHotKey(ctx sdk.Context, netuid uint32, hotKey []byte) (subnettypes.Neuron, error)
	RequireSlot(ctx sdk.Context, netuid uint32, hotKey []byte, kind uint32) error
}

// Voices tells which neuron speaks for which validator.
type Voices interface {
	Voices(ctx sdk.Context, netuid uint32) ([]subnettypes.VoiceEntry, error)
	Stakes(ctx sdk.Context, netuid uint32) ([]subnettypes.VoiceStake, error)
	Staked(ctx context.Context, operator string) (validator stakingtypes.Validator, rao uint64, err error)
	VoiceOf(ctx sdk.Context, netuid, uid uint32) (operator string, is bool)
}

// Tempos hears what an epoch decided and begins the next tempo.
type Tempos interface {
	AdvanceEpoch(ctx sdk.Context, netuid uint32, then func(name string) int64) error
	RecordStanding(ctx sdk.Context, netuid uint32, emissions []uint64, permits []bool) error
}

// SubnetKeeper is the book of markets.
type SubnetKeeper interface {
	Markets
	Neurons
	HotKeys
	Voices
	Tempos
}

// Takes tells what validators keep of their nominators' rewards, and what both are still to get.
type Takes interface {
	Commission(ctx sdk.Context, operator sdk.ValAddress) (bps uint32, err error)
	Waiting(ctx sdk.Context) ([]emissiontypes.Waiting, error)
}

// EmissionKeeper holds what a subnet's epoch divides.
type EmissionKeeper interface {
	Takes

	OwnerShare(ctx sdk.Context) (uint32, error)
	Pending(ctx sdk.Context, netuid, ownerShare uint32) (emission.Budget, error)
	Pay(ctx sdk.Context, netuid uint32, payout emissiontypes.Payout) (emissiontypes.Paid, error)
	Spoke(ctx sdk.Context, netuid uint32, operators []string) error
	Excuse(ctx sdk.Context, netuid uint32, spoke bool) error
	BurnPending(ctx sdk.Context, netuid uint32, reason string) (uint64, error)
}

// ModelKeeper tells whose models the miners of an open subnet are paid for serving, and books what that was.
type ModelKeeper interface {
	Attribute(ctx sdk.Context, netuid uint32, epoch uint64, miners []emissiontypes.MinerPay) error
	NotePaid(ctx sdk.Context, netuid uint32, epoch uint64, miners []emissiontypes.MinerPay, paid emissiontypes.Paid) error
}

// NoModels is for a market in which every model is a black box.
type NoModels struct{}

// Attribute implements ModelKeeper.
func (NoModels) Attribute(sdk.Context, uint32, uint64, []emissiontypes.MinerPay) error { return nil }

// NotePaid implements ModelKeeper.
func (NoModels) NotePaid(sdk.Context, uint32, uint64, []emissiontypes.MinerPay, emissiontypes.Paid) error {
	return nil
}
