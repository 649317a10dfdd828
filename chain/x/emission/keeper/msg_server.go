package keeper

import (
	"context"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/emission/types"
)

type msgServer struct{ *Keeper }

// NewMsgServer translates messages into calls of the keeper.
func NewMsgServer(k *Keeper) types.MsgServer { return msgServer{k} }

// SetRootWeights casts a vote on the division of emission.
func (m msgServer) SetRootWeights(ctx context.Context, msg *types.MsgSetRootWeights) (*types.MsgSetRootWeightsResponse, error) {
	err := m.Keeper.SetRootWeights(sdk.UnwrapSDKContext(ctx), msg.Operator, msg.Netuids, msg.Weights)
	return &types.MsgSetRootWeightsResponse{}, err
}

// UpdateParams replaces the parameters; by governance.
func (m msgServer) UpdateParams(ctx context.Context, msg *types.MsgUpdateParams) (*types.MsgUpdateParamsResponse, error) {
	if msg.Authority != m.authority {
		return nil, fmt.Errorf("%w: %s is not the authority %s", types.ErrNotAllowed, msg.Authority, m.authority)
	}
	if err := msg.Params.Validate(); err != nil {
		return nil, err
	}
	return &types.MsgUpdateParamsResponse{}, m.params.Set(ctx, msg.Params)
}
