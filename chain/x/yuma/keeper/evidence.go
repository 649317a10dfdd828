package keeper

import (
	"bytes"
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/yuma/types"
)

// BeginBlock gives the last block's commits this block's hash: it chooses the leaves that their reveals must open.
func (k *Keeper) BeginBlock(ctx sdk.Context) error {
	var waiting []byCommit
	err := k.unseeded.Walk(ctx, nil, func(key byCommit) (bool, error) {
		waiting = append(waiting, key)
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, key := range waiting {
		if err := k.seed(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// seed gives a commit this block's hash, unless the commit is gone: its neuron may have been replaced in its own block.
func (k *Keeper) seed(ctx sdk.Context, key byCommit) error {
	commit, err := k.commits.Get(ctx, key)
	if err == nil {
		commit.Seed = ctx.HeaderHash()
		err = k.commits.Set(ctx, key, commit)
	}
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return err
	}
	return k.unseeded.Remove(ctx, key)
}

// checkEvidence verifies the leaves that a reveal must open where the subnet asked for evidence at the commit: the sheet is the
// committed one, every weight is on a uid with a leaf, and each chosen leaf lies in the sheet, signed by its miner.
// A bad or missing leaf is no reveal (ErrEvidence).
func (k *Keeper) checkEvidence(ctx sdk.Context, commit types.Commit, msg *types.MsgRevealWeights) error {
	n := int(commit.Rules.EvidenceLeaves)
	if n == 0 && len(msg.Leaves) > 0 {
		return fmt.Errorf("%w: %d leaves opened, none was asked for", types.ErrEvidence, len(msg.Leaves))
	}
	if n == 0 {
		return nil
	}
	if msg.Sheet == nil || len(commit.EvidenceRoot) == 0 || len(commit.Seed) == 0 {
		return fmt.Errorf("%w: netuid %d wants a score sheet, committed and revealed", types.ErrEvidence, commit.Netuid)
	}
	leaves, err := msg.Sheet.CheckShape()
	if err != nil {
		return err
	}
	if root := types.EvidenceRoot(*msg.Sheet); !bytes.Equal(root[:], commit.EvidenceRoot) {
		return fmt.Errorf("%w: the sheet is not the committed one", types.ErrEvidence)
	}
	if err := msg.Sheet.CheckCovers(msg.Uids, msg.Weights); err != nil {
		return err
	}
	chosen := msg.Sheet.Choose(commit.Seed, commit.Hash, msg.Uids, msg.Weights, n)
	if len(chosen) != len(msg.Leaves) {
		return fmt.Errorf("%w: %d leaves opened, want %d", types.ErrEvidence, len(msg.Leaves), len(chosen))
	}
	if err := types.CheckDistinct(msg.Leaves); err != nil {
		return err
	}
	asked, err := k.asked(ctx, commit)
	if err != nil {
		return err
	}
	for i, leaf := range msg.Leaves {
		if leaf.Index != chosen[i] {
			return fmt.Errorf("%w: leaf %d opened, want %d", types.ErrEvidence, leaf.Index, chosen[i])
		}
		if err := msg.Sheet.CheckPath(leaf, leaves); err != nil {
			return err
		}
		if err := k.checkLeaf(ctx, commit, leaf, asked); err != nil {
			return err
		}
	}
	return nil
}

// AskedLeaves is how many leaves of evidence the reveal of a voice's commit opens at most; 0 if there is no such commit.
func (k *Keeper) AskedLeaves(ctx sdk.Context, netuid uint32, epoch uint64, uid uint32) (int, error) {
	operator, is := k.subnets.VoiceOf(ctx, netuid, uid)
	if !is {
		return 0, nil
	}
	commit, found, err := k.CommitOf(ctx, netuid, epoch, operator)
	if err != nil || !found {
		return 0, err
	}
	if commit.Rules.MaxWeightLimit == 0 {
		if commit.Rules, err = k.rules(ctx, netuid); err != nil {
			return 0, err
		}
	}
	return int(commit.Rules.EvidenceLeaves), nil
}

// asked is what leaves of a commit are held to.
type asked struct {
	tempo  int64     // blocks
	halves [][8]byte // with which nonces of the commit's tempo begin, and those of the one before; none where the subnet is not open
}

func (k *Keeper) asked(ctx sdk.Context, commit types.Commit) (a asked, err error) {
	subnet, err := k.subnets.Subnet(ctx, commit.Netuid)
	if err != nil {
		return a, err
	}
	a.tempo = int64(subnet.Tempo)
	for _, epoch := range []uint64{commit.Epoch, max(commit.Epoch, 1) - 1} {
		seed, err := k.Seed(ctx, commit.Netuid, epoch)
		if errors.Is(err, types.ErrNoSeed) {
			continue
		}
		if err != nil || len(seed.Seed) < 8 {
			return a, err
		}
		a.halves = append(a.halves, [8]byte(seed.Seed))
	}
	return a, nil
}

// checkLeaf verifies the miner's signature of a leaf: of the hash of his answer, or of a receipt that the leaf holds whole. The key that a miner had when he answered is
// not known any more if the uid has changed hands since the commit, or its hot key since a tempo before it. Such a leaf
// needs its place only: or else a miner could spoil the reveals of everyone who judged him.
func (k *Keeper) checkLeaf(ctx sdk.Context, commit types.Commit, leaf types.Leaf, asked asked) error {
	miner, err := k.subnets.Neuron(ctx, commit.Netuid, leaf.Uid)
	if err != nil {
		return err
	}
	if miner.Registered >= commit.Height || miner.Rotated > 0 && miner.Rotated+asked.tempo >= commit.Height {
		return nil
	}
	if leaf.Whole() {
		return leaf.CheckReceipt(miner.HotKey, ctx.ChainID(), commit.Netuid, uint64(miner.Registered), commit.HotKey, asked.halves)
	}
	return leaf.CheckSignature(miner.HotKey, ctx.ChainID(), commit.Netuid, commit.Epoch, commit.HotKey)
}
