// Package network holds what every program of the network must agree on before it says anything: the prefix of its
// addresses, the unit of its money, and the name under which keyrings keep its keys. Importing it sets them in the SDK.
package network

import (
	"os"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/version"
)

const (
	// Prefix begins every account address in bech32.
	Prefix = "agora"
	// Denom is the smallest unit of money.
	Denom = "rao"
	// TAO is the number of rao in one TAO.
	TAO = 1_000_000_000
)

func init() {
	// Without a scope the SDK asks the system for host and executable each time it reads or writes an address, which
	// costs an epoch more than its arithmetic.
	if os.Getenv(sdk.EnvConfigScope) == "" {
		os.Setenv(sdk.EnvConfigScope, Prefix) // fails only on a malformed name
	}
	version.Name, version.AppName = Prefix, Prefix
	if version.Version == "" { // the Makefile sets it from the commit
		version.Version = "dev"
	}
	sdk.DefaultBondDenom = Denom
	sdk.DefaultPowerReduction = math.NewInt(TAO)
	c := sdk.GetConfig()
	c.SetBech32PrefixForAccount(Prefix, Prefix+"pub")
	c.SetBech32PrefixForValidator(Prefix+"valoper", Prefix+"valoperpub")
	c.SetBech32PrefixForConsensusNode(Prefix+"valcons", Prefix+"valconspub")
}

// Coins is an amount of rao as the bank takes it.
func Coins(rao uint64) sdk.Coins {
	return sdk.NewCoins(sdk.NewCoin(Denom, math.NewIntFromUint64(rao)))
}
