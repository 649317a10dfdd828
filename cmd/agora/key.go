package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"agora/gateway"
)

// consumers is the folder of a gateway's keys.
type consumers struct{ home string }

func (c *consumers) open() (*gateway.Keys, error) {
	if err := os.MkdirAll(c.home, 0o700); err != nil {
		return nil, err
	}
	return gateway.OpenKeys(filepath.Join(c.home, "keys.json"))
}

// keyCommand hands out and takes back consumers' keys. A running gateway sees a change within a second.
func keyCommand() *cobra.Command {
	c := &consumers{}
	cmd := &cobra.Command{Use: "key", Short: "Consumers' keys of the gateway"}
	cmd.PersistentFlags().StringVar(&c.home, "home", defaultHome("validator"), "the validator's folder")
	cmd.AddCommand(
		&cobra.Command{
			Use: "create NAME", Short: "Make a key and print it, once", Args: cobra.ExactArgs(1),
			Example: "  agora validator key create alice", RunE: c.create,
		},
		&cobra.Command{
			Use: "revoke ID", Short: "End a key", Args: cobra.ExactArgs(1),
			Example: "  agora validator key revoke k_0123", RunE: c.revoke,
		},
		&cobra.Command{
			Use: "list", Short: "Show the keys", Args: cobra.NoArgs,
			Example: "  agora validator key list", RunE: c.list,
		},
	)
	return cmd
}

func (c *consumers) create(cmd *cobra.Command, args []string) error {
	keys, err := c.open()
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
}

func (c *consumers) revoke(_ *cobra.Command, args []string) error {
	keys, err := c.open()
	if err != nil {
		return err
	}
	return keys.Revoke(args[0])
}

func (c *consumers) list(cmd *cobra.Command, _ []string) error {
	keys, err := c.open()
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
}
