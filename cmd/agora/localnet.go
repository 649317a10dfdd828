package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agora/engine/native/store"
	"agora/localnet"
)

func localnetCommand() *cobra.Command {
	o := localnet.Defaults()
	o.Home = marketHome()
	cmd := &cobra.Command{
		Use:   "localnet",
		Short: "Run a whole market on this machine",
		Long: "Runs chain nodes, validators with gateways and miners with real models in one process, on loopback only.\n" +
			"Ctrl-C stops it; started again on the same --home it goes on where it stopped.",
		Example: "  agora localnet --home /tmp/market --for 5m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Progress = cmd.OutOrStdout()
			if err := fetchModels(cmd, o); err != nil {
				return err
			}
			return localnet.Run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	cmd.PersistentFlags().StringVar(&o.Home, "home", o.Home, "folder in which the market keeps everything")
	f.StringVar(&o.Seed, "seed", o.Seed, "names the accounts and keys of a new market")
	f.IntVar(&o.BasePort, "base-port", o.BasePort, "first of the ports used; 0 takes free ones")
	f.IntVar(&o.Validators, "validators", o.Validators, "chain nodes that also judge, 1 to 16")
	f.IntVar(&o.Miners, "miners", o.Miners, "chat miners, 1 to 32; 0 is one for each model that ships")
	f.StringArrayVar(&o.Models, "model", nil, "model of the store that mines beside those that ship, got first where it is not there; may be given again")
	f.BoolVar(&o.Senses, "senses", false, "open markets of speech, reading and embeddings too, where programs for them are installed")
	f.StringVar(&o.Store, "store", "", "folder of models; the user's cache folder if not given")
	f.DurationVar(&o.For, "for", o.For, "stop after being open for this long; 0 runs until Ctrl-C")
	f.Int64Var(&o.Tempo, "tempo", o.Tempo, "blocks per epoch, 10 to 100")
	f.DurationVar(&o.BlockTime, "block-time", o.BlockTime, "pause between blocks")
	cmd.AddCommand(checkCommand(&o.Home), envCommand(&o.Home))
	return cmd
}

// fetchModels gets the models of the catalogue that are asked for and not here.
func fetchModels(cmd *cobra.Command, o localnet.Options) error {
	s, err := store.Open(o.Store)
	if err != nil {
		return err
	}
	for _, name := range o.Models {
		known := slices.ContainsFunc(store.Catalogue, func(k store.Known) bool { return k.Name == name })
		if _, err := s.Find(name); err == nil || !known {
			continue
		}
		bar := &progress{to: cmd.ErrOrStderr()}
		_, err := s.Get(cmd.Context(), store.Wanted{From: name, Progress: bar.tell})
		bar.end()
		if err != nil {
			return err
		}
	}
	return nil
}

func envCommand(home *string) *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "env", Short: "Print a market's addresses as shell variables", Args: cobra.NoArgs,
		Long: "Prints what a shell needs to use the market: its wallet, so that every command of agora finds chain and keys, the\n" +
			"demo gateway and key, and the validators' addresses.",
		Example: `  eval "$(agora localnet env)" && curl "$AGORA_URL/models" -H "authorization: Bearer $AGORA_KEY"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			variables, err := localnet.Environment(*home)
			if err != nil {
				return err
			}
			values := map[string]string{}
			var text strings.Builder
			for _, v := range variables {
				values[v.Name] = v.Value
				fmt.Fprintf(&text, "export %s='%s'\n", v.Name, strings.ReplaceAll(v.Value, "'", `'\''`))
			}
			return out.print(cmd, values, text.String())
		},
	}
	out.flag(cmd)
	return cmd
}

func checkCommand(home *string) *cobra.Command {
	var out output
	within := 10 * time.Minute
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Prove that a running market's loop is alive",
		Example: "  agora localnet check --home /tmp/market",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			progress := cmd.ErrOrStderr()
			report, err := localnet.Check(cmd.Context(), *home, within, progress)
			if err != nil {
				return err
			}
			if err := out.print(cmd, report, report.Text()); err != nil {
				return err
			}
			return report.Err()
		},
	}
	out.flag(cmd)
	cmd.Flags().DurationVar(&within, "within", within, "give up after this long")
	return cmd
}
