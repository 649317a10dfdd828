// Package subnet is the module of markets: who may compete in which task, under which key, and by which rules.
package subnet

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

	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

var (
	_ appmodule.AppModule        = AppModule{}
	_ module.AppModuleBasic      = AppModule{}
	_ module.HasGenesis          = AppModule{}
	_ module.HasServices         = AppModule{}
	_ module.HasConsensusVersion = AppModule{}
	_ appmodule.HasEndBlocker    = AppModule{}
)

// AppModule connects the keeper to the application.
type AppModule struct {
	cdc    codec.Codec
	keeper *keeper.Keeper
}

// NewAppModule returns the module over k.
func NewAppModule(cdc codec.Codec, k *keeper.Keeper) AppModule {
	return AppModule{cdc: cdc, keeper: k}
}

// IsOnePerModuleType marks the module for the SDK.
func (AppModule) IsOnePerModuleType() {}

// IsAppModule marks the module for the SDK.
func (AppModule) IsAppModule() {}

// Name is the module's name.
func (AppModule) Name() string { return types.ModuleName }

// ConsensusVersion rises with every change of the state's layout and of the parameter table.
func (AppModule) ConsensusVersion() uint64 { return types.TableVersion }

// RegisterLegacyAminoCodec registers nothing: the module's messages are signed in protobuf only.
func (AppModule) RegisterLegacyAminoCodec(*codec.LegacyAmino) {}

// RegisterInterfaces makes the module's messages known to the codec.
func (AppModule) RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	types.RegisterInterfaces(registry)
}

// RegisterGRPCGatewayRoutes serves the queries over REST.
func (AppModule) RegisterGRPCGatewayRoutes(c client.Context, mux *gwruntime.ServeMux) {
	if err := types.RegisterQueryHandlerClient(context.Background(), mux, types.NewQueryClient(c)); err != nil {
		panic(fmt.Sprintf("subnet: REST routes: %v", err)) // only a mistake in the generated code can fail here
	}
}

// RegisterServices serves messages and queries.
func (m AppModule) RegisterServices(cfg module.Configurator) {
	types.RegisterMsgServer(cfg.MsgServer(), keeper.NewMsgServer(m.keeper))
	types.RegisterQueryServer(cfg.QueryServer(), keeper.NewQueryServer(m.keeper))
	migrator := keeper.NewMigrator(m.keeper)
	for i, migrate := range []module.MigrationHandler{
		func(ctx sdk.Context) error { return migrator.Migrate1to2(ctx) },
		func(ctx sdk.Context) error { return migrator.Migrate2to3(ctx) },
		func(ctx sdk.Context) error { return migrator.Migrate3to4(ctx) },
	} {
		if err := cfg.RegisterMigration(types.ModuleName, uint64(i+1), migrate); err != nil {
			panic(fmt.Sprintf("subnet: migration: %v", err)) // only a version registered twice can fail here
		}
	}
}

// EndBlock pays held locks back.
func (m AppModule) EndBlock(ctx context.Context) error {
	return m.keeper.EndBlock(sdk.UnwrapSDKContext(ctx))
}

// DefaultGenesis is a market without subnets.
func (AppModule) DefaultGenesis(cdc codec.JSONCodec) json.RawMessage {
	return cdc.MustMarshalJSON(types.DefaultGenesis())
}

// ValidateGenesis checks a genesis without state.
func (AppModule) ValidateGenesis(cdc codec.JSONCodec, _ client.TxEncodingConfig, raw json.RawMessage) error {
	var genesis types.GenesisState
	if err := cdc.UnmarshalJSON(raw, &genesis); err != nil {
		return fmt.Errorf("%s genesis: %w", types.ModuleName, err)
	}
	return genesis.Validate()
}

// InitGenesis writes the state of a new chain; it panics on a genesis that is not valid, as the SDK asks.
func (m AppModule) InitGenesis(ctx sdk.Context, cdc codec.JSONCodec, raw json.RawMessage) {
	var genesis types.GenesisState
	cdc.MustUnmarshalJSON(raw, &genesis)
	if err := m.start(ctx, genesis); err != nil {
		panic(fmt.Sprintf("%s genesis: %v", types.ModuleName, err))
	}
}

// start writes a genesis that is valid by itself and whose locks the module's account holds.
func (m AppModule) start(ctx sdk.Context, genesis types.GenesisState) error {
	if err := genesis.Validate(); err != nil {
		return err
	}
	if err := m.keeper.InitGenesis(ctx, genesis); err != nil {
		return err
	}
	return m.keeper.CheckFunds(ctx)
}

// ExportGenesis returns the whole state.
func (m AppModule) ExportGenesis(ctx sdk.Context, cdc codec.JSONCodec) json.RawMessage {
	genesis, err := m.keeper.ExportGenesis(ctx)
	if err != nil {
		panic(fmt.Sprintf("%s genesis: %v", types.ModuleName, err))
	}
	return cdc.MustMarshalJSON(genesis)
}
