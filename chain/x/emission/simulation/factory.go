// Package simulation plays the module at random: operators of permitted voices vote on the division of emission.
package simulation

import (
	"context"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/emission/keeper"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Register adds every message of the module.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	reg.Add(weights.Get("msg_set_root_weights", 20), setRootWeights(k))
}

// setRootWeights lets a random voter give random weights to some of the subnets.
func setRootWeights(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgSetRootWeights] {
	return func(ctx context.Context, players *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgSetRootWeights) {
		operators, netuids, err := voters(sdk.UnwrapSDKContext(ctx), k)
		if err != nil || len(operators) == 0 {
			reporter.Skip("nobody may vote")
			return nil, nil
		}
		r := players.Rand()
		signer := players.GetAccount(reporter, operators[r.Intn(len(operators))])
		msg := &types.MsgSetRootWeights{Operator: signer.AddressBech32}
		for _, netuid := range netuids {
			if len(msg.Netuids) == 0 || r.Intn(2) == 0 {
				msg.Netuids, msg.Weights = append(msg.Netuids, netuid), append(msg.Weights, uint32(1+r.Intn(65_535)))
			}
		}
		return []simsx.SimAccount{signer}, msg
	}
}

// voters lists the operators of permitted voices and all subnets.
func voters(ctx sdk.Context, k *keeper.Keeper) (operators []string, netuids []uint32, err error) {
	err = k.Subnets().EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		netuids = append(netuids, s.Netuid)
		voices, err := k.Subnets().Stakes(ctx, s.Netuid)
		for _, v := range voices {
			if v.Permitted {
				operators = append(operators, v.Voice.Operator)
			}
		}
		return err != nil, err
	})
	return operators, netuids, err
}
