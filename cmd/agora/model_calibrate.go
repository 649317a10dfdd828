package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"agora/engine"
	"agora/engine/near"
	backend "agora/engine/openai"
)

// calibration is what `agora model calibrate` is asked to do.
type calibration struct {
	backend, served, key, seed string
	n                          int
	keep                       float64
}

func (m *models) calibrateCommand() *cobra.Command {
	c := calibration{n: 200, seed: "calibrate", keep: 1}
	cmd := &cobra.Command{
		Use: "calibrate NAME --backend URL", Short: "Measure how far another engine's answers are from the exact engine's", Args: cobra.ExactArgs(1),
		Long: "Asks an OpenAI-compatible server that runs the same weights fresh questions at temperature 0, reads its answers with the\n" +
			"exact engine, and measures of each token by how many nats it was less probable than the exact engine's choice after the same\n" +
			"words. With another file behind the server, or --keep 0.5, it measures what a server that is not what it says looks like.",
		Example: "  agora model calibrate smollm2-135m --backend http://127.0.0.1:8080/v1\n" +
			"  agora model calibrate smollm2-135m --backend http://127.0.0.1:8080/v1 --keep 0.5 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			e, end, err := m.open(args[0])
			if err != nil {
				return err
			}
			found, err := c.run(cmd.Context(), e, &progress{to: cmd.ErrOrStderr(), plain: true})
			if err = errors.Join(err, end()); err != nil {
				return err
			}
			return m.print(cmd, found, textOf(found))
		},
	}
	m.flag(cmd)
	m.engineFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&c.backend, "backend", "", "base URL of the server, e.g. http://127.0.0.1:8080/v1")
	f.StringVar(&c.served, "backend-model", "", "model at the server, where it has several")
	f.StringVar(&c.key, "backend-key", "", "bearer key for the server, if it wants one; better in $"+backendKeyVar)
	f.IntVar(&c.n, "n", c.n, fmt.Sprintf("questions, 1 to %d", near.Most))
	f.StringVar(&c.seed, "seed", c.seed, "any text: the questions follow from it")
	f.Float64Var(&c.keep, "keep", c.keep, "part of each answer's characters that is measured as if it were the whole; 1 is all")
	return cmd
}

func (c *calibration) run(ctx context.Context, e engine.Engine, bar *progress) (near.Calibration, error) {
	model, ok := e.(engine.Gauger)
	if !ok {
		return near.Calibration{}, fmt.Errorf("%s is no language model whose answers could be compared", e.Info().Model)
	}
	if c.backend == "" {
		return near.Calibration{}, usageError{errors.New("give --backend URL of a server that runs the same weights on another engine")}
	}
	b, err := backend.New(c.backend, backend.Options{Model: c.served, Key: cmp.Or(c.key, os.Getenv(backendKeyVar))})
	if err != nil {
		return near.Calibration{}, err
	}
	defer b.Close()
	info, can, err := b.Probe(ctx)
	if err != nil {
		return near.Calibration{}, err
	}
	if !can.Chat {
		return near.Calibration{}, fmt.Errorf("the server at %s answers no chat", c.backend)
	}
	found := near.Calibration{Model: e.Info().Model, Digest: e.Info().Digest, Engine: cmp.Or(info.Version, info.Engine)}
	found.Honest, err = near.Calibrate(ctx, model, b.Say, c.seed, c.n, c.keep, bar.tell)
	bar.end()
	return found, err
}

func textOf(c near.Calibration) string {
	f := c.Honest
	return fmt.Sprintf("%s on %s: %.5f nats a token over %d tokens of %d answers; %.2f %% of the tokens are not the exact engine's choice\n"+
		"  largest gap of an answer: %.3f nats on average; half at most %.3f, 90 %% %.3f, 99 %% %.3f, all %.3f\n  digest %s\n",
		c.Model, c.Engine, f.Distance, f.Tokens, f.Answers, 100*f.Others, f.Peak, f.Peaks[0], f.Peaks[1], f.Peaks[2], f.Peaks[3], c.Digest)
}
