package network_test

import (
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/version"

	"agora/chain/network"
)

func TestKeyringsAndHelpCarryTheNetworksName(t *testing.T) {
	if sdk.KeyringServiceName() != network.Prefix || version.AppName != network.Prefix {
		t.Errorf("keyrings are %q's, help is %q's", sdk.KeyringServiceName(), version.AppName)
	}
	if version.Version == "" {
		t.Error("the program has no version")
	}
}
