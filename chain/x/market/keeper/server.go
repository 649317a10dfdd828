package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/market/types"
)

type messages struct{ *Keeper }

// NewMsgServer returns the module's message server.
func NewMsgServer(k *Keeper) types.MsgServer { return messages{k} }

func (s messages) OpenChannel(c context.Context, m *types.MsgOpenChannel) (*types.MsgOpenChannelResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	payer, payee, err := accounts(m.Payer, m.Payee)
	if err != nil {
		return nil, err
	}
	id, err := s.Open(sdk.UnwrapSDKContext(c), payer, payee, m.Deposit, m.Key, m.Cap, m.WithdrawDelay)
	return &types.MsgOpenChannelResponse{Id: id}, err
}

func accounts(a, b string) (first, second sdk.AccAddress, err error) {
	if first, err = network.Account(a); err != nil {
		return nil, nil, err
	}
	second, err = network.Account(b)
	return first, second, err
}

func (s messages) TopUp(c context.Context, m *types.MsgTopUp) (*types.MsgTopUpResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	payer, err := network.Account(m.Payer)
	if err != nil {
		return nil, err
	}
	return &types.MsgTopUpResponse{}, s.Keeper.TopUp(sdk.UnwrapSDKContext(c), payer, m.Channel, m.Deposit, m.Cap)
}

func (s messages) Claim(c context.Context, m *types.MsgClaim) (*types.MsgClaimResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	results, err := s.Keeper.Claim(sdk.UnwrapSDKContext(c), m.Vouchers)
	return &types.MsgClaimResponse{Results: results}, err
}

func (s messages) RequestWithdraw(c context.Context, m *types.MsgRequestWithdraw) (*types.MsgRequestWithdrawResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	payer, err := network.Account(m.Payer)
	if err != nil {
		return nil, err
	}
	from, err := s.Keeper.RequestWithdraw(sdk.UnwrapSDKContext(c), payer, m.Channel)
	return &types.MsgRequestWithdrawResponse{WithdrawFrom: from}, err
}

func (s messages) Withdraw(c context.Context, m *types.MsgWithdraw) (*types.MsgWithdrawResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	payer, err := network.Account(m.Payer)
	if err != nil {
		return nil, err
	}
	returned, err := s.Keeper.Withdraw(sdk.UnwrapSDKContext(c), payer, m.Channel)
	return &types.MsgWithdrawResponse{Returned: returned}, err
}

func (s messages) Close(c context.Context, m *types.MsgClose) (*types.MsgCloseResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	payee, err := network.Account(m.Payee)
	if err != nil {
		return nil, err
	}
	returned, err := s.Keeper.Close(sdk.UnwrapSDKContext(c), payee, m.Channel)
	return &types.MsgCloseResponse{Returned: returned}, err
}

func (s messages) UpdateParams(c context.Context, m *types.MsgUpdateParams) (*types.MsgUpdateParamsResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	return &types.MsgUpdateParamsResponse{}, s.Keeper.UpdateParams(sdk.UnwrapSDKContext(c), m.Authority, m.Params)
}
