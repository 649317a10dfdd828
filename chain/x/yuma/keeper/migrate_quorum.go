package keeper

import (
	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
)

// MigrateQuorum takes the state of version 1 over as far as quorum and division go: max_carry is lowered to what
// quorum_lookback allows, with an event; subnets that have decided often are young no more; and who spoke in a subnet's last
// epoch that decided counts there from now on. The emission module must have migrated before.
func (k *Keeper) MigrateQuorum(ctx sdk.Context) error {
	if err := k.clampCarry(ctx); err != nil {
		return err
	}
	return k.subnets.EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		if s.Netuid == 0 {
			return false, nil
		}
		return false, k.migrateSubnet(ctx, s.Netuid)
	})
}

func (k *Keeper) clampCarry(ctx sdk.Context) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	params.QuorumLookback = max(params.QuorumLookback, 2)
	was, most := params.MaxCarry, types.MostCarry(params.QuorumLookback)
	params.MaxCarry = min(was, most)
	if err := k.params.Set(ctx, params); err != nil || was <= most {
		return err
	}
	return ctx.EventManager().EmitTypedEvent(&types.ParamClamped{Name: "max_carry", Was: uint64(was), Now: uint64(most)})
}

// migrateSubnet counts the epochs in a subnet's history that decided and notes who spoke in the last of them.
func (k *Keeper) migrateSubnet(ctx sdk.Context, netuid uint32) error {
	var last types.EpochRecord
	var decided uint32
	err := k.records.Walk(ctx, collections.NewPrefixedPairRange[uint32, uint64](netuid), func(_ byEpoch, r types.EpochRecord) (bool, error) {
		if r.Decided {
			last = r
			decided++
		}
		return false, nil
	})
	if err != nil || decided == 0 {
		return err
	}
	carry, err := k.carryOf(ctx, netuid)
	if err != nil {
		return err
	}
	carry.Decided = min(decided, types.Maturity)
	if err := k.carries.Set(ctx, netuid, carry); err != nil {
		return err
	}
	voices, err := k.subnets.Voices(ctx, netuid)
	if err != nil {
		return err
	}
	var operators []string
	for _, v := range voices {
		if uid := int(v.Voice.Uid); uid < len(last.Active) && last.Active[uid] != 0 && v.Voice.ChangedHeight < last.Height {
			operators = append(operators, v.Voice.Operator)
		}
	}
	return k.emission.Spoke(ctx, netuid, operators)
}
