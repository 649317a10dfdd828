// Package client is the chain for programs: typed queries, a stream of blocks with decoded events, and one
// transaction queue per key. It talks to a CometBFT node, over HTTP (Dial) or inside the same process (New), and
// needs neither the node's transaction index nor its gRPC server.
//
//	c, err := client.Dial("http://127.0.0.1:26657")
//	subnets, err := c.Subnets(ctx)
//	for b := range c.Blocks(ctx) { ... }                      // survives restarts of the node
//	result, err := c.Queue(client.HotSigner(key)).Send(ctx, msg) // waits until a block holds it
//
// Every call has a deadline, every answer a size limit. Errors can be told apart with errors.Is:
// ErrUnreachable, ErrNotFound, ErrRefused, ErrFailed, ErrExpired.
package client
