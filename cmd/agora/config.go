package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"github.com/cosmos/cosmos-sdk/client/flags"
)

// setting is a line of config/client.toml: what holds where it is missing, and what it is for.
type setting struct {
	Name, Default, For string
	OneOf              []string // what it may be; empty for any text
}

var settings = []setting{
	{"node", "tcp://localhost:26657", "RPC address of the node that is asked", nil},
	{"chain-id", "", "the network that transactions are signed for; the node's where it is empty", nil},
	{"keyring-backend", "os", "where keys are kept", []string{"os", "file", "kwallet", "pass", "test", "memory"}},
	{"output", "text", "how answers are printed", []string{"text", "json"}},
	{"broadcast-mode", "sync", "what sending waits for", []string{"sync", "async"}},
}

// configCommand shows and changes the wallet's config/client.toml.
func configCommand() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "config [NAME [VALUE]]", Short: "Show or change what the wallet takes for granted", Args: cobra.MaximumNArgs(2),
		Long:    "Show or change the wallet's config/client.toml: the values that commands take where no flag says otherwise.",
		Example: "  agora config\n  agora config node http://127.0.0.1:26657",
		RunE: func(cmd *cobra.Command, args []string) error {
			file := filepath.Join(homeOf(cmd, walletHome()), "config", "client.toml")
			values, err := readSettings(file)
			if err != nil {
				return err
			}
			if len(args) == 2 {
				return setSetting(cmd, file, args[0], args[1])
			}
			if len(args) == 1 {
				if _, err := settingNamed(args[0]); err != nil {
					return err
				}
				return out.print(cmd, values[args[0]], values[args[0]]+"\n")
			}
			return out.print(cmd, values, tabled(values))
		},
	}
	out.flag(cmd)
	cmd.Flags().String(flags.FlagHome, walletHome(), "the wallet")
	return cmd
}

func settingNamed(name string) (setting, error) {
	for _, s := range settings {
		if s.Name == name {
			return s, nil
		}
	}
	var names []string
	for _, s := range settings {
		names = append(names, s.Name)
	}
	return setting{}, usageError{fmt.Errorf("no setting %q: there are %s", name, strings.Join(names, ", "))}
}

// readSettings is what holds: the file's values, and the defaults of the others. The file need not exist.
func readSettings(file string) (map[string]string, error) {
	held := viper.New()
	held.SetConfigFile(file)
	if err := held.ReadInConfig(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	values := map[string]string{}
	for _, s := range settings {
		held.SetDefault(s.Name, s.Default)
		values[s.Name] = held.GetString(s.Name)
	}
	return values, nil
}

func tabled(values map[string]string) string {
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "%-16s %-28q %s\n", s.Name, values[s.Name], s.For)
	}
	return b.String()
}

// setSetting changes one line of the file and leaves the others, comments too, as they are.
func setSetting(cmd *cobra.Command, file, name, value string) error {
	s, err := settingNamed(name)
	if err != nil {
		return err
	}
	if len(s.OneOf) > 0 && !slices.Contains(s.OneOf, value) {
		return usageError{fmt.Errorf("%s %q: give one of %s", name, value, strings.Join(s.OneOf, ", "))}
	}
	if name == "node" {
		if err := checkAddress(value); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", []byte(withSetting(string(text), name, value)), 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is %q now\n", name, value)
	return err
}

// withSetting is a client.toml with a value changed, or added in front: what follows may belong to a table.
func withSetting(text, name, value string) string {
	line := fmt.Sprintf("%s = %q", name, value)
	lines := strings.Split(text, "\n")
	for i, old := range lines {
		if key, _, ok := strings.Cut(old, "="); ok && strings.TrimSpace(key) == name {
			lines[i] = line
			return strings.Join(lines, "\n")
		}
	}
	return line + "\n" + text
}
