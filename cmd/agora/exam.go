package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"agora/client"
	"agora/mechanism/frontier"
	"agora/validator"
	"agora/validator/daemon"
	"agora/validator/exam"
)

// examined is what `agora exam` found.
type examined struct {
	NetUID    uint32         `json:"netuid"`
	Validator string         `json:"validator"` // whose results were compared, empty for none
	Equal     int            `json:"equal"`     // scores that are the same to the bit
	Models    []examinedLine `json:"models"`
}

type examinedLine struct {
	Digest     string         `json:"digest"`
	Name       string         `json:"name"`
	Place      int            `json:"place"`
	Capability frontier.Score `json:"capability"` // millionths
	Items      int64          `json:"items"`
	Why        string         `json:"why"`
	Fault      string         `json:"fault,omitempty"`
	Tempos     []exam.Tempo   `json:"tempos"`
}

// examCommand computes an examination again.
func examCommand() *cobra.Command {
	var out output
	var node, gateway, only string
	var weights weightsFrom
	var netuid uint32
	var from, to, tempos int64
	cmd := &cobra.Command{
		Use:   "exam",
		Short: "Examine a subnet's open models again and compare",
		Long: "Draws the items of past tempos from the chain's seeds, asks the models on this machine, and compares every score with\n" +
			"what a validator publishes: equal to the bit, or the first difference and a failure.",
		Example: "  agora exam --netuid 1 --validator http://127.0.0.1:8080/v1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.Dial(nodeOf(node))
			if err != nil {
				return err
			}
			if tempos > 0 {
				s, err := c.Schedule(cmd.Context(), netuid)
				if err != nil {
					return err
				}
				from = s.EpochAt - (tempos+1)*int64(s.Tempo)
			}
			course, end, err := newExamination(cmd.Context(), c, netuid, weights, from, to)
			if err != nil {
				return err
			}
			defer end()
			r, err := examineAgain(cmd.Context(), course, netuid, gateway, only)
			if err != nil {
				return err
			}
			return out.print(cmd, r, r.text())
		},
	}
	out.flag(cmd)
	cmd.Flags().StringVar(&node, "node", "", "a chain node's RPC address; config/client.toml's, else http://127.0.0.1:26657")
	weights.flags(cmd.Flags())
	cmd.Flags().StringVar(&gateway, "validator", "", "base URL of the validator whose results are compared; without it they are only computed")
	cmd.Flags().StringVar(&only, "model", "", "show this digest only")
	cmd.Flags().Uint32Var(&netuid, "netuid", 1, "the subnet")
	cmd.Flags().Int64Var(&from, "from", 0, "only tempos that began at this block or later")
	cmd.Flags().Int64Var(&tempos, "tempos", 0, "in place of --from: so many tempos before the running one")
	cmd.Flags().Int64Var(&to, "to", 0, "only tempos that began at this block or earlier; 0 for no limit")
	return cmd
}

// newExamination makes an examination with a store of its own, which end removes.
func newExamination(ctx context.Context, c *client.Client, netuid uint32, weights weightsFrom, from, to int64) (course *exam.Course, end func(), err error) {
	subnet, err := c.Subnet(ctx, netuid)
	if err != nil {
		return nil, nil, err
	}
	contest, done, err := daemon.ContestOf(c, subnet)
	if err != nil || len(contest.Parts) == 0 {
		return nil, nil, errors.Join(fmt.Errorf("subnet %d, %q, holds no examination", netuid, subnet.Mechanism.Id), err)
	}
	schedule, err := c.Schedule(ctx, netuid)
	if err != nil {
		return nil, nil, err
	}
	shelf, err := weights.shelf(c)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "agora-exam")
	if err != nil {
		return nil, nil, err
	}
	store, err := exam.OpenStore(filepath.Join(dir, "exam.db"))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	course = exam.NewCourse(exam.Config{
		NetUID: netuid, Contest: contest, Rules: frontier.DefaultRules(), Chain: exam.Between(validator.PublicModels(c), from, to),
		Room: exam.NewRoom(shelf, 1), Store: store, Log: slog.New(slog.DiscardHandler),
	})
	course.Begin(schedule.Epoch)
	return course, func() { _, _, _ = store.Close(), os.RemoveAll(dir), done() }, nil
}

// examineAgain examines and compares.
func examineAgain(ctx context.Context, course *exam.Course, netuid uint32, gateway, only string) (*examined, error) {
	left := course.Work(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if left {
		return nil, fmt.Errorf("not all was examined: %s", course.Progress().LastError)
	}
	r := &examined{NetUID: netuid, Validator: gateway, Models: []examinedLine{}}
	list, err := course.Standings(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		line := examinedLine{
			Digest: exam.SpellDigest(s.Model.Digest), Name: s.Listed.Name, Place: s.Place, Capability: s.Capability, Items: s.Items, Why: s.Why.String(), Fault: s.Fault,
		}
		if only != "" && line.Digest != only {
			continue
		}
		if line.Tempos, err = course.Tempos(s.Model.Digest, 64); err != nil {
			return nil, err
		}
		r.Models = append(r.Models, line)
	}
	if gateway == "" {
		return r, nil
	}
	theirs, err := daemon.FetchExamination(ctx, gateway, netuid)
	if err != nil {
		return nil, err
	}
	r.Equal, err = theirs.Compare(course)
	return r, err
}

func (r *examined) text() string {
	text := ""
	for _, m := range r.Models {
		why := m.Why
		if m.Fault != "" {
			why = m.Fault
		}
		text += fmt.Sprintf("%-16s %.19s  capability %.4f of %d items  place %d: %s\n", m.Name, m.Digest, float64(m.Capability)/1e6, m.Items, m.Place, why)
	}
	if r.Validator != "" {
		text += fmt.Sprintf("equal: %d scores are the same to the bit as those of %s\n", r.Equal, r.Validator)
	}
	return text
}
