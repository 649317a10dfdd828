package app

import (
	"cosmossdk.io/client/v2/autocli"
	"cosmossdk.io/core/appmodule"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/grpc/cmtservice"
	nodeservice "github.com/cosmos/cosmos-sdk/client/grpc/node"
	runtimeservices "github.com/cosmos/cosmos-sdk/runtime/services"
	"github.com/cosmos/cosmos-sdk/server"
	"github.com/cosmos/cosmos-sdk/server/api"
	"github.com/cosmos/cosmos-sdk/server/config"
	authtx "github.com/cosmos/cosmos-sdk/x/auth/tx"
)

// AutoCLI describes the modules' commands for `agora tx` and `agora query`.
func (app *App) AutoCLI() autocli.AppOptions {
	modules := map[string]appmodule.AppModule{}
	for name, m := range app.Modules.Modules {
		if am, ok := m.(appmodule.AppModule); ok {
			modules[name] = am
		}
	}
	return autocli.AppOptions{
		Modules: modules, ModuleOptions: runtimeservices.ExtractAutoCLIOptions(app.Modules.Modules),
		AddressCodec: accounts, ValidatorAddressCodec: operators, ConsensusAddressCodec: consensors,
	}
}

// RegisterAPIRoutes adds the REST routes.
func (app *App) RegisterAPIRoutes(s *api.Server, _ config.APIConfig) {
	c, gw := s.ClientCtx, s.GRPCGatewayRouter
	authtx.RegisterGRPCGatewayRoutes(c, gw)
	cmtservice.RegisterGRPCGatewayRoutes(c, gw)
	nodeservice.RegisterGRPCGatewayRoutes(c, gw)
	app.Basics.RegisterGRPCGatewayRoutes(c, gw)
}

// RegisterTxService adds the gRPC service that broadcasts and simulates transactions.
func (app *App) RegisterTxService(c client.Context) {
	authtx.RegisterTxService(app.GRPCQueryRouter(), c, app.Simulate, app.Registry)
}

// RegisterTendermintService adds the gRPC service for blocks and validators.
func (app *App) RegisterTendermintService(c client.Context) {
	cmtservice.RegisterTendermintService(c, app.GRPCQueryRouter(), app.Registry, server.NewCometABCIWrapper(app).Query)
}

// RegisterNodeService adds the gRPC service about this node.
func (app *App) RegisterNodeService(c client.Context, cfg config.Config) {
	nodeservice.RegisterNodeService(c, app.GRPCQueryRouter(), cfg, func() int64 { return app.CommitMultiStore().EarliestVersion() })
}
