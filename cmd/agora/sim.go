package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"agora/scenario"
	"agora/study"
	"agora/study/attack"
	"agora/study/chart"
	"agora/study/vector"
)

// simCommand groups the studies of the mechanism; none of them needs a chain.
func simCommand() *cobra.Command {
	sim := group(&cobra.Command{
		Use:     "sim",
		Short:   "Compute epochs and study the mechanism, without a chain",
		Example: "  agora sim copier",
	})
	sim.AddCommand(simEpochCommand(), simGuaranteeCommand(), simCopierCommand(), simMarketCommand())
	return sim
}

func simEpochCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "epoch FILE…",
		Short: "Compute recorded epochs and print what each would store",
		Long: "Reads files of cases (parameters, a first state, and steps of changes and an emission; docs/epoch.md describes them)\n" +
			"and prints the stored values after every step as JSON.",
		Example: "  agora sim epoch mechanism/yuma/testdata/epoch_derived.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return vector.RunFiles(cmd.Context(), files, cmd.OutOrStdout())
		},
	}
	cmd.Flags().Bool("json", true, "print JSON; there is no other format")
	return cmd
}

// Bounds of what a study is asked for: figures settle long before.
const (
	maxSeeds = 1000
	maxNoise = 10
)

// studyFlags are what every study takes.
type studyFlags struct {
	output
	effort study.Effort
	plot   string
}

func (f *studyFlags) register(cmd *cobra.Command, seeds int) {
	f.flag(cmd)
	flags := cmd.Flags()
	flags.Uint64Var(&f.effort.Seed, "seed", 1, "first number of the random subnets; the same seed gives the same figures")
	flags.IntVar(&f.effort.Seeds, "seeds", seeds, fmt.Sprintf("random subnets to average over, 1 to %d", maxSeeds))
	flags.IntVar(&f.effort.Workers, "workers", 0, "goroutines; 0 means one per processor")
	flags.StringVar(&f.plot, "plot", "", "also draw the figures into this SVG file")
}

// begin refuses what no study can run with and tells progress on the standard error.
func (f *studyFlags) begin(cmd *cobra.Command) error {
	if f.effort.Seeds < 1 || f.effort.Seeds > maxSeeds {
		return usageError{fmt.Errorf("--seeds is %d: give 1 to %d", f.effort.Seeds, maxSeeds)}
	}
	if f.effort.Workers < 0 {
		return usageError{fmt.Errorf("--workers is %d: give 1 or more, or 0 for one per processor", f.effort.Workers)}
	}
	f.effort.Progress = newMeter(cmd.ErrOrStderr()).told
	return nil
}

// finish prints a report and draws it if asked to.
func (f *studyFlags) finish(cmd *cobra.Command, r interface{ WriteTable(w io.Writer) error }, draw func(io.Writer) error) error {
	if f.plot != "" {
		if err := writeTo(f.plot, draw); err != nil {
			return err
		}
	}
	if f.json {
		return study.WriteJSON(cmd.OutOrStdout(), r)
	}
	return r.WriteTable(cmd.OutOrStdout())
}

func writeTo(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

func simGuaranteeCommand() *cobra.Command {
	var flags studyFlags
	var all bool
	cmd := &cobra.Command{
		Use:     "guarantee",
		Example: "  agora sim guarantee --json",
		Short:   "Measure what share of stake a cabal needs",
		Long: "For each share of honest stake: the weight that honest validators must give honest miners so that their side earns\n" +
			"at least its share of stake, whatever the other side does. Measured and, after a slash, as the reference published it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.begin(cmd); err != nil {
				return err
			}
			settings := study.Settings()
			if !all {
				settings = settings[:2]
			}
			curves, err := study.Guarantee(cmd.Context(), settings, flags.effort)
			if err != nil {
				return err
			}
			r := study.GuaranteeReport{Seed: flags.effort.Seed, Seeds: flags.effort.Seeds, Curves: curves}
			return flags.finish(cmd, r, func(w io.Writer) error { return chart.Guarantee(w, curves) })
		},
	}
	flags.register(cmd, study.GuaranteeSeeds)
	cmd.Flags().BoolVar(&all, "all", false, "vary sigma, kappa, beta and xi too, not only the base and the shipped parameters (minutes)")
	return cmd
}

// grid is what the copier study varies.
type grid struct {
	drifts, noises []float64
	ages           []int
}

func (g *grid) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Float64SliceVar(&g.drifts, "drift", study.Drifts, "steps of a miner's quality per epoch, 0 to 1")
	f.Float64SliceVar(&g.noises, "noise", study.Noises, fmt.Sprintf("relative noise of an honest evaluation, 0 to %d", maxNoise))
	f.IntSliceVar(&g.ages, "age", study.Ages, fmt.Sprintf("ages of the copied consensus in epochs, ascending, 1 to %d", study.MaxAge))
}

func (g *grid) check() error {
	for _, d := range g.drifts {
		if math.IsNaN(d) || d < 0 || d > 1 {
			return usageError{fmt.Errorf("--drift %g: give 0 to 1", d)}
		}
	}
	for _, n := range g.noises {
		if math.IsNaN(n) || n < 0 || n > maxNoise {
			return usageError{fmt.Errorf("--noise %g: give 0 to %d", n, maxNoise)}
		}
	}
	for k, age := range g.ages {
		if age < 1 || age > study.MaxAge || (k > 0 && age <= g.ages[k-1]) {
			return usageError{fmt.Errorf("--age %d: give ages from 1 to %d, each once and in ascending order", age, study.MaxAge)}
		}
	}
	if len(g.drifts) == 0 || len(g.noises) == 0 || len(g.ages) == 0 {
		return usageError{errors.New("--drift, --noise and --age need at least one value each")}
	}
	return nil
}

func simCopierCommand() *cobra.Command {
	var flags studyFlags
	var g grid
	cmd := &cobra.Command{
		Use:     "copier",
		Example: "  agora sim copier --json",
		Short:   "Measure what a validator earns who copies the consensus",
		Long: "The dividend per stake of a validator that repeats an old consensus, relative to the mean of honest ones, by how fast\n" +
			"miners change, how noisy evaluations are, and how old the consensus is (1: weights are public at once; D+1: hidden for D tempos).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(flags.begin(cmd), g.check()); err != nil {
				return err
			}
			formulas := study.Formulas()
			cases, err := study.Copier(cmd.Context(), study.CopierGrid(formulas, g.drifts, g.noises, g.ages), flags.effort)
			if err != nil {
				return err
			}
			r := study.CopierReport{Seed: flags.effort.Seed, Seeds: flags.effort.Seeds, Cases: cases}
			shipped := slices.DeleteFunc(slices.Clone(cases), func(c study.Copying) bool { return c.Formula != formulas[0].Name })
			return flags.finish(cmd, r, func(w io.Writer) error { return chart.Copier(w, shipped) })
		},
	}
	flags.register(cmd, study.CopierSeeds)
	g.flags(cmd)
	return cmd
}

// simMarketCommand plays the attacks on a market of open models.
func simMarketCommand() *cobra.Command {
	var out output
	var seed uint64
	var seeds int
	var named string
	var markdown bool
	cmd := &cobra.Command{
		Use:   "market",
		Short: "Play attacks on a market of open models",
		Long: "Copies, padding, keys, junk and more against the rules that pay open models, for 30 days each; the gain is what the\n" +
			"attacker gets beside honest behaviour with the same machines. Servers' answers are real models' and are run again;\n" +
			"attacks on the chain are stories that it runs through. Fails if an attack pays more than its bar and is not known to.",
		Example: "  agora sim market\n  agora sim market --attack degraded --seeds 1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seeds < 1 || seeds > maxSeeds {
				return usageError{fmt.Errorf("--seeds is %d: give 1 to %d", seeds, maxSeeds)}
			}
			r, err := attack.Run(cmd.Context(), named, seed, seeds, scenario.RunNamed, newMeter(cmd.ErrOrStderr()).told)
			if errors.Is(err, attack.ErrNoAttack) {
				return usageError{err}
			}
			if err != nil {
				return err
			}
			switch {
			case out.json:
				err = study.WriteJSON(cmd.OutOrStdout(), r)
			case markdown:
				err = r.WriteMarkdown(cmd.OutOrStdout())
			default:
				err = r.WriteTable(cmd.OutOrStdout())
			}
			for _, f := range r.Findings {
				if !f.Holds && !f.Open {
					err = errors.Join(err, fmt.Errorf("%s gains %.2f, the bar is %s", f.Attack, f.Gain, f.Bar))
				}
			}
			return err
		},
	}
	out.flag(cmd)
	cmd.Flags().Uint64Var(&seed, "seed", 1, "first of the seeds; the same one gives the same figures")
	cmd.Flags().IntVar(&seeds, "seeds", 5, fmt.Sprintf("plays to average over, 1 to %d", maxSeeds))
	cmd.Flags().StringVar(&named, "attack", "", "play those alone whose name contains this")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "the table as docs/attacks.md has it")
	return cmd
}
