package validator

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
)

// commitment is a tempo's weights with the salt that hides them until they are revealed.
type commitment struct {
	NetUID  uint32   `json:"netuid"`
	Epoch   uint64   `json:"epoch"`
	UIDs    []uint32 `json:"uids"`
	Weights []uint32 `json:"weights"` // u16 each
	Salt    []byte   `json:"salt"`    // 32 bytes
	Hash    []byte   `json:"hash"`    // 32 bytes, what the chain is told
	Height  int64    `json:"height"`  // block of the commit; 0 until it is known to be on chain
}

// schedule is what a calendar reads of the chain; *client.Client provides it.
type schedule interface {
	Schedule(ctx context.Context, netuid uint32) (yumatypes.Schedule, error)
	Commits(ctx context.Context, netuid uint32) ([]yumatypes.Commit, error)
	Block(ctx context.Context, height int64) (client.Block, error)
}

// sender sends a message that is worth nothing after block last; *client.Queue provides it.
type sender interface {
	SendBy(ctx context.Context, last int64, msgs ...sdk.Msg) (client.Result, error)
}

// calendar commits and reveals one subnet's weights, each once. One goroutine calls step.
type calendar struct {
	netuid   uint32
	chainID  string
	operator string // whose stake speaks
	hotKey   ed25519.PublicKey
	store    *store
	chain    schedule
	queue    sender
	items    *drawer
	voice    func() (uid uint32, ok bool)
	vote     func(context.Context) (ballot, error)
	begin    func(yumatypes.Schedule) error // told of every new epoch
	keep     func(ballot) error             // told of a ballot before it is cast
	log      *slog.Logger
	report   func(func(*Status)) // edits the public status

	seen   int64  // height of the first step
	epoch  uint64 // of the last step
	sent   int    // commits, or open weights, sent in this epoch
	opened int    // reveals sent in this epoch
}

// maxSends is how often one commit or reveal is sent: the chain has two slots per tempo for each.
const maxSends = 2

// settleBlocks is how long after a start a commit that is in the store, but not on chain, may still be on its way.
const settleBlocks = 2

// step does what the calendar asks for after block height.
func (c *calendar) step(ctx context.Context, height int64) error {
	s, err := c.chain.Schedule(ctx, c.netuid)
	if err != nil {
		return err
	}
	if s.Epoch != c.epoch || c.seen == 0 {
		if err := c.begin(s); err != nil {
			return err
		}
		c.epoch, c.sent, c.opened = s.Epoch, 0, 0
	}
	if c.seen == 0 {
		c.seen = height
	}
	c.report(func(st *Status) { st.Epoch = s.Epoch })
	if _, ok := c.voice(); !ok {
		return nil
	}
	if !s.CommitReveal {
		return c.setOpenly(ctx, s, height)
	}
	if err := c.settle(ctx, s, height); err != nil {
		return err
	}
	if err := c.reveal(ctx, s, height); err != nil {
		return err
	}
	return c.commit(ctx, s, height)
}

// commit sends this tempo's hash, once the board is sure or time runs out.
func (c *calendar) commit(ctx context.Context, s yumatypes.Schedule, height int64) error {
	if next := height + 1; next < s.Start || next > s.CommitUntil || c.sent >= maxSends {
		return nil
	}
	r, ok, err := c.store.commitment(c.netuid, s.Epoch)
	if err != nil {
		return err
	}
	if ok && (r.Height > 0 || height < c.seen+settleBlocks && height+1 < s.CommitUntil) {
		return nil
	}
	if !ok {
		if r, ok, err = c.draw(ctx, s, height); err != nil || !ok {
			return err
		}
	}
	c.sent++
	result, err := c.queue.SendBy(ctx, s.CommitUntil, &yumatypes.MsgCommitWeights{
		HotAccount: c.account(), Netuid: c.netuid, Epoch: r.Epoch, Hash: r.Hash,
	})
	if err != nil {
		c.sent -= notSent(err)
		return fmt.Errorf("commit of epoch %d: %w", r.Epoch, err)
	}
	return c.committed(ctx, s, r, result.Height, result.Height)
}

// draw fixes this tempo's weights and writes them with their salt to the disk. ok is false while it is too early.
func (c *calendar) draw(ctx context.Context, s yumatypes.Schedule, height int64) (r commitment, ok bool, err error) {
	v, err := c.vote(ctx)
	if err != nil || !v.due(s, height) {
		return r, false, err
	}
	r = commitment{NetUID: c.netuid, Epoch: s.Epoch, UIDs: v.uids, Weights: v.weights, Salt: newSalt()}
	if err := c.keep(v); err != nil {
		return r, false, err
	}
	hash := yumatypes.CommitHash(c.chainID, r.NetUID, r.Epoch, c.hotKey, r.UIDs, r.Weights, r.Salt)
	r.Hash = hash[:]
	return r, true, c.store.setCommitment(r)
}

// due says whether a ballot should be cast for the block after height: from the middle of the commits' window on once
// nothing is in doubt, in any case one block before its end, and never before every miner has been asked often enough.
func (v ballot) due(s yumatypes.Schedule, height int64) bool {
	if !v.proven || len(v.uids) == 0 {
		return false
	}
	middle := s.Start + (s.CommitUntil-s.Start)/2
	return height+1 >= s.CommitUntil-1 || v.settled && height+1 >= middle
}

// reveal opens the commit whose time has come. The seed of present items is changed first, should it be the one.
func (c *calendar) reveal(ctx context.Context, s yumatypes.Schedule, height int64) error {
	epoch, ok := s.RevealOf()
	if next := height + 1; !ok || next < s.RevealFrom || next > s.RevealUntil || c.opened >= maxSends {
		return nil
	}
	r, ok, err := c.store.commitment(c.netuid, epoch)
	if err != nil || !ok || r.Height == 0 {
		return err
	}
	if c.items.uses(r.Salt) {
		if err := c.items.use(seedRecord{Salt: newSalt(), Epoch: int64(r.Epoch)}); err != nil {
			return err
		}
	}
	c.opened++
	_, err = c.queue.SendBy(ctx, s.RevealUntil, &yumatypes.MsgRevealWeights{
		HotAccount: c.account(), Netuid: c.netuid, Epoch: r.Epoch, Uids: r.UIDs, Weights: r.Weights, Salt: r.Salt,
	})
	if err != nil {
		c.opened -= notSent(err)
		return fmt.Errorf("reveal of epoch %d: %w", r.Epoch, err)
	}
	c.report(func(st *Status) { st.Revealed = max(st.Revealed, int64(r.Epoch)) })
	return c.store.forget(r)
}

// setOpenly sets weights at once, where the subnet hides none; once per tempo.
func (c *calendar) setOpenly(ctx context.Context, s yumatypes.Schedule, height int64) error {
	v, err := c.vote(ctx)
	if err != nil || c.sent > 0 || !v.due(s, height) || height >= s.RevealUntil {
		return err
	}
	c.sent++
	_, err = c.queue.SendBy(ctx, s.RevealUntil, &yumatypes.MsgSetWeights{
		HotAccount: c.account(), Netuid: c.netuid, Uids: v.uids, Weights: v.weights,
	})
	if err != nil {
		return fmt.Errorf("set weights: %w", err)
	}
	c.report(func(st *Status) { st.Committed, st.Revealed = int64(s.Epoch), int64(s.Epoch) })
	return nil
}

func (c *calendar) account() string { return subnettypes.HotAccount(c.hotKey).String() }

// notSent is 1 for an error after which the chain has taken no slot.
func notSent(err error) int {
	if errors.Is(err, client.ErrUnreachable) || errors.Is(err, client.ErrExpired) {
		return 1
	}
	return 0
}
