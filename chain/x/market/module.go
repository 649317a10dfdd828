// Package market is the module of payment channels: deposits, vouchers and what they settle. README.md lists its state, messages and parameters.
package market

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

	"agora/chain/x/market/keeper"
	"agora/chain/x/market/types"
)

var (
	_ appmodule.AppModule        = AppModule{}
	_ module.AppModuleBasic      = AppModule{}
	_ module.HasGenesis          = AppModule{}
	_ module.HasServices         = AppModule{}
	_ module.HasConsensusVersion = AppModule{}
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

// ConsensusVersion rises with every change of the state's layout.
func (AppModule) ConsensusVersion() uint64 { return 1 }

// RegisterLegacyAminoCodec registers nothing: the module's messages are signed in protobuf only.
func (AppModule) RegisterLegacyAminoCodec(*codec.LegacyAmino) {}

// RegisterInterfaces makes the module's messages known to the codec.
func (AppModule) RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	types.RegisterInterfaces(registry)
}

// RegisterGRPCGatewayRoutes serves the queries over REST.
func (AppModule) RegisterGRPCGatewayRoutes(c client.Context, mux *gwruntime.ServeMux) {
	if err := types.RegisterQueryHandlerClient(context.Background(), mux, types.NewQueryClient(c)); err != nil {
		panic(fmt.Sprintf("market: REST routes: %v", err)) // only a mistake in the generated code can fail here
	}
}

// RegisterServices serves messages and queries.
func (m AppModule) RegisterServices(cfg module.Configurator) {
	types.RegisterMsgServer(cfg.MsgServer(), keeper.NewMsgServer(m.keeper))
	types.RegisterQueryServer(cfg.QueryServer(), keeper.NewQueryServer(m.keeper))
}

// DefaultGenesis has no channels.
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

// start writes a genesis that is valid by itself and at this time.
func (m AppModule) start(ctx sdk.Context, genesis types.GenesisState) error {
	if err := genesis.Validate(); err != nil {
		return err
	}
	if err := m.keeper.InitGenesis(ctx, genesis); err != nil {
		return err
	}
	for _, i := range m.keeper.Invariants() {
		if err := i.Check(ctx); err != nil {
			return fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	return nil
}

// ExportGenesis returns the whole state.
func (m AppModule) ExportGenesis(ctx sdk.Context, cdc codec.JSONCodec) json.RawMessage {
	genesis, err := m.keeper.ExportGenesis(ctx)
	if err != nil {
		panic(fmt.Sprintf("%s genesis: %v", types.ModuleName, err))
	}
	return cdc.MustMarshalJSON(genesis)
}
