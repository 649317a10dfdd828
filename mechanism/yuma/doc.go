// Package yuma computes the epoch of a subnet: stake and weights in, pay and
// bonds out.
//
// Every validator grades the miners it has tested. No grade can be checked by the
// chain, so the epoch pays what stake agrees on. For every miner it takes the
// greatest weight that more than kappa of the active stake supports, a
// stake-weighted median; what a validator gave above that is cut off. A miner
// earns by the stake behind its clipped weights. A validator earns by its bonds:
// a bond is a slow memory of the weight that a validator gave a miner, and it is
// worth a share of what the miner earns now. Whoever finds a good miner early
// holds the bond before others do; whoever pays a friend that nobody else sees is
// clipped to nothing and bonds to nothing.
//
// The steps, each a method of Runner or of its workers:
//
//	 1  findActive             whose stake may count
//	 2  normalizeStake         S, the share of stake
//	 3  choosePermits          who may validate in the next epoch
//	 4  normalizeActiveStake   A, the share of active stake with a permit
//	 5  admitWeights           which weights count; gather: W, rows that sum to one
//	 6  consensus              C, the stake-weighted median of each column
//	 7  clip                   Wc = min(W, C) and the validators' trust
//	 8  clip, normalizeRanks   I, the miners' share
//	 9  blendWeights           Wb, the weights that become bonds
//	10  admitBonds             which old bonds count; before 6, as bonds are read with weights
//	11  moveAbsoluteBonds (Yuma3), moveRelativeBonds (Yuma2), sumDividends: D
//	12  emit                   rao
//	13  store                  u16, rounded down
//
// Where nothing but the shipped parameters is asked for, clipMoveAndStore does
// 7, 8, 9 and 11, and stores the bonds, in one pass over a column.
//
// Weights and bonds arrive as packed rows, one per validator, and every formula
// from 6 to 11 needs one column at a time. So a worker gathers a block of columns
// from all rows into a tile, one cell for each pair of validator and miner that
// has a weight or a bond, and computes each column from its cells alone. A
// validator that said nothing of a miner scored it zero; such zeros are never
// stored, their stake is one number in the median. The only sums that cross
// columns are trust, ranks and dividends, and they are sums of integers: any
// number of workers gives the same bits.
//
// Shares are integers in units of 2^−32 (package fixed). Nothing here is a float,
// reads a clock or draws a random number, and no input fails: what is missing
// counts as zero or as masked.
//
// Params selects the formula. Upstream is the reference chain's; Default is this
// chain's. docs/epoch.md explains the differences and shows what they do.
package yuma
