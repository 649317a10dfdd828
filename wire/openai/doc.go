// Package openai holds the request and response shapes of OpenAI's HTTP API that every role speaks:
// the consumer to the gateway, the gateway to the miner, the judge to the miner, the miner to its backend.
// The package is pure: no I/O, no state.
package openai
