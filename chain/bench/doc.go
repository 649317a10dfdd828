// Package bench measures the chain: one node's application on its real store with the options that a node ships with, fed
// by transactions signed beforehand, beside a chain of the SDK's own modules with the same accounts, fees, block limits and
// store in the same run; the worst blocks that epochs can make; what a day adds to the disk; and four nodes as processes.
// `make bench-chain` runs it.
//
// Each chain is a process of its own, so that its processor time and memory are nobody else's, and chains that are compared
// make their blocks in turn. What a block costs here is checking each transaction on arrival, proposing, executing and
// committing. Consensus, the network, RPC and the indexer are only in the measurement of four nodes: they are the SDK's
// and CometBFT's and the same for both chains.
package bench
