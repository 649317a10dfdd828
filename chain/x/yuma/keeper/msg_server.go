package keeper

import (
	"context"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/yuma/types"
)

type msgServer struct{ k *Keeper }

// NewMsgServer translates messages into calls of the keeper.
func NewMsgServer(k *Keeper) types.MsgServer { return msgServer{k} }

// CommitWeights binds a voice to weights.
func (m msgServer) CommitWeights(ctx context.Context, msg *types.MsgCommitWeights) (*types.MsgCommitWeightsResponse, error) {
	err := m.k.Commit(sdk.UnwrapSDKContext(ctx), msg.HotAccount, msg.Netuid, msg.Epoch, msg.Hash, msg.EvidenceRoot)
	return &types.MsgCommitWeightsResponse{}, err
}

// RevealWeights opens a commit.
func (m msgServer) RevealWeights(ctx context.Context, msg *types.MsgRevealWeights) (*types.MsgRevealWeightsResponse, error) {
	return &types.MsgRevealWeightsResponse{}, m.k.Reveal(sdk.UnwrapSDKContext(ctx), msg)
}

// SetWeights takes open weights.
func (m msgServer) SetWeights(ctx context.Context, msg *types.MsgSetWeights) (*types.MsgSetWeightsResponse, error) {
	err := m.k.Set(sdk.UnwrapSDKContext(ctx), msg.HotAccount, msg.Netuid, msg.Uids, msg.Weights)
	return &types.MsgSetWeightsResponse{}, err
}

// UpdateParams replaces the parameters; by governance.
func (m msgServer) UpdateParams(ctx context.Context, msg *types.MsgUpdateParams) (*types.MsgUpdateParamsResponse, error) {
	if msg.Authority != m.k.authority {
		return nil, fmt.Errorf("%w: %s is not the authority %s", types.ErrNotAllowed, msg.Authority, m.k.authority)
	}
	if err := msg.Params.Validate(); err != nil {
		return nil, err
	}
	return &types.MsgUpdateParamsResponse{}, m.k.params.Set(ctx, msg.Params)
}
