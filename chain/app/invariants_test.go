package app_test

import (
	"strings"
	"testing"

	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/app"
	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/scenario"
)

// TestANodeStopsWhereAnInvariantIsBroken takes a rao out of a lock, in block 9, on nodes that check
// every third block, and none: one stops there and says what is wrong.
func TestANodeStopsWhereAnInvariantIsBroken(t *testing.T) {
	for every, want := range map[int]string{3: "INVARIANT BROKEN at block 9: emission: the book adds up", 0: "after block 9"} {
		a, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), false, settings{app.FlagCheckInvariants: every},
			baseapp.SetChainID(scenario.ChainID))
		if err != nil {
			t.Fatal(err)
		}
		a.SetBeginBlocker(func(ctx sdk.Context) (sdk.BeginBlock, error) {
			begin, err := a.Modules.BeginBlock(ctx)
			if err == nil && ctx.BlockHeight() == 9 {
				err = a.Bank.SendCoinsFromModuleToModule(ctx, subnettypes.ModuleName, emissiontypes.ModuleName, network.Coins(1))
			}
			return begin, err
		})
		if err := a.LoadLatestVersion(); err != nil {
			t.Fatal(err)
		}
		w := scenario.On(a)
		err = w.Tell("stake val1 100\nsubnet text miners a\nblocks 20")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("every %d blocks: %v, want %q", every, err, want)
		}
	}
}
