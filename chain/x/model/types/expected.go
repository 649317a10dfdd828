package types

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
)

// Markets tells which subnets there are and by which rules they run now.
type Markets interface {
	Subnet(ctx sdk.Context, netuid uint32) (subnettypes.Subnet, error)
	EachSubnet(ctx sdk.Context, visit func(subnettypes.Subnet) (stop bool, err error)) error
	Value(ctx sdk.Context, netuid uint32, name string) int64
}

// Neurons tells who serves what.
type Neurons interface {
	EachNeuron(ctx sdk.Context, netuid uint32, visit func(subnettypes.Neuron) (stop bool, err error)) error
	HotAccountKey(ctx sdk.Context, account sdk.AccAddress) (hotKey []byte, found bool)
}

// Waits tells from when on what is announced now may be in force.
type Waits interface {
	NoticeUntil(ctx sdk.Context) (unixNano int64, err error)
}

// SubnetKeeper is the book of markets.
type SubnetKeeper interface {
	Markets
	Neurons
	Waits
}

// BankKeeper takes fees.
type BankKeeper interface {
	BlockedAddr(sdk.AccAddress) bool
	SendCoinsFromAccountToModule(ctx context.Context, from sdk.AccAddress, module string, amount sdk.Coins) error
}

// Burner destroys amount rao that sit in the account of module and books them under reason.
type Burner interface {
	BurnFrom(ctx sdk.Context, module string, amount uint64, reason string) error
}
