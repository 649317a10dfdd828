package keeper

import (
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/yuma/types"
	"agora/mechanism/emission"
)

// broken fails every epoch of one subnet in the worst way.
type broken struct {
	types.EmissionKeeper
	netuid uint32
}

func (b broken) Pending(ctx sdk.Context, netuid, ownerShare uint32) (emission.Budget, error) {
	if netuid == b.netuid {
		panic("a bug")
	}
	return b.EmissionKeeper.Pending(ctx, netuid, ownerShare)
}

// BreakEpochs makes every epoch of netuid panic.
func BreakEpochs(k *Keeper, netuid uint32) { k.emission = broken{k.emission, netuid} }

// RunEpoch runs the epoch of netuid now, due or not.
func RunEpoch(k *Keeper, ctx sdk.Context, netuid uint32) error {
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	snapshot, err := k.Snapshot(ctx, netuid)
	if err != nil {
		return err
	}
	return k.try(ctx, subnet, snapshot)
}
