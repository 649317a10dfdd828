package network_test

import (
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
)

func TestAnAddressHasOneSpelling(t *testing.T) {
	want := sdk.AccAddress("0123456789abcdefghij")
	if got, err := network.Account(want.String()); err != nil || !got.Equals(want) {
		t.Errorf("%s, %v", got, err)
	}
	for _, text := range []string{strings.ToUpper(want.String()), " " + want.String(), want.String() + "\n", "", "agora1"} {
		if got, err := network.Account(text); err == nil {
			t.Errorf("%q was taken for %s", text, got)
		}
	}
}
