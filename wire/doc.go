// Package wire is how the roles talk. A miner dials a validator; both ends of the TLS 1.3 connection are pinned to
// ed25519 hot keys, so no certificate authority, no open port at the miner and no signature per request is needed.
// The validator opens yamux streams over that connection and speaks HTTP/1.1 on them, in the shapes of OpenAI's API.
//
//	miner     Serve   keeps one connection to one validator and answers with an http.Handler
//	validator Hub     accepts miners and gives one http.RoundTripper per hot key
//
// The connection proves who speaks but leaves no evidence of it: what must convince a third party is signed separately.
package wire
