package main

import (
	"github.com/spf13/cobra"

	"agora/study/vector"
)

// simCommand groups the studies of the mechanism; none of them needs a chain.
func simCommand() *cobra.Command {
	sim := &cobra.Command{
		Use:   "sim",
		Short: "Compute epochs and study the mechanism, without a chain",
	}
	sim.AddCommand(simEpochCommand())
	return sim
}

func simEpochCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "epoch FILE…",
		Short:   "Compute recorded epochs and print what each would store",
		Long:    "Reads files of cases (parameters, a first state, and steps of changes and an emission; docs/epoch.md describes them)\nand prints the stored values after every step as JSON.",
		Example: "  agora sim epoch mechanism/yuma/testdata/epoch_derived.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return vector.RunFiles(files, cmd.OutOrStdout())
		},
	}
}
