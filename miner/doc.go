// Package miner is the role that answers: a Server puts an engine or another server behind OpenAI's HTTP API with a
// declared capacity, and a Miner keeps a connection to every validator of the directory, over which requests come in.
package miner
