package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"agora/study"
	"agora/study/chart"
	"agora/study/vector"
)

// simCommand groups the studies of the mechanism; none of them needs a chain.
func simCommand() *cobra.Command {
	sim := &cobra.Command{
		Use:   "sim",
		Short: "Compute epochs and study the mechanism, without a chain",
	}
	sim.AddCommand(simEpochCommand(), simGuaranteeCommand(), simCopierCommand())
	return sim
}

func simEpochCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "epoch FILE…",
		Short: "Compute recorded epochs and print what each would store",
		Long: "Reads files of cases (parameters, a first state, and steps of changes and an emission; docs/epoch.md describes them)\n" +
			"and prints the stored values after every step as JSON.",
		Example: "  agora sim epoch mechanism/yuma/testdata/epoch_derived.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return vector.RunFiles(files, cmd.OutOrStdout())
		},
	}
}

// studyFlags are what every study takes.
type studyFlags struct {
	json           bool
	seed           uint64
	seeds, workers int
	plot           string
}

func (f *studyFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "print JSON instead of a table")
	flags.Uint64Var(&f.seed, "seed", 1, "first number of the random subnets; the same seed gives the same figures")
	flags.IntVar(&f.seeds, "seeds", 3, "random subnets to average over")
	flags.IntVar(&f.workers, "workers", 0, "goroutines; 0 means one per processor")
	flags.StringVar(&f.plot, "plot", "", "also draw the figures into this SVG file")
}

// report is the result of a study.
type report interface {
	WriteTable(w io.Writer) error
}

// finish prints a report and draws it if asked to.
func (f *studyFlags) finish(cmd *cobra.Command, r report, draw func(io.Writer) error) error {
	if f.plot != "" {
		file, err := os.Create(f.plot)
		if err != nil {
			return err
		}
		if err := draw(file); err != nil {
			file.Close()
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	if f.json {
		return study.WriteJSON(cmd.OutOrStdout(), r)
	}
	return r.WriteTable(cmd.OutOrStdout())
}

// check refuses what no study can run with.
func (f *studyFlags) check() error {
	if f.seeds < 1 {
		return fmt.Errorf("--seeds is %d: give 1 or more", f.seeds)
	}
	return nil
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
			if err := flags.check(); err != nil {
				return err
			}
			settings := study.Settings()
			if !all {
				settings = settings[:2]
			}
			curves := study.Guarantee(settings, flags.seed, flags.seeds, flags.workers)
			r := study.GuaranteeReport{Seed: flags.seed, Seeds: flags.seeds, Curves: curves}
			return flags.finish(cmd, r, func(w io.Writer) error { return chart.Guarantee(w, curves) })
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "vary sigma, kappa, beta and xi too, not only the base and the shipped parameters (minutes)")
	return cmd
}

func simCopierCommand() *cobra.Command {
	var flags studyFlags
	var drifts, noises []float64
	var ages []int
	cmd := &cobra.Command{
		Use:     "copier",
		Example: "  agora sim copier --json",
		Short:   "Measure what a validator earns who copies the consensus",
		Long: "The dividend per stake of a validator that repeats an old consensus, relative to the mean of honest ones, by how fast\n" +
			"miners change, how noisy evaluations are, and how old the consensus is (1: weights are public at once; D+1: hidden for D tempos).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			for _, age := range ages {
				if age < 1 {
					return fmt.Errorf("--age %d: give 1 or more", age)
				}
			}
			grid := study.CopierGrid(study.Formulas(), drifts, noises, ages)
			cases := study.Copier(grid, flags.seed, flags.seeds, flags.workers)
			r := study.CopierReport{Seed: flags.seed, Seeds: flags.seeds, Cases: cases}
			return flags.finish(cmd, r, func(w io.Writer) error {
				return chart.Copier(w, study.Copier(study.CopierGrid(study.Formulas()[:1], drifts, noises, ages), flags.seed, flags.seeds, flags.workers))
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().Float64SliceVar(&drifts, "drift", []float64{0, .02, .05, .15}, "steps of a miner's quality per epoch")
	cmd.Flags().Float64SliceVar(&noises, "noise", []float64{.05, .3}, "relative noise of an honest evaluation")
	cmd.Flags().IntSliceVar(&ages, "age", []int{1, 2, 5, 9, 17}, "ages of the copied consensus, in epochs")
	return cmd
}
