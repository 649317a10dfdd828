package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"agora/client"
	"agora/engine"
	"agora/miner"
	"agora/miner/enrolment"
	"agora/wallet"
)

// worked is a miner at work.
type worked struct {
	*mining
	meter  *miner.Meter
	free   *enrolment.Allowance
	chain  *client.Client
	worker *miner.Miner
	server *miner.Server
	hold   *wallet.Hold
	uid    uint32
	info   engine.Info
	since  time.Time
}

// firstReport is when a new miner first says how it does: by then it has dialled every validator.
const firstReport = 10 * time.Second

// serve works until ctx ends, tells the screen how it goes, and answers `agora miner status`.
func (m *mining) serve(ctx context.Context, cmd *cobra.Command, w *worked) (err error) {
	token := rand.Text()
	door, err := miner.OpenStatus(token, w.report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, door.Close()) }()
	if m.metrics != "" {
		shown, err := miner.OpenMetrics(m.metrics, func() miner.Report { return w.worker.Describe(w.server, w.watch) })
		if err != nil {
			return fmt.Errorf("--metrics: %w", err)
		}
		defer func() { _ = shown.Close() }() // nobody waits for an answer
		fmt.Fprintf(cmd.OutOrStdout(), "metrics at http://%s/metrics\n", shown.Addr())
	}
	if err := w.hold.Say(wallet.Holder{For: fmt.Sprintf("uid %d of subnet %d, %s", w.uid, m.subnet, w.info.Model), Ask: door.Addr(), Token: token}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup // ends with ctx
	defer func() { cancel(); beside.Wait() }()
	beside.Go(func() { w.claim(ctx, cmd) })
	beside.Go(func() { w.tell(ctx, cmd) })
	if m.watch != nil {
		beside.Go(func() { m.watch.Run(ctx) })
	}
	beside.Go(func() { w.free.Run(ctx) })
	return w.worker.Run(ctx)
}

// tell prints a report now and then.
func (w *worked) tell(ctx context.Context, cmd *cobra.Command) {
	if w.every <= 0 {
		return
	}
	next := time.NewTimer(min(firstReport, w.every))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-next.C:
			if r := w.report(ctx); ctx.Err() == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s", now.Format(time.TimeOnly), r.Text())
			}
			next.Reset(w.every)
		}
	}
}

func (w *worked) report(ctx context.Context) miner.Report {
	r := w.worker.Describe(w.server, w.watch)
	r.NetUID, r.UID, r.Model, r.Digest, r.PID, r.Since = w.subnet, w.uid, w.info.Model, w.info.Digest, os.Getpid(), w.since
	standing, err := enrolment.Standing(ctx, w.chain, w.subnet, w.uid, w.allowPrivate)
	if err != nil {
		w.worker.Log.Debug("the chain does not say how the miner stands", "err", err)
	}
	r.Standing = standing
	return r
}

// minerStatusCommand asks the miners that run with hot keys of a wallet.
func minerStatusCommand() *cobra.Command {
	var home, hotKey string
	var out output
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Ask the miners that run on this machine how they do",
		Long: "Asks every miner that runs with a hot key of the wallet: its validators, requests by kind and outcome, what the\n" +
			"validators' pages say of it and why, and what the chain pays it.",
		Example: "  agora miner status\n  agora miner status --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			held, err := wallet.Holders(home)
			if err != nil {
				return err
			}
			if hotKey != "" {
				maps.DeleteFunc(held, func(file string, _ wallet.Holder) bool { return file != hotKey })
			}
			reports, text, err := askAll(cmd.Context(), held)
			if err != nil {
				return err
			}
			if len(reports) == 0 {
				return fmt.Errorf("no miner runs with a hot key of the wallet %s: start one with `agora miner`, or name its wallet with --home", home)
			}
			return out.print(cmd, reports, text)
		},
	}
	out.flag(cmd)
	cmd.Flags().StringVar(&home, "home", walletHome(), "the wallet whose miners are asked")
	cmd.Flags().StringVar(&hotKey, "hot-key", "", "only the miner of this hot key file")
	return cmd
}

// askAll asks each miner, in the order of their files. A holder without an address is no miner, or only just starting.
func askAll(ctx context.Context, held map[string]wallet.Holder) ([]miner.Report, string, error) {
	var reports []miner.Report
	var text strings.Builder
	for _, file := range slices.Sorted(maps.Keys(held)) {
		by := held[file]
		if by.Ask == "" {
			continue
		}
		r, err := miner.AskStatus(ctx, by.Ask, by.Token)
		if err != nil {
			return nil, "", fmt.Errorf("process %d (%s) does not answer: %w", by.PID, by.For, err)
		}
		reports = append(reports, r)
		text.WriteString(r.Text())
	}
	return reports, text.String(), nil
}
