package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// configure runs `agora config` on a wallet.
func configure(wallet string, args ...string) (string, error) {
	cmd := configCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append(args, "--home", wallet))
	err := cmd.Execute()
	return out.String(), err
}

func TestConfigShowsAndChangesTheWalletsDefaults(t *testing.T) {
	wallet := t.TempDir()
	said, err := configure(wallet, "node")
	require.NoError(t, err)
	require.Equal(t, "tcp://localhost:26657\n", said)
	_, err = configure(wallet, "node", "http://127.0.0.1:26601")
	require.NoError(t, err)
	_, err = configure(wallet, "keyring-backend", "test")
	require.NoError(t, err)

	file := filepath.Join(wallet, "config", "client.toml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append([]byte("# my own note\n"), text...), 0o600))
	_, err = configure(wallet, "node", "http://127.0.0.1:26602")
	require.NoError(t, err)
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "# my own note\n")
	require.Equal(t, 1, bytes.Count(text, []byte("node =")), string(text))

	said, err = configure(wallet)
	require.NoError(t, err)
	for _, want := range []string{`"http://127.0.0.1:26602"`, `"test"`, `"sync"`, "chain-id"} {
		require.Contains(t, said, want)
	}
	said, err = configure(wallet, "--json")
	require.NoError(t, err)
	require.Contains(t, said, `"keyring-backend": "test"`)
}

func TestConfigRefusesWhatNoCommandWouldTake(t *testing.T) {
	for want, args := range map[string][]string{
		`no setting "nodes": there are node, chain-id`: {"nodes"},
		`no setting "gas"`:         {"gas", "auto"},
		"write http:// before it":  {"node", "127.0.0.1:26657"},
		"give one of text, json":   {"output", "xml"},
		"give one of os, file":     {"keyring-backend", "memry"},
		"accepts at most 2 arg(s)": {"node", "a", "b"},
	} {
		wallet := t.TempDir()
		_, err := configure(wallet, args...)
		require.ErrorContains(t, err, want)
		_, err = os.Stat(filepath.Join(wallet, "config"))
		require.ErrorIs(t, err, os.ErrNotExist, "nothing is written")
	}
	wallet := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(wallet, "config"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(wallet, "config", "client.toml"), []byte("node = [["), 0o600))
	_, err := configure(wallet)
	require.ErrorContains(t, err, "client.toml")
}
