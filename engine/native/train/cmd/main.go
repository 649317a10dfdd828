// Command cmd makes small chat models, measured on questions that they have never seen: agora model train without the rest of
// agora. Built with GOEXPERIMENT=simd on a processor with AVX-512 or AMX it is fast enough for the larger ones.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"agora/engine/native/train"
)

func main() {
	var o train.Options
	flag.StringVar(&o.Dir, "out", "trained", "folder for models and cards")
	flag.StringVar(&o.Checkpoints, "checkpoints", "", "folder of runs that are not finished; the output's if not given")
	only := flag.String("only", "", "comma-separated names of the rungs to train; all by default")
	vocabulary := flag.String("vocabulary", "", "write the vocabulary anew to this file and end; every model must be trained again after that")
	flag.BoolVar(&o.MeasureOnly, "measure", false, "measure the models that are there, train nothing")
	flag.IntVar(&o.Questions, "questions", 2800, "held-out questions to measure a model with, at least 1000")
	flag.IntVar(&o.Steps, "steps", 0, "steps in place of each rung's own")
	flag.Parse()
	o.Only = strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	if err := run(o, *vocabulary); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(o train.Options, vocabulary string) error {
	if vocabulary != "" {
		file, err := train.MakeVocabulary()
		if err != nil {
			return err
		}
		return os.WriteFile(vocabulary, file, 0o644)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	return train.Make(ctx, o, os.Stdout)
}
