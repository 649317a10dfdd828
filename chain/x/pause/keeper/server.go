package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/pause/types"
)

type (
	messages struct{ *Keeper }
	queries  struct{ *Keeper }
)

// NewMsgServer returns the module's message server.
func NewMsgServer(k *Keeper) types.MsgServer { return messages{k} }

// NewQueryServer returns the module's query server.
func NewQueryServer(k *Keeper) types.QueryServer { return queries{k} }

func (s messages) Pause(c context.Context, m *types.MsgPause) (*types.MsgPauseResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	motion, err := s.Keeper.Pause(sdk.UnwrapSDKContext(c), m.Sender, m.TypeUrls, m.Seconds, m.Reason)
	return &types.MsgPauseResponse{Motion: motion}, err
}

func (s messages) Resume(c context.Context, m *types.MsgResume) (*types.MsgResumeResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	motion, err := s.Keeper.Resume(sdk.UnwrapSDKContext(c), m.Sender, m.TypeUrls, m.Reason)
	return &types.MsgResumeResponse{Motion: motion}, err
}

func (s messages) Vote(c context.Context, m *types.MsgVote) (*types.MsgVoteResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	carried, err := s.Keeper.Vote(sdk.UnwrapSDKContext(c), m.Operator, m.Motion)
	return &types.MsgVoteResponse{Carried: carried}, err
}

func (s messages) UpdateParams(c context.Context, m *types.MsgUpdateParams) (*types.MsgUpdateParamsResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	return &types.MsgUpdateParamsResponse{}, s.Keeper.UpdateParams(sdk.UnwrapSDKContext(c), m.Authority, m.Params)
}

func (q queries) Params(c context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.params.Get(c)
	return &types.QueryParamsResponse{Params: params}, err
}

func (q queries) Pauses(c context.Context, _ *types.QueryPausesRequest) (*types.QueryPausesResponse, error) {
	pauses, err := q.Paused(sdk.UnwrapSDKContext(c))
	return &types.QueryPausesResponse{Pauses: pauses}, err
}

func (q queries) Motions(c context.Context, _ *types.QueryMotionsRequest) (*types.QueryMotionsResponse, error) {
	motions, err := q.Keeper.Motions(sdk.UnwrapSDKContext(c))
	return &types.QueryMotionsResponse{Motions: motions}, err
}
