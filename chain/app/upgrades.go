package app

import (
	"context"

	"github.com/cosmos/cosmos-sdk/types/module"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"
)

// Upgrades names the plans that this program can carry out, oldest first. Each runs the modules' registered migrations.
var Upgrades = []string{"v2"}

func (app *App) setUpgrades(configurator module.Configurator) {
	for _, name := range Upgrades {
		app.Upgrade.SetUpgradeHandler(name, func(ctx context.Context, _ upgradetypes.Plan, from module.VersionMap) (module.VersionMap, error) {
			return app.Modules.RunMigrations(ctx, configurator, from)
		})
	}
}
