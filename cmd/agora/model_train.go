package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agora/engine/native/train"
)

// trained is what `agora model train` prints of a model.
type trained struct {
	Name       string  `json:"name"`
	File       string  `json:"file"`
	Parameters int     `json:"parameters"`
	Accuracy   float64 `json:"accuracy"` // of questions that were held out
	Seconds    float64 `json:"seconds"`  // of a processor
	Digest     string  `json:"digest"`
}

func (m *models) trainCommand() *cobra.Command {
	var o train.Options
	cmd := &cobra.Command{
		Use: "train [NAME…]", Short: "Train small chat models of five sizes, or some of them, from nothing", Args: cobra.ArbitraryArgs,
		Long: "Questions are drawn from the task's own generator, one in twenty held out; a model is measured on those. " + ladderText() +
			"\nA run that is ended, by Ctrl-C or a power cut, goes on where it was when the same command is given again. The same command on\n" +
			"the same kind of processor gives the same file, bit for bit. A program that was built with GOEXPERIMENT=simd is many times\n" +
			"as fast on a processor with AVX-512, and again with its bfloat16 or with AMX.",
		Example: "  agora model train chat-pico --dir /tmp/trained --steps 5 --questions 20",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Only = args
			if err := os.MkdirAll(o.Dir, 0o755); err != nil {
				return err
			}
			if err := train.Make(cmd.Context(), o, cmd.ErrOrStderr()); err != nil {
				if cmd.Context().Err() != nil {
					return fmt.Errorf("%w; the same command goes on where this run ended", err)
				}
				return err
			}
			list, err := trainedIn(o)
			if err != nil {
				return err
			}
			return m.print(cmd, list, trainedText(list))
		},
	}
	m.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "trained", "folder for models, cards and runs that are not finished")
	f.IntVar(&o.Steps, "steps", 0, "steps in place of each model's own")
	f.IntVar(&o.Questions, "questions", 2800, "held-out questions to measure a model with")
	return cmd
}

func ladderText() string {
	var names []string
	for _, r := range train.Ladder {
		names = append(names, fmt.Sprintf("%s (%d parameters)", r.Name, r.Parameters()))
	}
	return "There are " + strings.Join(names, ", ") + "."
}

func trainedIn(o train.Options) ([]trained, error) {
	cards, err := o.Cards()
	if err != nil {
		return nil, err
	}
	list := []trained{}
	for _, c := range cards {
		list = append(list, trained{c.Name, filepath.Join(o.Dir, c.Name+".gguf"), c.Parameters, c.Accuracy, c.Seconds, c.Digest})
	}
	return list, nil
}

func trainedText(list []trained) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPARAMETERS\tRIGHT\tPROCESSOR\tDIGEST\tFILE")
	for _, t := range list {
		fmt.Fprintf(w, "%s\t%d\t%.1f %%\t%.0f s\t%s\t%s\n", t.Name, t.Parameters, 100*t.Accuracy, t.Seconds, shortDigest(t.Digest), t.File)
	}
	w.Flush()
	if len(list) > 0 {
		fmt.Fprintf(&b, "serve one with: agora model serve %s\n", list[len(list)-1].File)
	}
	return b.String()
}
