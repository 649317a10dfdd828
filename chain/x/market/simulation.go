package market

import (
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	"github.com/cosmos/cosmos-sdk/types/module"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"

	"agora/chain/x/market/simulation"
	"agora/chain/x/market/types"
)

// GenerateGenesisState starts a simulation in which deposits can soon be taken back.
func (AppModule) GenerateGenesisState(state *module.SimulationState) {
	genesis := types.DefaultGenesis()
	genesis.Params.MinWithdrawDelay = simulation.Delay
	state.GenState[types.ModuleName] = state.Cdc.MustMarshalJSON(genesis)
}

// RegisterStoreDecoder prints differing state by collection.
func (m AppModule) RegisterStoreDecoder(decoders simtypes.StoreDecoderRegistry) {
	decoders[types.StoreKey] = simtypes.NewStoreDecoderFuncFromCollectionsSchema(m.keeper.Schema)
}

// WeightedOperationsX adds the module's messages to a simulation.
func (m AppModule) WeightedOperationsX(weights simsx.WeightSource, reg simsx.Registry) {
	simulation.Register(m.keeper, weights, reg)
}
