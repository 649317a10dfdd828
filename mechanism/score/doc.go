// Package score turns judged answers into a weight vector, off the chain: the one mechanism package with floats.
//
// A Board holds one subnet's answers. From them it derives, for every miner,
//
//	capability  = the lower confidence bound of its mean score, as skill above chance   (Bound)
//	service     = answered / asked lately, times a factor for slowness, 0 when it is gone
//	gate        = 1, or 0 where a check of authenticity failed                           (SetGate)
//	tier        = miners that the evidence cannot tell apart                             (compare)
//	prize       = 1/k^1.5 for the k-th place; a tier shares the prizes of its places evenly
//	weight      = gate × service × capability of the tier × prize of the tier, scaled so that the best is 65535
//
// The functions are pure: no clock, no randomness, no I/O; the same calls give the same weights.
package score
