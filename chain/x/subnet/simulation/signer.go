package simulation

import "github.com/cosmos/cosmos-sdk/testutil/simsx"

// SignerOf is the account of a hot key, for the messages of other modules that hot keys sign. It skips the turn if no
// simulated account holds the key.
func SignerOf(players *simsx.ChainDataSource, reporter simsx.SimulationReporter, hotKey []byte) simsx.SimAccount {
	return signerOf(turn{ChainDataSource: players, SimulationReporter: reporter}, hotKey)
}
