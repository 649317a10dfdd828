package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/fee/types"
	"agora/mechanism/price"
)

type (
	messages struct{ *Keeper }
	queries  struct{ *Keeper }
)

// NewMsgServer returns the module's message server.
func NewMsgServer(k *Keeper) types.MsgServer { return messages{k} }

// NewQueryServer returns the module's query server.
func NewQueryServer(k *Keeper) types.QueryServer { return queries{k} }

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

func (q queries) GasPrice(c context.Context, _ *types.QueryGasPriceRequest) (*types.QueryGasPriceResponse, error) {
	now, err := q.price.Get(c)
	if err != nil {
		return nil, err
	}
	fullness, err := q.fullness.Get(c)
	rao := sdk.NewDecCoinFromDec(network.Denom, math.LegacyNewDecFromInt(math.NewIntFromUint64(now)).QuoInt64(price.Million))
	return &types.QueryGasPriceResponse{GasPrice: now, Fullness: fullness, Rao: rao.String()}, err
}

func (q queries) Turn(c context.Context, r *types.QueryTurnRequest) (*types.QueryTurnResponse, error) {
	account, err := network.Account(r.Operator)
	if err != nil {
		return nil, fmt.Errorf("%w: address %.80q: %w", types.ErrInvalid, r.Operator, err)
	}
	ctx := sdk.UnwrapSDKContext(c)
	is, err := q.operators.IsOperator(ctx, account)
	if err != nil || !is {
		return &types.QueryTurnResponse{}, err
	}
	due, err := q.due(ctx, account)
	return &types.QueryTurnResponse{Height: max(due, ctx.BlockHeight()+1)}, err
}
