package network

import (
	"os"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/version"
)

func init() {
	// Without a scope the SDK asks the system for host and executable each time it reads or writes an address, which
	// costs an epoch more than its arithmetic. The scope is ours whatever the environment says, so that no address
	// depends on it.
	os.Setenv(sdk.EnvConfigScope, Prefix) // fails only on a malformed name
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
