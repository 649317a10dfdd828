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

func (b broken) Pending(ctx sdk.Context, netuid uint32) (emission.Budget, error) {
	if netuid == b.netuid {
		panic("a bug")
	}
	return b.EmissionKeeper.Pending(ctx, netuid)
}

// BreakEpochs makes every epoch of netuid panic.
func BreakEpochs(k *Keeper, netuid uint32) { k.emission = broken{k.emission, netuid} }
