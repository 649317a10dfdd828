package client

import (
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	distributiontypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	emissiontypes "agora/chain/x/emission/types"
	feetypes "agora/chain/x/fee/types"
	markettypes "agora/chain/x/market/types"
	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

var (
	registry   = newRegistry()
	protoCodec = codec.NewProtoCodec(registry)
	wireCodec  = protoCodec.GRPCCodec()
)

// Codec encodes and decodes whatever the chain's transactions and queries hold inside an Any.
func (c *Client) Codec() codec.Codec { return protoCodec }

func newRegistry() codectypes.InterfaceRegistry {
	r := codectypes.NewInterfaceRegistry()
	cryptocodec.RegisterInterfaces(r)
	authtypes.RegisterInterfaces(r)
	authz.RegisterInterfaces(r)
	banktypes.RegisterInterfaces(r)
	distributiontypes.RegisterInterfaces(r)
	feegrant.RegisterInterfaces(r)
	govtypes.RegisterInterfaces(r)
	slashingtypes.RegisterInterfaces(r)
	stakingtypes.RegisterInterfaces(r)
	subnettypes.RegisterInterfaces(r)
	modeltypes.RegisterInterfaces(r)
	yumatypes.RegisterInterfaces(r)
	emissiontypes.RegisterInterfaces(r)
	feetypes.RegisterInterfaces(r)
	markettypes.RegisterInterfaces(r)
	modeltypes.RegisterInterfaces(r)
	return r
}
