package vector

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"agora/mechanism/yuma"
)

// Play runs the steps of a case in order and hands each result to visit before
// the next begins. The result belongs to the runner.
func (c *Case) Play(runner *yuma.Runner, visit func(step int, in *yuma.Input, out *yuma.Result)) {
	c.play(runner, func(step int, in *yuma.Input, out *yuma.Result) bool {
		visit(step, in, out)
		return true
	})
}

// play does what Play does until visit returns false.
func (c *Case) play(runner *yuma.Runner, visit func(step int, in *yuma.Input, out *yuma.Result) (goOn bool)) {
	params, state := c.Params, c.State.clone()
	for k, step := range c.Steps {
		for _, op := range step.Ops {
			op(&params, &state)
		}
		in := input(c.N, &params, &state, step.Emission)
		out := runner.Run(in)
		if !visit(k, in, out) {
			return
		}
		state.Permit = slices.Clone(out.Permit)
		for i, row := range out.Bonds {
			state.Bonds[i] = slices.Clone(row)
		}
	}
}

// clone returns a copy that steps may change.
func (s *State) clone() State {
	c := *s
	c.Stake, c.LastUpdate = slices.Clone(s.Stake), slices.Clone(s.LastUpdate)
	c.Registered, c.Commit = slices.Clone(s.Registered), slices.Clone(s.Commit)
	c.Permit = slices.Clone(s.Permit)
	c.Weights, c.Bonds = slices.Clone(s.Weights), slices.Clone(s.Bonds)
	return c
}

// input assembles the input of one epoch.
func input(n int, p *Params, s *State, emission uint64) *yuma.Input {
	return &yuma.Input{
		Params: p.Params, N: n, Block: s.Block, Tempo: p.Tempo, LastStep: p.LastStep,
		Emission: emission, Owner: p.Owner, HasOwner: p.HasOwner,
		Stake: s.Stake, LastUpdate: s.LastUpdate, Registered: s.Registered,
		Permit: s.Permit, Commit: s.Commit, Weights: s.Weights, Bonds: s.Bonds,
	}
}

// Step values as they are stored, in the order in which they are printed.
type storedStep struct {
	StakeWeight       []uint16      `json:"stake_weight"`
	Consensus         []uint16      `json:"consensus"`
	Incentive         []uint16      `json:"incentive"`
	Dividends         []uint16      `json:"dividends"`
	ValidatorTrust    []uint16      `json:"validator_trust"`
	ValidatorPermits  []bool        `json:"validator_permits"`
	ServerEmission    []uint64      `json:"server_emission"`
	ValidatorEmission []uint64      `json:"validator_emission"`
	Emission          []uint64      `json:"emission"`
	BondsRows         [][][2]uint16 `json:"bonds_rows"`
}

// storedCase is one case of the output.
type storedCase struct {
	ID    string       `json:"id"`
	Steps []storedStep `json:"steps"`
}

// stored copies what a result stores.
func stored(out *yuma.Result) storedStep {
	s := storedStep{
		StakeWeight:       copied(out.StakeWeight),
		Consensus:         copied(out.Consensus),
		Incentive:         copied(out.Incentive),
		Dividends:         copied(out.Dividends),
		ValidatorTrust:    copied(out.ValidatorTrust),
		ValidatorPermits:  copied(out.Permit),
		ServerEmission:    copied(out.ServerEmission),
		ValidatorEmission: copied(out.ValidatorEmission),
		Emission:          copied(out.Emission),
		BondsRows:         make([][][2]uint16, len(out.Bonds)),
	}
	for i, row := range out.Bonds {
		s.BondsRows[i] = make([][2]uint16, row.Len())
		for k := range s.BondsRows[i] {
			s.BondsRows[i][k][0], s.BondsRows[i][k][1] = row.At(k)
		}
	}
	return s
}

// copied returns a copy that prints as a list even where there is nothing in it.
func copied[T any](s []T) []T { return append([]T{}, s...) }

// Run reads one file of cases from r and writes {"cases": […]} with the stored
// values of every step to w.
func Run(ctx context.Context, r io.Reader, w io.Writer) error {
	cases, err := Read(r)
	if err != nil {
		return err
	}
	return Write(ctx, w, cases)
}

// RunFiles does what Run does for several files, as one document.
func RunFiles(ctx context.Context, paths []string, w io.Writer) error {
	var all []Case
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		cases, err := readFile(path)
		if err != nil {
			return err
		}
		all = append(all, cases...)
	}
	return Write(ctx, w, all)
}

// readFile reads the cases of one file; its name leads every error.
func readFile(path string) ([]Case, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cases, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cases, nil
}

// Write plays the cases and writes {"cases": […]}, one case per line, until ctx ends.
func Write(ctx context.Context, w io.Writer, cases []Case) error {
	buffered := bufio.NewWriter(w)
	buffered.WriteString(`{"cases":[`)
	var runner yuma.Runner
	for k := range cases {
		if k > 0 {
			buffered.WriteByte(',')
		}
		buffered.WriteByte('\n')
		if err := writeCase(ctx, buffered, &cases[k], &runner); err != nil {
			return err
		}
	}
	buffered.WriteString("\n]}\n")
	return buffered.Flush()
}

// writeCase plays one case and writes it.
func writeCase(ctx context.Context, w io.Writer, c *Case, runner *yuma.Runner) error {
	out := storedCase{ID: c.ID, Steps: make([]storedStep, 0, len(c.Steps))}
	c.play(runner, func(_ int, _ *yuma.Input, result *yuma.Result) (goOn bool) {
		out.Steps = append(out.Steps, stored(result))
		return ctx.Err() == nil
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := json.Marshal(&out)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
