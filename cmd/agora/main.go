// Command agora is the whole product: a local market, a chain node, a miner, the chain's client and its studies.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/version"
)

func main() { os.Exit(run()) }

// run executes the command line and returns its exit code. The first Ctrl-C asks a command to stop, the second ends the
// process.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	gc := debug.SetGCPercent(400) // most commands end before it pays to collect what makes them
	root, err := rootCommand()
	debug.SetGCPercent(gc)
	if err == nil {
		var args []string
		if args, err = inRao(root, os.Args[1:]); err == nil {
			root.SetArgs(args)
			err = root.ExecuteContext(ctx)
		}
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "agora:", advised(ctx, err))
	return exitCode(err)
}

func rootCommand() (*cobra.Command, error) {
	root := &cobra.Command{
		Use:   "agora",
		Short: "An open marketplace for artificial intelligence",
		Long: "Agora is an open marketplace for artificial intelligence: miners share models and are paid by how good their\n" +
			"answers are, validators judge them and serve consumers, nominators back validators, consumers ask with any OpenAI client.\n\n" +
			"Keys and the address of your network are in one folder, the wallet: --home, else $AGORA_WALLET, else ~/.agora.\n" +
			"The exit code is 0 for success, 1 for a failure and 2 for a command that is not understood.",
		Example:       "  agora localnet                 run a whole market on this machine\n  agora localnet check           prove that its loop is alive",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(localnetCommand(), testnetCommand(), minerCommand(), validatorCommand(), modelCommand(), taskCommand(), subnetCommand(), compoundCommand(), payCommand(), moneyCommand(), verifyCommand(), examCommand(), auditCommand(), simCommand())
	if err := addChain(root); err != nil {
		return nil, err
	}
	root.Version = version.Version
	finish(root)
	return root, nil
}
