package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/client"
	"agora/gateway"
	"agora/validator/daemon"
)

// validatorCommand runs the judge and gateway beside a chain node.
func validatorCommand() *cobra.Command {
	var r role
	var wire, http string
	var runFor time.Duration
	cmd := &cobra.Command{
		Use:   "validator",
		Short: "Judge models and serve consumers",
		Long: "Runs the judge of every started subnet whose task this program knows, the hub that miners dial, the gateway and\n" +
			"the web page, beside a chain node. --from is the validator's operator key; its hot key must be a voice.",
		Example: "  agora validator --from operator --wire 0.0.0.0:7070 --http 127.0.0.1:8080",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.settle("validator")
			c, err := client.Dial(r.node)
			if err != nil {
				return err
			}
			cold, err := r.cold(cmd, c)
			if err != nil {
				return err
			}
			hot, err := r.hot(cmd)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(r.home, 0o700); err != nil {
				return err
			}
			d, err := daemon.New(daemon.Config{
				Client: c, HotKey: hot, Operator: sdk.AccAddress(cold.PubKey().Address()).String(),
				Home: r.home, Wire: wire, HTTP: http, Log: r.log(cmd),
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "miners dial %s, consumers ask http://%s/v1; Ctrl-C stops\n", wire, http)
			ctx, cancel := atMost(cmd.Context(), runFor)
			defer cancel()
			return stopped(ctx, d.Run(ctx))
		},
	}
	r.flags(cmd, "validator")
	cmd.Flags().StringVar(&wire, "wire", "0.0.0.0:7070", "address that miners dial; publish it with `agora validator voice`")
	cmd.Flags().StringVar(&http, "http", "127.0.0.1:8080", "address of gateway and web page; put TLS in front of a public one")
	cmd.Flags().DurationVar(&runFor, "for", 0, "stop after this long; 0 runs until Ctrl-C")
	cmd.AddCommand(keyCommand(), voiceCommand())
	return cmd
}

// keyCommand hands out and takes back consumers' keys. A running gateway sees a change within a second.
func keyCommand() *cobra.Command {
	var home string
	cmd := &cobra.Command{Use: "key", Short: "Consumers' keys of the gateway"}
	cmd.PersistentFlags().StringVar(&home, "home", defaultHome("validator"), "the validator's folder")
	open := func() (*gateway.Keys, error) {
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, err
		}
		return gateway.OpenKeys(filepath.Join(home, "keys.json"))
	}
	create := &cobra.Command{
		Use: "create NAME", Short: "Make a key and print it, once", Args: cobra.ExactArgs(1), Example: "  agora validator key create alice",
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := open()
			if err != nil {
				return err
			}
			secret, key, err := keys.Create(args[0], gateway.Limits{})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n", secret)
			fmt.Fprintf(cmd.ErrOrStderr(), "key %s for %s; it is shown only now\n", key.ID, key.Name)
			return nil
		},
	}
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "End a key", Args: cobra.ExactArgs(1), Example: "  agora validator key revoke k_0123",
		RunE: func(_ *cobra.Command, args []string) error {
			keys, err := open()
			if err != nil {
				return err
			}
			return keys.Revoke(args[0])
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "Show the keys", Args: cobra.NoArgs, Example: "  agora validator key list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := open()
			if err != nil {
				return err
			}
			all, err := keys.List()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tNAME\tREVOKED")
			for _, k := range all {
				revoked := "-"
				if !k.Revoked.IsZero() {
					revoked = k.Revoked.Format(time.RFC3339)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", k.ID, k.Name, revoked)
			}
			return w.Flush()
		},
	}
	cmd.AddCommand(create, revoke, list)
	return cmd
}
