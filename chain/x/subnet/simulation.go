package subnet

import (
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"

	"github.com/cosmos/cosmos-sdk/types/module"

	"agora/chain/x/subnet/simulation"
	"agora/chain/x/subnet/types"
)

// GenerateGenesisState starts a simulation in an empty market whose times are short enough to run out in it.
func (AppModule) GenerateGenesisState(state *module.SimulationState) {
	genesis := types.DefaultGenesis()
	genesis.Params.MinTempo, genesis.Params.OwnerChangeSeconds = 10, 60
	genesis.Params.SubnetImmunitySeconds, genesis.Params.MaxSubnets = 3_600, 8
	genesis.Params.MinLock = 1_000
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
