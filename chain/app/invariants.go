package app

import (
	"fmt"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"agora/chain/network"
	emissionkeeper "agora/chain/x/emission/keeper"
	subnettypes "agora/chain/x/subnet/types"
)

// CheckInvariants holds the state after a block to every module's invariants and the supply to the sum of all balances.
// It reads the whole state: tests call it, no node does.
func (app *App) CheckInvariants(ctx sdk.Context) error {
	if err := app.Emission.CheckLedger(ctx); err != nil {
		return err
	}
	pool, err := app.Distribution.FeePool.Get(ctx)
	if err != nil {
		return err
	}
	if err := emissionkeeper.CheckRewards(ctx, app.Bank, app.Distribution, pool.CommunityPool); err != nil {
		return err
	}
	for _, i := range app.Subnet.Invariants(app.locks) {
		if err := i.Check(ctx); err != nil {
			return fmt.Errorf("subnet: %s: %w", i.Name, err)
		}
	}
	for _, i := range app.Yuma.Invariants() {
		if err := i.Check(ctx); err != nil {
			return fmt.Errorf("yuma: %s: %w", i.Name, err)
		}
	}
	for _, i := range app.Pause.Invariants() {
		if err := i.Check(ctx); err != nil {
			return fmt.Errorf("pause: %s: %w", i.Name, err)
		}
	}
	return app.checkSupply(ctx)
}

// locks is what the subnet module holds, in rao.
func (app *App) locks(ctx sdk.Context) uint64 {
	return app.Bank.GetBalance(ctx, authtypes.NewModuleAddress(subnettypes.ModuleName), network.Denom).Amount.Uint64()
}

func (app *App) checkSupply(ctx sdk.Context) error {
	held := math.ZeroInt()
	app.Bank.IterateAllBalances(ctx, func(_ sdk.AccAddress, c sdk.Coin) bool {
		held = held.Add(c.Amount)
		return false
	})
	if have := app.Bank.GetSupply(ctx, network.Denom).Amount; !held.Equal(have) {
		return fmt.Errorf("the supply is %s rao, accounts hold %s", have, held)
	}
	return nil
}
