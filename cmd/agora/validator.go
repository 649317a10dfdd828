package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/client"
	"agora/gateway"
	"agora/gateway/heap"
	"agora/validator/daemon"
)

// validatorCommand runs the judge and gateway beside a chain node.
func validatorCommand() *cobra.Command {
	var r role
	var wire, http, ledgerAt, publicRPC, models, accessLog, otlp string
	var cores int
	var limits gateway.Config
	var tasks daemon.Tasks
	var runFor time.Duration
	joinPrice := inTAO(network.TAO)
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
			access, closeAccess, err := accessTo(accessLog)
			if err != nil {
				return err
			}
			defer closeAccess()
			limits.Access = access
			if otlp != "" {
				spans, end, err := gateway.Tracer(cmd.Context(), otlp)
				if err != nil {
					return fmt.Errorf("--otlp: %w", err)
				}
				defer func() {
					last, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
					defer cancel()
					_ = end(last) // spans that a collector does not take are lost
				}()
				limits.Spans = spans
			}
			d, err := daemon.New(daemon.Config{
				Client: c, HotKey: hot, Cold: cold, Ledger: ledgerAt, RPC: publicRPC, Operator: sdk.AccAddress(cold.PubKey().Address()).String(),
				Join: daemon.Join{Signer: cold, MaxPrice: uint64(joinPrice)},
				Home: r.home, Wire: wire, HTTP: http, Gateway: limits, Tasks: tasks, Models: models, Cores: cores, Log: r.log(cmd),
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "miners dial %s, consumers ask http://%s/v1; Ctrl-C stops\n", d.Wire(), d.HTTP())
			heap.Roomy()
			ctx, cancel := atMost(cmd.Context(), runFor)
			defer cancel()
			return stopped(ctx, d.Run(ctx))
		},
	}
	r.flags(cmd, "validator")
	gatewayFlags(cmd.Flags(), &limits)
	taskFlags(cmd.Flags(), &tasks)
	cmd.Flags().StringVar(&wire, "wire", "0.0.0.0:7070", "address that miners dial; publish it with agora validator voice")
	cmd.Flags().StringVar(&http, "http", "127.0.0.1:8080", "address of gateway and web page; put TLS in front of a public one")
	cmd.Flags().StringVar(&ledgerAt, "ledger", "", "what is owed: a file, or postgres://… that several gateways share; HOME/ledger.db")
	cmd.Flags().StringVar(&accessLog, "access-log", "", "file that gets a JSON line for each request, without what was said; - is the standard output")
	cmd.Flags().StringVar(&otlp, "otlp", "", "OpenTelemetry collector that gets a span for each request, http://host:4318/v1/traces")
	cmd.Flags().StringVar(&publicRPC, "public-rpc", "", "RPC address of a node that consumers can open channels through; told to who pays without one")
	cmd.Flags().StringVar(&models, "models", "", "folder of model files: what is examined is kept here, and given to whoever asks; the user's cache folder if empty")
	cmd.Flags().IntVar(&cores, "exam-cores", 1, "processor cores that examinations of open models and audits may keep busy")
	cmd.Flags().Var(&joinPrice, "join-price", "most to pay for registering a voice in a subnet that is judged here and new; 0 takes voices by hand only")
	cmd.Flags().DurationVar(&runFor, "for", 0, "stop after this long; 0 runs until Ctrl-C")
	cmd.AddCommand(keyCommand(), voiceCommand(), explainCommand())
	return cmd
}

// accessTo opens an access log for appending; nil where none is wanted.
func accessTo(file string) (log *slog.Logger, end func(), err error) {
	switch file {
	case "":
		return nil, func() {}, nil
	case "-":
		return slog.New(slog.NewJSONHandler(os.Stdout, nil)), func() {}, nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("access log: %w", err)
	}
	return slog.New(slog.NewJSONHandler(f, nil)), func() { _ = f.Close() }, nil
}
