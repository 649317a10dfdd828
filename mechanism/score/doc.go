// Package score turns judged answers into a weight vector, off the chain: the one mechanism package with floats.
//
// A Board holds one subnet's answers. From them it derives, for every miner,
//
//	answered    = answered / asked over the last hundred requests: what an absence costs, however it happens
//	capability  = answered × the lower confidence bound of the mean score, as skill above chance   (Bound)
//	service     = a factor for slowness, 0 while it is away
//	gate        = 1, or 0 where a check of authenticity failed                                     (SetGate)
//	tier        = miners that the evidence cannot tell apart                                       (compare)
//	prize       = 1/k^1.5 for the k-th tier; its members share it evenly
//	weight      = gate × service × capability of the tier × share of its prize, scaled so that the best is 65535
//
// The functions are pure: no clock, no randomness, no I/O; the same calls give the same weights.
package score
