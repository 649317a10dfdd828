// Command soak lets a market run alone and prints, every minute, what it takes of the machine; it fails if the live heap
// at the end is more than a tenth above what it was early on.
//
//	go run ./localnet/soak -for 2h -validators 4
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"agora/localnet"
)

func main() {
	lasts := flag.Duration("for", 2*time.Hour, "how long the market runs")
	settled := flag.Duration("settled", 10*time.Minute, "from when on the live heap may not grow")
	every := flag.Duration("every", time.Minute, "between two lines")
	validators := flag.Int("validators", 4, "nodes with a validator")
	blocks := flag.Duration("block-time", time.Second, "pause between blocks")
	heap := flag.String("heap", "", "a folder for profiles of the heap once settled and at the latest line")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := localnet.Defaults()
	o.Validators, o.BlockTime = *validators, *blocks
	if err := run(ctx, o, localnet.Soak{For: *lasts, Settled: *settled, Every: *every, Out: os.Stdout, Heap: *heap}); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o localnet.Options, s localnet.Soak) (err error) {
	dir, err := os.MkdirTemp("", "agora")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o.Home, o.Progress = filepath.Join(dir, "m"), io.Discard
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- localnet.Run(ctx, o) }()
	err = s.Watch(ctx, o.Home)
	cancel()
	return errors.Join(err, <-ended)
}
