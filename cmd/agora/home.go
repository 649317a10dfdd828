package main

import (
	"cmp"
	"os"
	"path/filepath"
)

// Variables that name folders where no --home is given.
const (
	walletVar = "AGORA_WALLET" // of keys, tx, query, miner and validator
	nodeVar   = "AGORA_HOME"   // of node, as the SDK has it
)

// walletHome is where a person's keys are, with config/client.toml that says which network they are for. Every command
// that reads the chain or signs opens this one unless --home says otherwise.
func walletHome() string { return cmp.Or(os.Getenv(walletVar), ownFolder()) }

// nodeHome is where a chain node lives unless --home says otherwise.
func nodeHome() string { return cmp.Or(os.Getenv(nodeVar), filepath.Join(ownFolder(), "node")) }

// marketHome is where a local market lives unless --home says otherwise.
func marketHome() string { return filepath.Join(ownFolder(), "localnet") }

// ownFolder is ~/.agora.
func ownFolder() string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".agora")
}
