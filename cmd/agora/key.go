package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"agora/gateway"
)

// consumers is the folder of a gateway's keys.
type consumers struct {
	output
	home string
}

// consumerKey is a key as it is shown; Secret only when it is made.
type consumerKey struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Secret  string    `json:"secret,omitempty"`
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// there is an error where the folder is missing: reading makes none.
func (c *consumers) there() error {
	_, err := os.Stat(c.home)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s: name the validator's with --home", c.home)
	}
	return err
}

func (c *consumers) open() (*gateway.Keys, error) {
	return gateway.OpenKeys(filepath.Join(c.home, "keys.json"))
}

// keyCommand hands out and takes back consumers' keys. A running gateway sees a change within a second.
func keyCommand() *cobra.Command {
	c := &consumers{}
	cmd := group(&cobra.Command{Use: "key", Short: "Consumers' keys of the gateway", Example: "  agora validator key create alice"})
	cmd.PersistentFlags().StringVar(&c.home, "home", walletHome(), "the validator's folder")
	for _, sub := range []*cobra.Command{
		{
			Use: "create NAME", Short: "Make a key and print it, once", Args: cobra.ExactArgs(1),
			Example: "  agora validator key create alice", RunE: c.create,
		},
		{
			Use: "revoke ID", Short: "End a key", Args: cobra.ExactArgs(1),
			Example: "  agora validator key revoke 01234567", RunE: c.revoke,
		},
		{
			Use: "list", Short: "Show the keys", Args: cobra.NoArgs,
			Example: "  agora validator key list", RunE: c.list,
		},
	} {
		c.flag(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (c *consumers) create(cmd *cobra.Command, args []string) error {
	if strings.TrimSpace(args[0]) == "" {
		return usageError{errors.New("give the key a name: it is how you know whose it is")}
	}
	if err := os.MkdirAll(c.home, 0o700); err != nil {
		return err
	}
	keys, err := c.open()
	if err != nil {
		return err
	}
	secret, key, err := keys.Create(args[0], gateway.Limits{})
	if err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintf(cmd.ErrOrStderr(), "key %s for %s; it is shown only now\n", key.ID, key.Name)
	}
	return c.print(cmd, consumerKey{ID: key.ID, Name: key.Name, Secret: secret, Created: key.Created}, secret+"\n")
}

func (c *consumers) revoke(cmd *cobra.Command, args []string) error {
	if err := c.there(); err != nil {
		return err
	}
	keys, err := c.open()
	if err != nil {
		return err
	}
	if err := keys.Revoke(args[0]); err != nil {
		return err
	}
	return c.print(cmd, map[string]string{"revoked": args[0]}, fmt.Sprintf("key %s is revoked\n", args[0]))
}

func (c *consumers) list(cmd *cobra.Command, _ []string) error {
	if err := c.there(); err != nil {
		return err
	}
	keys, err := c.open()
	if err != nil {
		return err
	}
	all, err := keys.List()
	if err != nil {
		return err
	}
	shown := make([]consumerKey, 0, len(all))
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tREVOKED")
	for _, k := range all {
		revoked := "-"
		if !k.Revoked.IsZero() {
			revoked = k.Revoked.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", k.ID, k.Name, revoked)
		shown = append(shown, consumerKey{ID: k.ID, Name: k.Name, Created: k.Created, Revoked: k.Revoked})
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return c.print(cmd, shown, text.String())
}
