// Command agora is the whole product: a local market, a chain node, a miner, the chain's client and its studies.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the release build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := rootCommand()
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "agora:", err)
		os.Exit(1)
	}
}

func rootCommand() (*cobra.Command, error) {
	root := &cobra.Command{
		Use:   "agora",
		Short: "An open marketplace for artificial intelligence",
		Long: "Agora is an open marketplace for artificial intelligence: miners share models and are paid by how good their\n" +
			"answers are, validators judge them and serve consumers, nominators back validators, consumers ask with any OpenAI client.",
		Example:       "  agora localnet                 run a whole market on this machine\n  agora localnet check           prove that its loop is alive",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(localnetCommand(), testnetCommand(), minerCommand(), validatorCommand(), simCommand())
	return root, addChain(root)
}

// defaultHome is where a node and its keys live unless --home says otherwise.
func defaultHome(name string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".agora", name)
}
