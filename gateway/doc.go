// Package gateway is where consumers ask: an OpenAI-compatible server in front of a validator's connected miners.
//
//	consumer ── bearer key, limits ── scan ── route ── pick ── forward ── miner
//
// The body of a request is scanned, never decoded and encoded again: a miner gets the bytes that the consumer sent, in
// the same shape as the validator's own challenges, with nothing in it that tells them apart. A request goes to the top
// tier of the chain's ranking; other miners are there for fail-over, which happens before the first byte of an answer.
package gateway
