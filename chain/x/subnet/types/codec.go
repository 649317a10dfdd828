package types

import (
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
)

// RegisterInterfaces makes the module's messages known to the codec.
func RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil),
		&MsgCreateSubnet{}, &MsgStartSubnet{}, &MsgDissolveSubnet{}, &MsgSetParameter{},
		&MsgRegister{}, &MsgRotateHotKey{}, &MsgProposeOwner{}, &MsgCancelOwner{}, &MsgAcceptOwner{},
		&MsgProposeSubnetOwner{}, &MsgCancelSubnetOwner{}, &MsgAcceptSubnetOwner{}, &MsgDescribeSubnet{},
		&MsgAnnounceKey{}, &MsgDisputeKey{}, &MsgAcceptKey{},
		&MsgSetModel{}, &MsgSetProfile{}, &MsgSetVoice{}, &MsgUpdateParams{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}
