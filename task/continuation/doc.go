// Package continuation is the task family in which a miner says what comes next in a text that nobody has seen.
//
// The text is drawn from a public stochastic source, a grammar with English words (grammar.txt); miners learn from
// its public sample, judges draw fresh text from their secret seed. An item is one request: a text cut at a random byte,
// max_tokens 1, temperature 0, logprobs 256. The score is the logarithm of the probability that the miner declared for the
// byte that truly follows:
//
//	bits  = −log2 p(next byte), at most 16
//	score = 1 − bits/16
//
// A proper scoring rule: no declaration scores better on average than the miner's true belief. The mean of bits is
// the cross entropy in bits per byte, which no model brings below the entropy of the source (Source.Entropy).
//
// The cut is uniform over bytes, and one byte is hidden per request. Asking for a longer answer would not give more:
// from the second byte on the miner would condition on its own first byte instead of the true one, and could steer which
// bytes it is judged on. Cutting only where words begin would separate models in fewer items, but would rank them
// by another measure than bits per byte.
package continuation
