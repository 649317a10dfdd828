// Package simulation plays the module at random: operators of permitted voices vote on the division of emission.
package simulation

import (
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/play"
	"agora/chain/x/emission/keeper"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Register adds every message of the module.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	g := game{k, keeper.NewMsgServer(k)}
	reg.Add(weights.Get("msg_set_root_weights", 20), play.Factory(g.setRootWeights))
}

// game is the module with its message server.
type game struct {
	k      *keeper.Keeper
	server types.MsgServer
}

// setRootWeights lets a random voter give random weights to some of the subnets.
func (g game) setRootWeights(t play.Turn) ([]simsx.SimAccount, *types.MsgSetRootWeights) {
	operators, netuids, err := voters(t.Context, g.k)
	if err != nil || len(operators) == 0 {
		t.Skip("nobody may vote")
		return nil, nil
	}
	r := t.Rand()
	signer := t.GetAccount(t, operators[r.Intn(len(operators))])
	msg := &types.MsgSetRootWeights{Operator: signer.AddressBech32}
	for _, netuid := range netuids {
		if len(msg.Netuids) == 0 || r.Intn(2) == 0 {
			msg.Netuids, msg.Weights = append(msg.Netuids, netuid), append(msg.Weights, uint32(1+r.Intn(65_535)))
		}
	}
	return play.Try(t, signer, msg, g.server.SetRootWeights)
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
