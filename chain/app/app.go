// Package app wires the chain by hand: the SDK's modules, ours, and the order in which they run.
package app

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"
	reflectionv1 "cosmossdk.io/api/cosmos/reflection/v1"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	runtimeservices "github.com/cosmos/cosmos-sdk/runtime/services"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/version"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
)

// Name of the application, as CometBFT shows it.
const Name = "agora"

// App is the state machine: BaseApp with our keepers.
type App struct {
	*baseapp.BaseApp
	Encoding
	Keepers

	Modules *module.Manager
	Basics  module.BasicManager
	keys    map[string]*storetypes.KVStoreKey
	closing sync.Once
	height  atomic.Int64 // of the last block; 0 before the program has made one
}

var _ servertypes.Application = (*App)(nil)

// New builds the application on db. With loadLatest it reads the last committed version and is ready for blocks.
// A broken store or a wrong wiring is an error; nothing is written.
func New(logger log.Logger, db dbm.DB, loadLatest bool, options servertypes.AppOptions, base ...func(*baseapp.BaseApp)) (*App, error) {
	enc := makeEncoding()
	bApp := baseapp.NewBaseApp(Name, logger, db, enc.TxConfig.TxDecoder(), base...)
	bApp.SetVersion(version.Version)
	bApp.SetInterfaceRegistry(enc.Registry)
	bApp.SetTxEncoder(enc.TxConfig.TxEncoder())

	app := &App{BaseApp: bApp, Encoding: enc, keys: storetypes.NewKVStoreKeys(storeNames()...)}
	app.makeKeepers(logger, options)
	if err := app.makeModules(); err != nil {
		return nil, err
	}
	app.MountKVStores(app.keys)
	if err := app.setStoreLoader(); err != nil {
		return nil, err
	}
	if err := app.setHandlers(options); err != nil {
		return nil, err
	}
	if loadLatest {
		if err := app.LoadLatestVersion(); err != nil {
			return nil, fmt.Errorf("load the last block's state: %w", err)
		}
	}
	return app, nil
}

// Close closes the stores. The SDK's server asks for it twice; the second time is nothing.
func (app *App) Close() (err error) {
	app.closing.Do(func() { err = app.BaseApp.Close() })
	return err
}

// makeModules registers the modules' services, codecs and order.
func (app *App) makeModules() error {
	app.Modules = module.NewManager(app.modules()...)
	app.Basics = module.NewBasicManagerFromManager(app.Modules, map[string]module.AppModuleBasic{
		genutiltypes.ModuleName: genutil.NewAppModuleBasic(genutiltypes.DefaultMessageValidator),
	})
	app.Basics.RegisterLegacyAminoCodec(app.Amino)
	app.Basics.RegisterInterfaces(app.Registry)
	setOrder(app.Modules)

	configurator := module.NewConfigurator(app.Codec, codedServices{app.MsgServiceRouter(), refuseKnownPlan}, app.GRPCQueryRouter())
	if err := app.Modules.RegisterServices(configurator); err != nil {
		return err
	}
	app.setUpgrades(configurator)
	autocliv1.RegisterQueryServer(app.GRPCQueryRouter(), runtimeservices.NewAutoCLIQueryService(app.Modules.Modules))
	reflection, err := runtimeservices.NewReflectionService()
	if err != nil {
		return err
	}
	reflectionv1.RegisterReflectionServiceServer(app.GRPCQueryRouter(), reflection)
	return nil
}

// setHandlers connects the block's phases.
func (app *App) setHandlers(options servertypes.AppOptions) error {
	app.SetInitChainer(app.initChainer)
	app.SetPreBlocker(app.preBlock)
	app.SetBeginBlocker(func(ctx sdk.Context) (sdk.BeginBlock, error) { return app.Modules.BeginBlock(ctx) })
	app.SetEndBlocker(app.endBlocker(options))
	ante, err := app.anteHandler()
	if err != nil {
		return err
	}
	waiting := newPool(app.TxConfig.TxDecoder(), app, app.rehearsal(ante))
	app.SetCheckTxHandler(waiting.checkTx)
	app.SetPrepareProposal(waiting.propose)
	app.SetProcessProposal(waiting.accept)
	app.SetAnteHandler(codedAnte(ante))
	return nil
}

func (app *App) initChainer(ctx sdk.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	var state map[string]json.RawMessage
	if err := json.Unmarshal(req.AppStateBytes, &state); err != nil {
		return nil, fmt.Errorf("genesis: app_state: %w", err)
	}
	if err := app.Upgrade.SetModuleVersionMap(ctx, app.Modules.GetVersionMap()); err != nil {
		return nil, err
	}
	app.setDone(ctx)
	return app.Modules.InitGenesis(ctx, app.Codec, state)
}
