// Package validator judges the miners of the subnets that it serves, and tells the chain what it found.
//
// The order of operations in one subnet, tempo after tempo:
//
//  1. Judge. Draw an item from the secret seed, send it to every miner that the board asks about, all at once, over the
//     same connection and in the same shape as a consumer's request (gateway.Request). Score what comes back, write
//     it to the store, then count it on the board. While the order is in doubt rounds follow each other; once it is
//     settled only a trickle remains, a few items per tempo at times that a miner cannot foresee.
//  2. Commit, in the first half of the tempo. Take the board's weights and a fresh salt, write both to the disk, then
//     send the hash. No weights are committed before every miner has been asked often enough (score.Params.MinItems).
//  3. Change seeds. The salt that was just committed, mixed with the hash of the block after the commit, is the seed of
//     the items from now on: it was fixed before anybody could know the mix, and it is used until the next commit.
//     Before the first commit items come from a seed that nobody was told of, so they cannot be checked afterwards.
//  4. Reveal, reveal_delay tempos later, in the second half: weights and salt go on chain, which also publishes the seed of
//     items that by then are spent. Before that a seed still in use is replaced by a new one. Then the record is
//     forgotten.
//
// Whoever has seen an item and gives no answer has answered wrong; otherwise a miner could decline what is hard. Only a
// miner that is not connected, or says 429 twice, has failed without an answer, which costs service, not capability.
//
// A crash between any two steps loses nothing: the commit of a tempo is drawn once and found again in the store, what
// the chain already has is looked up there before anything is sent, and rounds that were counted are on the disk.
// Neither prompts nor answers are logged or stored; the store keeps hashes and scores.
package validator
