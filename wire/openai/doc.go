// Package openai holds the request and response shapes of OpenAI's HTTP API that every role speaks:
// the consumer to the gateway, the gateway to the miner, the judge to the miner, the miner to its backend.
// Requests are decoded strictly and within bounds; streams are read and written as server-sent events. No state.
package openai
