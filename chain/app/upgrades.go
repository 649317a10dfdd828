package app

import (
	"context"

	"github.com/cosmos/cosmos-sdk/types/module"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"
)

// upgrades names the plans that this binary can carry out. Each runs the modules' registered migrations.
var upgrades = []string{"v2"}

func (app *App) setUpgrades(configurator module.Configurator) {
	for _, name := range upgrades {
		app.Upgrade.SetUpgradeHandler(name, func(ctx context.Context, _ upgradetypes.Plan, from module.VersionMap) (module.VersionMap, error) {
			return app.Modules.RunMigrations(ctx, configurator, from)
		})
	}
}
