package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"agora/client"
	"agora/validator/daemon"
	"agora/validator/exam"
)

// auditCommand computes a voice's weights again.
func auditCommand() *cobra.Command {
	var out output
	var node string
	var from weightsFrom
	again := &daemon.Again{}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compute a validator's weights of an epoch again and compare",
		Long: "Fetches what a validator tells of its weights in an epoch of a subnet of open models, examines the models again from the chain's\n" +
			"seeds, computes places and weights, compares them with what it tells and with what the chain has, and runs the servers' examples\n" +
			"again: identical, or the first difference and a failure. What it takes from the validator is which servers were there and gave\n" +
			"their models' answers, and how long they took when they were measured; examples and receipts are of that.",
		Example: "  agora audit --validator http://127.0.0.1:8080/v1 --netuid 1 --epoch 12",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if again.Client, err = client.Dial(nodeOf(node)); err != nil {
				return err
			}
			shelf, err := from.shelf(again.Client)
			if err != nil {
				return err
			}
			again.Room = exam.NewRoom(shelf, 1)
			defer func() { err = errors.Join(err, again.Room.Close()) }()
			if again.Epoch == 0 {
				if again.Epoch, err = lastTold(cmd.Context(), again.Client, again.NetUID); err != nil {
					return err
				}
			}
			r, err := again.Run(cmd.Context())
			if err != nil {
				return err
			}
			return out.print(cmd, r, auditedText(r))
		},
	}
	out.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&node, "node", "", "a chain node's RPC address; config/client.toml's, else http://127.0.0.1:26657")
	f.StringVar(&again.Gateway, "validator", "http://127.0.0.1:8080/v1", "base URL of the validator's gateway")
	f.Uint32Var(&again.NetUID, "netuid", 1, "the subnet")
	f.Uint64Var(&again.Epoch, "epoch", 0, "the epoch; 0 is the last whose weights are revealed")
	from.flags(f)
	f.IntVar(&again.Samples, "samples", 8, "examples of servers that are run again; -1 for all")
	return cmd
}

// lastTold is the last epoch whose weights all voices have revealed.
func lastTold(ctx context.Context, c *client.Client, netuid uint32) (uint64, error) {
	s, err := c.Schedule(ctx, netuid)
	if err != nil {
		return 0, err
	}
	if s.Epoch < uint64(s.RevealDelay)+2 {
		return 0, errors.New("no weights are revealed yet: wait for some epochs")
	}
	return s.Epoch - uint64(s.RevealDelay) - 1, nil
}

// weightsFrom is where weights are that do not ship.
type weightsFrom struct {
	folder       string
	allowPrivate bool
}

func (w *weightsFrom) flags(f *pflag.FlagSet) {
	f.StringVar(&w.folder, "models", "", "folder of weights that do not ship, each file named by its digest; without it they come from the store of this machine, gateways and authors' sources")
	f.BoolVar(&w.allowPrivate, "allow-private", false, "also ask private and loopback addresses for weights: local networks only")
}

// shelf finds models' files.
func (w *weightsFrom) shelf(c *client.Client) (*exam.Shelf, error) {
	if w.folder != "" {
		return &exam.Shelf{Fetch: exam.Folder(filepath.Clean(w.folder))}, nil
	}
	weights, err := weightsHere(c, "", w.allowPrivate)
	if err != nil {
		return nil, err
	}
	return &exam.Shelf{Fetch: weights.Fetch, Mend: weights.Mend}, nil
}

func auditedText(r *daemon.Audited) string {
	servers, chain := "as the chain has them", "the same as on the chain"
	if !r.Cards {
		servers = "as it tells: the chain has those of that tempo no more"
	}
	if !r.OnChain {
		chain = "the chain has later ones by now"
	}
	return fmt.Sprintf("identical: epoch %d of subnet %d, voice %s\nmodels     %d, examined again on %d items\nservers    %d, %s; %d paid\nexamples   %d run again, all right\ncapacity   of %d moments; %d receipts of the last one are the servers'\nweights    %s\n",
		r.Epoch, r.NetUID, r.Voice, r.Models, r.Items, r.Servers, servers, r.Paid, r.Examples, r.Moments, r.Receipts, chain)
}
