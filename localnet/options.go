// Package localnet runs a whole market in one process, on loopback, from a seed: chain nodes, validators with
// gateways, miners with real models, a nominator and a consumer.
package localnet

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Options say which market to run.
type Options struct {
	Home       string        // where everything is kept
	Seed       string        // names the accounts and keys; the same seed gives the same addresses
	BasePort   int           // first of the ports used; 0 takes free ones
	Validators int           // 1 to 16
	Miners     int           // chat miners, 1 to 32; 0 is one for each model that ships
	Models     []string      // models of the store that mine the chat subnet besides those that ship
	Senses     bool          // open markets of what is no text, where their miners are installed
	Store      string        // folder of that store; the user's cache folder if empty
	For        time.Duration // stop by itself after being open so long; 0 runs until the context ends
	Tempo      int64         // blocks per epoch, 10 to 100
	BlockTime  time.Duration // pause between blocks
	Progress   io.Writer     // where progress is told; nil is silent
}

// Defaults is the market that `agora localnet` starts.
func Defaults() Options {
	return Options{Seed: "agora", Validators: 4, Tempo: 10, BlockTime: time.Second}
}

func (o Options) check() error {
	switch {
	case o.Home == "":
		return errors.New("localnet: no home folder: give --home DIR")
	case o.Validators < 1 || o.Validators > 16:
		return fmt.Errorf("localnet: %d validators: give --validators 1 to 16", o.Validators)
	case o.Miners < 0 || o.Miners > 32:
		return fmt.Errorf("localnet: %d miners: give --miners 1 to 32", o.Miners)
	case len(o.Models) > 4:
		return fmt.Errorf("localnet: %d models: give --model at most four times", len(o.Models))
	case o.BasePort != 0 && (o.BasePort < 1024 || o.BasePort+o.ports() > 65536):
		return fmt.Errorf("localnet: base port %d: give --base-port 1024 to %d, or 0 for free ports", o.BasePort, 65536-o.ports())
	case o.Tempo < 10 || o.Tempo > 100:
		return fmt.Errorf("localnet: tempo %d: give 10 to 100 blocks", o.Tempo)
	case o.BlockTime < minBlockTime || o.BlockTime > maxBlockTime:
		return fmt.Errorf("localnet: block time %s: give --block-time %s to %s", o.BlockTime, minBlockTime, maxBlockTime)
	}
	return nil
}

// Bounds of the pause between blocks: below, the nodes of one machine do nothing else; above, an epoch takes an hour.
const (
	minBlockTime = 50 * time.Millisecond
	maxBlockTime = time.Minute
)

// ports is how many ports the market uses: four for each validator, REST and gRPC.
func (o Options) ports() int { return 4*o.Validators + 2 }

func (o Options) say(format string, args ...any) {
	if o.Progress != nil {
		fmt.Fprintf(o.Progress, format+"\n", args...)
	}
}
