// Package validator judges the miners of the subnets that it serves, and tells the chain what it found.
//
// The order of operations in one subnet, tempo after tempo:
//
//  1. Judge. Each miner has a lane: it draws an item from the pool of those under way, sends it over the same connection and
//     in the same shape as a consumer's request (gateway.Request), and files what comes of it: on the disk, then on the board.
//     A lane keeps to its miner's pace and no other waits for it. While the order is in doubt item follows item; once it is
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
// Whatever keeps a miner from answering is an absence, and all absences cost the same: the answered share of its last requests
// multiplies what its answers are worth. So nobody gains by declining what is hard, and a crashed backend is no wrong answer.
//
// A crash between any two steps loses nothing: the commit of a tempo is drawn once and found again in the store, what
// the chain already has is looked up there before anything is sent, and rounds that were counted are on the disk.
// Neither prompts nor answers are logged or stored; the store keeps hashes and scores.
package validator
