// Package yuma is the module that decides: it takes validators' weights, hidden until revealed, and turns them into pay
// at the end of each tempo. README.md lists its state, messages and parameters.
package yuma

import (
	"context"
	"encoding/json"
	"fmt"

	gwruntime "github.com/grpc-ecosystem/grpc-gateway/runtime"

	"cosmossdk.io/core/appmodule"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"

	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
)

var (
	_ module.AppModuleBasic      = AppModule{}
	_ module.HasGenesis          = AppModule{}
	_ module.HasServices         = AppModule{}
	_ module.HasConsensusVersion = AppModule{}
	_ appmodule.HasBeginBlocker  = AppModule{}
	_ appmodule.HasEndBlocker    = AppModule{}
)

// AppModule connects the keeper to the application.
type AppModule struct {
	cdc    codec.Codec
	keeper *keeper.Keeper
}

// NewAppModule returns the module over its keeper.
func NewAppModule(cdc codec.Codec, k *keeper.Keeper) AppModule { return AppModule{cdc, k} }

// IsOnePerModuleType implements depinject's marker.
func (AppModule) IsOnePerModuleType() {}

// IsAppModule implements appmodule's marker.
func (AppModule) IsAppModule() {}

// Name returns the module's name.
func (AppModule) Name() string { return types.ModuleName }

// ConsensusVersion counts incompatible changes of the state.
func (AppModule) ConsensusVersion() uint64 { return 4 }

// RegisterLegacyAminoCodec registers nothing: the module has no amino types.
func (AppModule) RegisterLegacyAminoCodec(*codec.LegacyAmino) {}

// RegisterInterfaces makes the messages known.
func (AppModule) RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	types.RegisterInterfaces(registry)
}

// RegisterGRPCGatewayRoutes serves the queries over REST.
func (AppModule) RegisterGRPCGatewayRoutes(c client.Context, mux *gwruntime.ServeMux) {
	if err := types.RegisterQueryHandlerClient(context.Background(), mux, types.NewQueryClient(c)); err != nil {
		panic(err) // only a route that is taken
	}
}

// RegisterServices serves messages and queries.
func (am AppModule) RegisterServices(cfg module.Configurator) {
	types.RegisterMsgServer(cfg.MsgServer(), keeper.NewMsgServer(am.keeper))
	types.RegisterQueryServer(cfg.QueryServer(), keeper.NewQueryServer(am.keeper))
	migrator := keeper.NewMigrator(am.keeper)
	for i, migrate := range []module.MigrationHandler{
		func(ctx sdk.Context) error { return migrator.Migrate1to2(ctx) },
		func(ctx sdk.Context) error { return migrator.Migrate2to3(ctx) },
		func(ctx sdk.Context) error { return migrator.Migrate3to4(ctx) },
	} {
		if err := cfg.RegisterMigration(types.ModuleName, uint64(i+1), migrate); err != nil {
			panic(fmt.Sprintf("yuma: migration: %v", err)) // only a version registered twice can fail here
		}
	}
}

// DefaultGenesis has no weights yet.
func (AppModule) DefaultGenesis(cdc codec.JSONCodec) json.RawMessage {
	return cdc.MustMarshalJSON(types.DefaultGenesis())
}

// ValidateGenesis checks the module's part of a genesis file.
func (AppModule) ValidateGenesis(cdc codec.JSONCodec, _ client.TxEncodingConfig, bz json.RawMessage) error {
	var g types.GenesisState
	if err := cdc.UnmarshalJSON(bz, &g); err != nil {
		return fmt.Errorf("genesis of %s: %w", types.ModuleName, err)
	}
	return g.Validate()
}

// InitGenesis writes the module's part of a genesis file; a broken one stops the start.
func (am AppModule) InitGenesis(ctx sdk.Context, cdc codec.JSONCodec, bz json.RawMessage) {
	var g types.GenesisState
	cdc.MustUnmarshalJSON(bz, &g)
	if err := am.start(ctx, g); err != nil {
		panic(fmt.Sprintf("%s genesis: %v", types.ModuleName, err))
	}
}

// start writes a genesis that is valid by itself and fits the subnets.
func (am AppModule) start(ctx sdk.Context, g types.GenesisState) error {
	if err := g.Validate(); err != nil {
		return err
	}
	if err := am.keeper.InitGenesis(ctx, g); err != nil {
		return err
	}
	for _, i := range am.keeper.Invariants() {
		if err := i.Check(ctx); err != nil {
			return fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	return nil
}

// ExportGenesis reads the whole state of the module.
func (am AppModule) ExportGenesis(ctx sdk.Context, cdc codec.JSONCodec) json.RawMessage {
	g, err := am.keeper.ExportGenesis(ctx)
	if err != nil {
		panic(err)
	}
	return cdc.MustMarshalJSON(g)
}

// BeginBlock seeds the commits of the last block.
func (am AppModule) BeginBlock(ctx context.Context) error {
	return am.keeper.BeginBlock(sdk.UnwrapSDKContext(ctx))
}

// EndBlock runs the epochs that are due.
func (am AppModule) EndBlock(ctx context.Context) error {
	return am.keeper.EndBlock(sdk.UnwrapSDKContext(ctx))
}
