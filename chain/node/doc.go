// Package node is one CometBFT node with the application of this chain, in this process: `agora node start` runs one, a
// local market several.
package node
