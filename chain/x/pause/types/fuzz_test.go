package types_test

import (
	"errors"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "agora/chain/network" // sets the prefix of addresses
	"agora/chain/x/pause/types"
)

func FuzzPause(f *testing.F) {
	sender := sdk.AccAddress("alice_______________").String()
	seed := types.MsgPause{Sender: sender, TypeUrls: []string{"/cosmos.bank.v1beta1.MsgSend"}, Seconds: 60, Reason: "leak"}
	raw, err := seed.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m types.MsgPause
		if m.Unmarshal(raw) != nil {
			return
		}
		err := m.ValidateBasic()
		if err != nil && !errors.Is(err, types.ErrInvalid) && !errors.Is(err, types.ErrNever) {
			t.Fatalf("error outside the table: %v", err)
		}
		if err != nil {
			return
		}
		for _, url := range m.TypeUrls {
			if types.CheckPausable(url) != nil || len(url) > 128 {
				t.Fatalf("%q passed", url)
			}
		}
	})
}
