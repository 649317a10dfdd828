package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/gogoproto/proto"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoregistry"

	"cosmossdk.io/client/v2/autocli"
	"cosmossdk.io/client/v2/autocli/flag"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client"
	clientconfig "github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/keys"
	"github.com/cosmos/cosmos-sdk/client/rpc"
	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/version"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"

	"agora/chain/app"
	"agora/testnet"
)

// addChain adds the commands that speak to the chain or run a node of it.
func addChain(root *cobra.Command) error {
	tmp, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), false, simtestutil.EmptyAppOptions{})
	if err != nil {
		return err
	}
	base := client.Context{}.
		WithCodec(tmp.Codec).WithInterfaceRegistry(tmp.Registry).WithTxConfig(tmp.TxConfig).WithLegacyAmino(tmp.Amino).
		WithInput(os.Stdin).WithAccountRetriever(authtypes.AccountRetriever{}).WithHomeDir(walletHome()).WithViper("AGORA")
	read := func(cmd *cobra.Command, _ []string) error { return readClient(base, cmd) }

	query := &cobra.Command{Use: "query", Aliases: []string{"q"}, Short: "Ask the chain", RunE: client.ValidateCmd, PersistentPreRunE: read}
	query.AddCommand(rpc.ValidatorCommand(), server.QueryBlockCmd(), authcmd.QueryTxCmd(), authcmd.QueryTxsByEventsCmd(), server.QueryBlockResultsCmd())
	tx := &cobra.Command{Use: "tx", Short: "Send transactions", RunE: client.ValidateCmd, PersistentPreRunE: read}
	tx.AddCommand(authcmd.GetSignCommand(), authcmd.GetBroadcastCommand(), authcmd.GetSimulateCmd(), authcmd.GetEncodeCommand(), authcmd.GetDecodeCommand())
	tx.AddCommand(jointly()...)
	ring := keys.Commands()
	ring.PersistentPreRunE = read
	for _, c := range []*cobra.Command{query, tx, ring} {
		c.PersistentFlags().String(flags.FlagHome, walletHome(), "the wallet: a folder with the keyring and config/client.toml")
		root.AddCommand(c)
	}
	node, err := nodeCommand(base, tmp)
	if err != nil {
		return err
	}
	status := statusCommand()
	status.PersistentPreRunE = read
	status.Flags().String(flags.FlagHome, walletHome(), "the wallet, whose config/client.toml names the node")
	root.AddCommand(node, status, configCommand(), version.NewVersionCommand())
	cli := tmp.AutoCLI()
	cli.ClientCtx = base
	if err := enhance(root, cli); err != nil {
		return err
	}
	if err := errors.Join(mend(tx), addRedelegations(query), ease(query, tx), checkHex(ring), showWhole(query)); err != nil {
		return err
	}
	settle(tx)
	settleJointGas(tx)
	sdk.GetConfig().Seal() // `keys parse` waits for it
	return setPrices(tx)
}

// enhance adds the commands that autocli makes of the modules' services.
func enhance(root *cobra.Command, cli autocli.AppOptions) error {
	// Not the hybrid resolver, which is quicker: it knows a file by what was registered before it, so a subnet.proto that comes
	// after the query.proto which imports it is a name without fields, and its messages are shown empty.
	files, err := proto.MergedRegistry()
	if err != nil {
		return err
	}
	return cli.EnhanceRootCommandWithBuilder(root, &autocli.Builder{
		Builder: flag.Builder{
			TypeResolver: protoregistry.GlobalTypes, FileResolver: files, AddressCodec: cli.AddressCodec,
			ValidatorAddressCodec: cli.ValidatorAddressCodec, ConsensusAddressCodec: cli.ConsensusAddressCodec,
		},
		GetClientConn: connect,
		AddQueryConnFlags: func(c *cobra.Command) {
			flags.AddQueryFlagsToCmd(c)
			flags.AddKeyringFlags(c.Flags())
		},
		AddTxConnFlags: flags.AddTxFlagsToCmd,
	})
}

// readClient fills the client's context from flags and HOME/config/client.toml, and writes nothing.
func readClient(base client.Context, cmd *cobra.Command) error {
	cmd.SetOut(cmd.OutOrStdout())
	if err := errors.Join(preferFees(cmd.Flags()), checkNode(cmd.Flags())); err != nil {
		return err
	}
	ctx, err := client.ReadPersistentCommandFlags(base.WithCmdContext(cmd.Context()), cmd.Flags())
	if err != nil {
		return err
	}
	if ctx, err = configured(ctx); err != nil {
		return err
	}
	if ctx, err = reach(ctx, cmd.Flags()); err != nil {
		return err
	}
	if err := followPrice(ctx, cmd.Flags()); err != nil {
		return err
	}
	return client.SetCmdClientContextHandler(ctx, cmd)
}

// configured reads config/client.toml. Where there is none the SDK would write one; here its defaults just hold.
func configured(ctx client.Context) (client.Context, error) {
	if _, err := os.Stat(filepath.Join(ctx.HomeDir, "config", "client.toml")); !errors.Is(err, fs.ErrNotExist) {
		return clientconfig.ReadFromClientConfig(ctx)
	}
	standard := clientconfig.DefaultConfig()
	ctx = ctx.WithOutputFormat(standard.Output).WithKeyringDir(ctx.HomeDir)
	ring, err := client.NewKeyringFromBackend(ctx, standard.KeyringBackend)
	if err != nil {
		return ctx, fmt.Errorf("keyring: %w", err)
	}
	node, err := client.NewClientFromNode(standard.Node)
	return ctx.WithKeyring(ring).WithNodeURI(standard.Node).WithClient(node).WithBroadcastMode(standard.BroadcastMode), err
}

// nodeCommand holds what runs a chain node of its own.
func nodeCommand(base client.Context, tmp *app.App) (*cobra.Command, error) {
	home := nodeHome()
	node := group(&cobra.Command{
		Use: "node", Short: "Run a chain node", SilenceUsage: true,
		Example: "  agora node init my-node --chain-id agora-1\n  agora node start",
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if !needsNode(cmd) {
				return nil
			}
			if err := holdsNode(homeOf(cmd, home)); err != nil {
				return err
			}
			if err := readClient(base.WithHomeDir(home), cmd); err != nil {
				return err
			}
			// the handler fills the server's context but does not make one
			cmd.SetContext(context.WithValue(cmd.Context(), server.ServerContextKey, server.NewDefaultContext()))
			if err := server.InterceptConfigsPreRunHandler(cmd, serverconfig.DefaultConfigTemplate, testnet.AppConfig(), testnet.CometConfig()); err != nil {
				return err
			}
			return setLogger(cmd)
		},
	})
	f := node.PersistentFlags()
	f.String(flags.FlagHome, home, "the node's folder")
	f.String(flags.FlagLogLevel, "info", "least level to log: debug, info, warn, error, or a list like consensus:debug,*:error")
	f.String(flags.FlagLogFormat, "plain", "plain or json")
	f.Bool(flags.FlagLogNoColor, false, "log without colours")
	genesis := genutilcli.Commands(tmp.TxConfig, tmp.Basics, home)
	node.AddCommand(initCommand(&home), joinCommand(&home), statusCommand(), genesis)
	server.AddCommandsWithStartCmdOptions(node, home, newNode, exportNode, server.StartCmdOptions{
		StartCommandHandler: startNode, AddFlags: func(start *cobra.Command) {
			start.Flags().Int64(app.FlagCheckInvariants, 0, "check every invariant of the state every so many blocks and stop where one is broken; 0 for never")
		},
	})
	node.AddCommand(server.ModuleHashByHeightQuery(newNode))
	return node, tidyStart(node)
}

// needsNode tells whether a command works on a node that is there; init and join make one.
func needsNode(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "node", "init", "join", "version", "help":
		return false
	}
	return true
}

// holdsNode is an error unless home is a node's.
func holdsNode(home string) error {
	_, err := os.Stat(filepath.Join(home, "config", "genesis.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no node in %s: make one with `agora node init NAME --chain-id ID` or `agora node join NAME --ask URL`, "+
			"or name its folder with --home", home)
	}
	return err
}

func newNode(logger log.Logger, db dbm.DB, options servertypes.AppOptions) servertypes.Application {
	a, err := app.New(logger, db, true, options, server.DefaultBaseappOptions(options)...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "agora:", err)
		os.Exit(1)
	}
	return a
}

func exportNode(logger log.Logger, db dbm.DB, height int64, _ bool, _ []string, options servertypes.AppOptions, modules []string) (servertypes.ExportedApp, error) {
	a, err := app.New(logger, db, height == -1, options)
	if err != nil {
		return servertypes.ExportedApp{}, err
	}
	if height != -1 {
		if err := a.LoadVersion(height); err != nil {
			return servertypes.ExportedApp{}, err
		}
	}
	return a.Export(modules)
}
