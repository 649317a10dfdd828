package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	"github.com/cosmos/cosmos-sdk/telemetry"

	"agora/chain/node"
)

// unserved are the SDK's flags of `start` that this program does not offer: the application always runs with its node.
var unserved = []string{"with-comet", "grpc-only", "transport", "address"}

// tidyStart hides what `node start` does not offer.
func tidyStart(parent *cobra.Command) error {
	start, _, err := parent.Find([]string{"start"})
	if err != nil {
		return err
	}
	for _, name := range unserved {
		if err := start.Flags().MarkHidden(name); err != nil {
			return err
		}
	}
	return nil
}

// errSetBack says that the node must start again, for the machine's clock was set back.
var errSetBack = errors.New("the machine's clock was set back as a block was committed, and the node would wait as long as that: start it again")

// startNode runs the node until it is stopped or its consensus ends, which ends the process too: with success where it
// was told to halt there, with a reason where an upgrade is due or consensus failed. One that a clock that was set back would keep
// waiting starts again in the place of this process.
func startNode(svr *server.Context, c client.Context, creator servertypes.AppCreator, withComet bool, options server.StartCmdOptions) error {
	err := startOnce(svr, c, creator, withComet, options)
	if !errors.Is(err, errSetBack) {
		return err
	}
	program, failed := os.Executable()
	if failed == nil {
		svr.Logger.Error("starting again: " + err.Error())
		failed = syscall.Exec(program, os.Args, os.Environ())
	}
	return errors.Join(err, failed)
}

func startOnce(svr *server.Context, c client.Context, _ servertypes.AppCreator, withComet bool, _ server.StartCmdOptions) error {
	if !withComet || svr.Viper.GetBool("grpc-only") {
		return usageError{errors.New("the application runs with its node: --with-comet=false and --grpc-only are not offered")}
	}
	cfg, err := serverconfig.GetConfig(svr.Viper)
	if err == nil {
		err = cfg.ValidateBasic()
	}
	if err != nil {
		return fmt.Errorf("config/app.toml: %w", err)
	}
	if err := telemetry.InitializeOpenTelemetry(filepath.Join(c.HomeDir, "config", telemetry.OtelFileName)); err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := telemetry.Shutdown(ctx); err != nil {
			svr.Logger.Error("telemetry did not end well", "err", err)
		}
	}()
	return runNode(svr, c, cfg)
}

func runNode(svr *server.Context, c client.Context, cfg serverconfig.Config) (err error) {
	ctx := c.GetCmdContextWithFallback()
	db, err := node.OpenDB(svr.Config, server.GetAppDBBackend(svr.Viper))
	if err != nil {
		return err
	}
	n, err := node.Start(ctx, svr.Config, db, cmtcfg.DefaultDBProvider, svr.Viper, svr.Logger, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if err := n.Serve(ctx, cfg, c); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		svr.Logger.Info("stopping")
		return nil
	case <-n.SetBack():
		return errSetBack
	case <-n.Halted():
		if err := n.Cause(cfg.BaseConfig); err != nil {
			return err
		}
		svr.Logger.Info("halted where it was told to", "last_block", n.App.LastBlockHeight())
		return nil
	}
}

// logTime is how a line of a node's log begins: date and milliseconds, in UTC.
const logTime = "2006-01-02T15:04:05.000Z"

// setLogger gives the node's context a logger with dates; colours are only for a person's terminal.
func setLogger(cmd *cobra.Command) error {
	svr := server.GetServerContextFromCmd(cmd)
	v := svr.Viper
	options := []log.Option{
		log.ColorOption(!v.GetBool(flags.FlagLogNoColor) && interactive(os.Stdout)), log.TimeFormatOption(logTime),
		log.TraceOption(v.GetBool(server.FlagTrace)),
	}
	if v.GetString(flags.FlagLogFormat) == flags.OutputFormatJSON {
		options = append(options, log.OutputJSONOption())
	}
	wish := v.GetString(flags.FlagLogLevel)
	if level, err := zerolog.ParseLevel(wish); err == nil {
		options = append(options, log.LevelOption(level))
	} else if filter, err := log.ParseLogLevel(wish); err == nil {
		options = append(options, log.FilterOption(filter))
	} else {
		return usageError{fmt.Errorf("--log_level %q: give debug, info, warn, error or disabled, or a list like consensus:debug,*:error", wish)}
	}
	svr.Logger = log.NewLogger(cmd.OutOrStdout(), options...).With(log.ModuleKey, "server")
	return server.SetCmdServerContext(cmd, svr)
}
