// Package bench measures the chain: one node's application on its real store, fed by transactions signed beforehand,
// beside a bare SDK chain (auth, bank and staking only) with the same accounts, fees, block limits and database in the
// same run; and the worst blocks that epochs can make. `make bench-chain` runs it.
//
// What a block costs here is checking each transaction on arrival, proposing, executing and committing. Consensus, the
// network, RPC and the indexer are not in it: they are the SDK's and CometBFT's and the same for both chains.
package bench
