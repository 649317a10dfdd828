package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// messages translates messages into the keeper's verbs. Every handler repeats the message's own checks, because a
// message inside authz or a proposal may come without the ante handler.
type messages struct{ *Keeper }

// NewMsgServer returns the module's message server.
func NewMsgServer(k *Keeper) types.MsgServer { return messages{k} }

// admitted returns the context of a message whose form is valid.
func admitted(ctx context.Context, msg interface{ ValidateBasic() error }) (sdk.Context, error) {
	return sdk.UnwrapSDKContext(ctx), msg.ValidateBasic()
}

func (s messages) CreateSubnet(c context.Context, m *types.MsgCreateSubnet) (*types.MsgCreateSubnetResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	subnet, err := s.Create(ctx, m.Sender, m.Name, m.Mechanism, m.Identity, m.MaxLock)
	if err != nil {
		return nil, err
	}
	return &types.MsgCreateSubnetResponse{Netuid: subnet.Netuid, Lock: subnet.Lock}, nil
}

func (s messages) StartSubnet(c context.Context, m *types.MsgStartSubnet) (*types.MsgStartSubnetResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgStartSubnetResponse{}, s.Start(ctx, m.Owner, m.Netuid)
}

func (s messages) DissolveSubnet(c context.Context, m *types.MsgDissolveSubnet) (*types.MsgDissolveSubnetResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgDissolveSubnetResponse{}, s.Dissolve(ctx, m.Sender, m.Netuid)
}

func (s messages) SetParameter(c context.Context, m *types.MsgSetParameter) (*types.MsgSetParameterResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgSetParameterResponse{}, s.Keeper.SetParameter(ctx, m.Sender, m.Netuid, m.Name, m.Value)
}

func (s messages) Register(c context.Context, m *types.MsgRegister) (*types.MsgRegisterResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	claim := types.Claim{HotKey: m.HotKey, Proof: m.Proof, Expiry: m.ProofExpiry}
	response, err := s.Keeper.Register(ctx, m.Owner, m.Netuid, claim, m.MaxPrice)
	return &response, err
}

func (s messages) RotateHotKey(c context.Context, m *types.MsgRotateHotKey) (*types.MsgRotateHotKeyResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	claim := types.Claim{HotKey: m.HotKey, Proof: m.Proof, Expiry: m.ProofExpiry}
	return &types.MsgRotateHotKeyResponse{}, s.Rotate(ctx, m.Owner, m.Netuid, m.Uid, claim)
}

func (s messages) ProposeOwner(c context.Context, m *types.MsgProposeOwner) (*types.MsgProposeOwnerResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgProposeOwnerResponse{}, s.Keeper.ProposeOwner(ctx, m.Owner, m.Netuid, m.Uid, m.NewOwner)
}

func (s messages) CancelOwner(c context.Context, m *types.MsgCancelOwner) (*types.MsgCancelOwnerResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgCancelOwnerResponse{}, s.Keeper.CancelOwner(ctx, m.Sender, m.Netuid, m.Uid)
}

func (s messages) AcceptOwner(c context.Context, m *types.MsgAcceptOwner) (*types.MsgAcceptOwnerResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgAcceptOwnerResponse{}, s.Keeper.AcceptOwner(ctx, m.NewOwner, m.Netuid, m.Uid)
}

func (s messages) SetModel(c context.Context, m *types.MsgSetModel) (*types.MsgSetModelResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgSetModelResponse{}, s.Keeper.SetModel(ctx, m.HotAccount, m.Netuid, m.Card)
}

func (s messages) SetProfile(c context.Context, m *types.MsgSetProfile) (*types.MsgSetProfileResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgSetProfileResponse{}, s.Keeper.SetProfile(ctx, m.Profile())
}

func (s messages) SetVoice(c context.Context, m *types.MsgSetVoice) (*types.MsgSetVoiceResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgSetVoiceResponse{}, s.Keeper.SetVoice(ctx, m.Operator, m.Netuid, m.Uid)
}

func (s messages) UpdateParams(c context.Context, m *types.MsgUpdateParams) (*types.MsgUpdateParamsResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgUpdateParamsResponse{}, s.Keeper.UpdateParams(ctx, m.Authority, m.Params)
}

func (s messages) ProposeSubnetOwner(c context.Context, m *types.MsgProposeSubnetOwner) (*types.MsgProposeSubnetOwnerResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgProposeSubnetOwnerResponse{}, s.Keeper.ProposeSubnetOwner(ctx, m.Sender, m.Netuid, m.NewOwner)
}

func (s messages) CancelSubnetOwner(c context.Context, m *types.MsgCancelSubnetOwner) (*types.MsgCancelSubnetOwnerResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgCancelSubnetOwnerResponse{}, s.Keeper.CancelSubnetOwner(ctx, m.Sender, m.Netuid)
}

func (s messages) AcceptSubnetOwner(c context.Context, m *types.MsgAcceptSubnetOwner) (*types.MsgAcceptSubnetOwnerResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgAcceptSubnetOwnerResponse{}, s.Keeper.AcceptSubnetOwner(ctx, m.NewOwner, m.Netuid)
}

func (s messages) DescribeSubnet(c context.Context, m *types.MsgDescribeSubnet) (*types.MsgDescribeSubnetResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgDescribeSubnetResponse{}, s.Describe(ctx, m.Sender, m.Netuid, m.Mechanism, m.Identity)
}

func (s messages) AnnounceKey(c context.Context, m *types.MsgAnnounceKey) (*types.MsgAnnounceKeyResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgAnnounceKeyResponse{}, s.Keeper.AnnounceKey(ctx, m.Account, m.NewAccount)
}

func (s messages) DisputeKey(c context.Context, m *types.MsgDisputeKey) (*types.MsgDisputeKeyResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgDisputeKeyResponse{}, s.Keeper.DisputeKey(ctx, m.Sender, m.Account)
}

func (s messages) AcceptKey(c context.Context, m *types.MsgAcceptKey) (*types.MsgAcceptKeyResponse, error) {
	ctx, err := admitted(c, m)
	if err != nil {
		return nil, err
	}
	return s.Keeper.AcceptKey(ctx, m.NewAccount, m.Account)
}
