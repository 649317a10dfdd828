// Package network holds what every program of the network must agree on before it says anything: the prefix of its
// addresses, the unit of its money, and the name under which keyrings keep its keys. Importing it sets them in the SDK.
package network

import (
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

const (
	// Prefix begins every account address in bech32.
	Prefix = "agora"
	// Denom is the smallest unit of money.
	Denom = "rao"
	// TAO is the number of rao in one TAO.
	TAO = 1_000_000_000
)

// Coins is an amount of rao as the bank takes it.
func Coins(rao uint64) sdk.Coins {
	return sdk.NewCoins(sdk.NewCoin(Denom, math.NewIntFromUint64(rao)))
}
