package localnet

import (
	"context"
	"io"
	"time"

	"agora/client"
)

// AwaitAnswer waits until a gateway of the market on home answers a question.
func AwaitAnswer(ctx context.Context, home string) error {
	for {
		if c, err := open(home); err == nil {
			if _, _, err := c.ask(ctx, 0, "What is 12 + 30?"); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// AwaitRanking waits until every subnet's incentives follow the true quality of its miners.
func AwaitRanking(ctx context.Context, home string) error {
	c, err := open(home)
	if err != nil {
		return err
	}
	_, err = c.ranking(ctx)
	return err
}

// open makes a checker for the market on home.
func open(home string) (*checker, error) {
	file, err := ReadDescription(home)
	if err != nil {
		return nil, err
	}
	chain, err := client.Dial(file.RPC[0])
	if err != nil {
		return nil, err
	}
	return &checker{home: home, file: file, chain: chain, truth: truth{seed: file.Seed}, out: io.Discard, report: &Report{}}, nil
}
