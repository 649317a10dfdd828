package validator

import (
	"bytes"
	"context"

	yumatypes "agora/chain/x/yuma/types"
)

// settle compares the store with what the chain already has.
func (c *calendar) settle(ctx context.Context, s yumatypes.Schedule, height int64) error {
	records, err := c.store.commitments(c.netuid)
	if err != nil || len(records) == 0 {
		return err
	}
	commits, err := c.chain.Commits(ctx, c.netuid)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := c.settleOne(ctx, s, r, find(commits, c.operator, r.Epoch), height); err != nil {
			return err
		}
	}
	return nil
}

func find(commits []yumatypes.Commit, operator string, epoch uint64) *yumatypes.Commit {
	for i, k := range commits {
		if k.Operator == operator && k.Epoch == epoch {
			return &commits[i]
		}
	}
	return nil
}

func (c *calendar) settleOne(ctx context.Context, s yumatypes.Schedule, r commitment, on *yumatypes.Commit, height int64) error {
	switch {
	case on != nil && on.Revealed:
		c.report(func(st *Status) { st.Revealed = max(st.Revealed, int64(r.Epoch)) })
		return c.store.forget(r)
	case on != nil && !bytes.Equal(on.Hash, r.Hash):
		c.log.Error("a commit that is not this program's stands; stop the other program, or rotate the hot key if there is none",
			"netuid", c.netuid, "epoch", r.Epoch)
		if r.Epoch == s.Epoch {
			c.sent = maxSends
		}
		return c.store.forget(r)
	case on != nil:
		return c.committed(ctx, s, r, on.Height, height)
	case r.Height > 0 && s.Epoch == r.Epoch && !c.ours(r):
		return c.store.forget(r) // the key was rotated, which voids its commit of the tempo: there is room for another
	case r.Height > 0 && s.Epoch <= r.Epoch+s.RevealDelay:
		return nil // the chain lists it no more, or not yet: the next block tells
	case s.Epoch > r.Epoch+s.RevealDelay, r.Height == 0 && s.Epoch > r.Epoch:
		c.log.Warn("weights were not revealed in time", "netuid", c.netuid, "epoch", r.Epoch, "committed", r.Height > 0)
		return c.store.forget(r)
	}
	return nil
}

// ours tells whether a commitment was made with the present hot key.
func (c *calendar) ours(r commitment) bool {
	hash := yumatypes.CommitHash(c.chainID, c.netuid, r.Epoch, c.hotKey, r.UIDs, r.Weights, r.Salt)
	return bytes.Equal(hash[:], r.Hash)
}

// committed takes note of a commit's block and, once the block after it is there, draws items from its salt.
func (c *calendar) committed(ctx context.Context, s yumatypes.Schedule, r commitment, at, height int64) error {
	if r.Height != at {
		r.Height = at
		if err := c.store.setCommitment(r); err != nil {
			return err
		}
		c.report(func(st *Status) { st.Committed, st.CommitHeight = int64(r.Epoch), at })
	}
	if c.items.epoch() >= int64(r.Epoch) || height <= at || s.Epoch >= r.Epoch+s.RevealDelay {
		return nil
	}
	after, err := c.chain.Block(ctx, at+1)
	if err != nil {
		return err
	}
	return c.items.use(seedRecord{Salt: r.Salt, Mix: after.Hash, Epoch: int64(r.Epoch)})
}
