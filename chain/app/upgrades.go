package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/spf13/cast"

	"github.com/cosmos/cosmos-sdk/server"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"github.com/cosmos/cosmos-sdk/types/module"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	feetypes "agora/chain/x/fee/types"
	markettypes "agora/chain/x/market/types"
	modeltypes "agora/chain/x/model/types"
)

// Upgrade is a change that a running chain takes over at a block that its governance names.
type Upgrade struct {
	Name   string
	Stores storetypes.StoreUpgrades
}

// Upgrades lists the changes that this program can carry out, oldest first. Each runs the modules' registered migrations, all
// up to this program's: a chain that takes an older upgrade with it has the newer ones with that, and their stores.
// A chain that begins with this program has them all: to it these names say nothing any more.
var Upgrades = []Upgrade{
	{Name: "v2", Stores: storetypes.StoreUpgrades{Added: []string{feetypes.StoreKey, modeltypes.StoreKey, markettypes.StoreKey}}},
	{Name: "v3", Stores: storetypes.StoreUpgrades{Added: []string{modeltypes.StoreKey, markettypes.StoreKey}}},
	{Name: "v4", Stores: storetypes.StoreUpgrades{Added: []string{markettypes.StoreKey}}},
}

func (app *App) setUpgrades(configurator module.Configurator) {
	for _, u := range Upgrades {
		app.Upgrade.SetUpgradeHandler(u.Name, func(ctx context.Context, _ upgradetypes.Plan, from module.VersionMap) (module.VersionMap, error) {
			return app.Modules.RunMigrations(ctx, configurator, from)
		})
	}
}

// setStoreLoader adds a due upgrade's stores to those of the last block: the program that stopped for the upgrade left its
// plan in upgrade-info.json.
func (app *App) setStoreLoader() error {
	plan, err := app.Upgrade.ReadUpgradeInfoFromDisk()
	if err != nil {
		return fmt.Errorf("read the plan of the upgrade: %w", err)
	}
	i := slices.IndexFunc(Upgrades, func(u Upgrade) bool { return u.Name == plan.Name })
	if i >= 0 && !app.Upgrade.IsSkipHeight(plan.Height) {
		app.SetStoreLoader(upgradetypes.UpgradeStoreLoader(plan.Height, &Upgrades[i].Stores))
	}
	return nil
}

// setDone notes on a new chain that it has every upgrade that this program knows, under the keys of x/upgrade. Scheduling
// one of them, which would stop every node at once, is then refused: it has already been completed.
func (app *App) setDone(ctx sdk.Context) {
	store := ctx.KVStore(app.keys[upgradetypes.StoreKey])
	height := uint64(max(1, ctx.BlockHeight())) // 0 would say that it never ran
	for _, u := range Upgrades {
		key := binary.BigEndian.AppendUint64([]byte{upgradetypes.DoneByte}, height)
		store.Set(append(key, u.Name...), []byte{1})
	}
}

// refuseKnownPlan refuses to schedule what this program can already do: every node that runs it would stop in the next
// block, since it came too early. A plan is voted for first, and its program started when the nodes have stopped for it.
func refuseKnownPlan(msg any) error {
	m, ok := msg.(*upgradetypes.MsgSoftwareUpgrade)
	if !ok {
		return nil
	}
	for _, u := range Upgrades {
		if u.Name == m.Plan.Name {
			return sdkerrors.ErrInvalidRequest.Wrapf("the nodes' program already contains the upgrade %q: name the next one", u.Name)
		}
	}
	return nil
}

// skipped are the heights at which the operator lets no upgrade run.
func skipped(options servertypes.AppOptions) map[int64]bool {
	heights := map[int64]bool{}
	for _, h := range cast.ToIntSlice(options.Get(server.FlagUnsafeSkipUpgrades)) {
		heights[int64(h)] = true
	}
	return heights
}
