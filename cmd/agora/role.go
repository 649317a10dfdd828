package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/client"
	"agora/wallet"
)

// passphraseVar is the environment variable that unlocks a hot key for a program that starts unattended.
const passphraseVar = "AGORA_PASSPHRASE"

// role holds what every program on the network needs: a folder, a node and keys.
type role struct {
	home    string
	node    string
	from    string
	backend string
	hotKey  string
	verbose bool
}

func (r *role) flags(cmd *cobra.Command, name string) {
	f := cmd.Flags()
	f.StringVar(&r.home, "home", walletHome(), "the wallet: a folder with the keyring, config/client.toml and the hot key")
	f.StringVar(&r.node, "node", "", "a chain node's RPC address; config/client.toml's, else http://127.0.0.1:26657")
	f.StringVar(&r.from, "from", "", "name of the cold key in the keyring that pays and is paid")
	f.StringVar(&r.backend, "keyring-backend", "", "os, file or test; config/client.toml's, else os")
	f.StringVar(&r.hotKey, "hot-key", "", "hot key file, made if there is none; HOME/"+name+".hotkey")
	f.BoolVarP(&r.verbose, "verbose", "v", false, "say more")
}

// settle fills what was not given from HOME/config/client.toml and the defaults.
func (r *role) settle(name string) {
	v := viper.New()
	v.SetConfigFile(filepath.Join(r.home, "config", "client.toml"))
	v.SetDefault("node", "http://127.0.0.1:26657")
	v.SetDefault("keyring-backend", keyring.BackendOS)
	_ = v.ReadInConfig() // without the file the defaults hold
	if r.node == "" {
		r.node = v.GetString("node")
	}
	r.node = strings.Replace(r.node, "tcp://", "http://", 1)
	if !strings.Contains(r.node, "://") {
		r.node = "http://" + r.node // the roles speak to nothing but RPC
	}
	if r.backend == "" {
		r.backend = v.GetString("keyring-backend")
	}
	if r.hotKey == "" {
		r.hotKey = filepath.Join(r.home, name+".hotkey")
	}
}

// nodeOf is the node that --node or the wallet's config/client.toml names.
func nodeOf(flag string) string { return nodeIn(walletHome(), flag) }

// nodeIn is nodeOf for another wallet.
func nodeIn(home, flag string) string {
	r := role{home: home, node: flag}
	r.settle("")
	return r.node
}

func (r *role) log(cmd *cobra.Command) *slog.Logger {
	level := slog.LevelInfo
	if r.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
}

// cold opens the keyring's key named by --from.
func (r *role) cold(cmd *cobra.Command, c *client.Client) (client.Signer, error) {
	if r.from == "" {
		return nil, fmt.Errorf("no cold key: give --from NAME of a key in the wallet %s (`agora keys add NAME --home %s` makes one)", r.home, r.home)
	}
	ring, err := keyring.New(sdk.KeyringServiceName(), r.backend, r.home, cmd.InOrStdin(), c.Codec())
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	signer, err := client.KeyringSigner(ring, r.from)
	if err != nil {
		return nil, fmt.Errorf("%w (wallet %s; `agora keys list --home %s` shows what it holds)", err, r.home, r.home)
	}
	return signer, nil
}

// hot opens the hot key file, or makes one: locked if AGORA_PASSPHRASE is set, open otherwise.
func (r *role) hot(cmd *cobra.Command) (ed25519.PrivateKey, error) {
	passphrase := []byte(os.Getenv(passphraseVar))
	key, err := wallet.Open(r.hotKey, passphrase)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(filepath.Dir(r.hotKey), 0o700); err != nil {
		return nil, err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "making a hot key at %s\n", r.hotKey)
	if len(passphrase) == 0 {
		return wallet.CreateOpen(r.hotKey)
	}
	return wallet.Create(r.hotKey, passphrase, wallet.DefaultParams)
}

// atMost bounds ctx; 0 is no bound.
func atMost(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// stopped turns the end that the user asked for into success.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}
