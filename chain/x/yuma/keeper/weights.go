package keeper

import (
	"bytes"
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
)

// Schedule returns the calendar of the subnet's running tempo. The error is the subnet module's ErrNoSubnet.
func (k *Keeper) Schedule(ctx sdk.Context, netuid uint32) (types.Schedule, error) {
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return types.Schedule{}, err
	}
	return types.NewSchedule(subnet), nil
}

// sender is who sends a vector: a voice's neuron in a subnet at a moment of its calendar.
type sender struct {
	subnet   subnettypes.Subnet
	schedule types.Schedule
	neuron   subnettypes.Neuron
	operator string // whose stake the neuron speaks for
}

// admit finds the voice behind a hot account and takes a slot of kind for it. Errors: ErrInvalid, ErrNotVoice,
// ErrCalendar where the subnet has not started, and the subnet module's ErrNoSubnet, ErrNoNeuron, ErrNoSlot.
func (k *Keeper) admit(ctx sdk.Context, hotAccount string, netuid, kind uint32) (s sender, err error) {
	account, err := network.Account(hotAccount)
	if err != nil {
		return s, fmt.Errorf("%w: hot_account: %w", types.ErrInvalid, err)
	}
	hotKey, found := k.subnets.HotAccountKey(ctx, account)
	if !found {
		return s, fmt.Errorf("%w: %s is no hot key's account; register the key first", types.ErrNotVoice, hotAccount)
	}
	if s.neuron, err = k.subnets.NeuronOfHotKey(ctx, netuid, hotKey); err != nil {
		return s, err
	}
	operator, is := k.subnets.VoiceOf(ctx, netuid, s.neuron.Uid)
	if !is {
		return s, fmt.Errorf("%w: uid %d of netuid %d; its operator can make it one", types.ErrNotVoice, s.neuron.Uid, netuid)
	}
	if s.subnet, err = k.subnets.Subnet(ctx, netuid); err != nil {
		return s, err
	}
	if !s.subnet.Started {
		return s, fmt.Errorf("%w: netuid %d has not started", types.ErrCalendar, netuid)
	}
	s.schedule, s.operator = types.NewSchedule(s.subnet), operator
	return s, k.subnets.RequireSlot(ctx, netuid, hotKey, kind)
}

// CheckOpen tells with a nil error that weights of a kind of free message are taken in netuid at height, and so many of
// them in one vector. Errors: ErrMode, ErrCalendar, ErrWeights, and the subnet module's ErrNoSubnet.
func (k *Keeper) CheckOpen(ctx sdk.Context, netuid, kind uint32, height int64, weights int) error {
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	if !subnet.Started {
		return fmt.Errorf("%w: netuid %d has not started", types.ErrCalendar, netuid)
	}
	if weights > int(subnet.Size_) {
		return fmt.Errorf("%w: %d weights for the %d neurons of netuid %d", types.ErrWeights, weights, subnet.Size_, netuid)
	}
	switch s := types.NewSchedule(subnet); kind {
	case subnettypes.SlotCommit:
		return checkCommitTime(s, height)
	case subnettypes.SlotReveal:
		return checkRevealTime(s, height)
	default:
		return checkOpenTime(s, height)
	}
}

// Commit binds an operator to weights that his voice reveals reveal_delay tempos later, under the rules of now. The first
// commit of an epoch stands, whichever neuron or key sent it: who could seal another would choose, when others have
// revealed or the leaves that he must open are known. Errors: ErrInvalid, ErrCommitted, ErrMode, ErrWrongEpoch,
// ErrCalendar, and those of admission.
func (k *Keeper) Commit(ctx sdk.Context, hotAccount string, netuid uint32, epoch uint64, hash, evidenceRoot []byte) error {
	if len(hash) != 32 || len(evidenceRoot) != 0 && len(evidenceRoot) != 32 {
		return fmt.Errorf("%w: hash of %d bytes, want 32; evidence root of %d, want 0 or 32",
			types.ErrInvalid, len(hash), len(evidenceRoot))
	}
	s, err := k.admit(ctx, hotAccount, netuid, subnettypes.SlotCommit)
	if err != nil {
		return err
	}
	if err := checkCommitTime(s.schedule, ctx.BlockHeight()); err != nil {
		return err
	}
	if epoch != s.schedule.Epoch {
		return fmt.Errorf("%w: commit for epoch %d, epoch %d is running", types.ErrWrongEpoch, epoch, s.schedule.Epoch)
	}
	rules, err := k.rules(ctx, netuid)
	if err != nil {
		return err
	}
	commit := types.Commit{
		Netuid: netuid, Uid: s.neuron.Uid, Epoch: epoch, Hash: hash, EvidenceRoot: evidenceRoot,
		Height: ctx.BlockHeight(), HotKey: s.neuron.HotKey, Rules: rules, Operator: s.operator,
	}
	if err := k.keep(ctx, commit); err != nil {
		return err
	}
	return ctx.EventManager().EmitTypedEvent(&types.WeightsCommitted{Netuid: netuid, Uid: commit.Uid, Epoch: epoch})
}

// keep stores the first commit of an operator in an epoch; one with an evidence root waits for the next block's hash.
func (k *Keeper) keep(ctx sdk.Context, commit types.Commit) error {
	first, found, err := k.CommitOf(ctx, commit.Netuid, commit.Epoch, commit.Operator)
	if err != nil {
		return err
	}
	if found {
		return fmt.Errorf("%w: uid %d of netuid %d sent it with hot key %x at block %d; if that was not you, rotate the key",
			types.ErrCommitted, first.Uid, first.Netuid, first.HotKey, first.Height)
	}
	key := commit.Key()
	if err := k.commits.Set(ctx, key, commit); err != nil || len(commit.EvidenceRoot) == 0 {
		return err
	}
	return k.unseeded.Set(ctx, key)
}

// void forgets what an operator committed to in the running epoch with a hot key that he has given up, so that a thief's
// word does not stand for his.
func (k *Keeper) void(ctx sdk.Context, netuid uint32, operator string, hotKey []byte) error {
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	commit, found, err := k.CommitOf(ctx, netuid, subnet.Epoch, operator)
	if err != nil || !found || !bytes.Equal(commit.HotKey, hotKey) {
		return err
	}
	if err := k.unseeded.Remove(ctx, commit.Key()); err != nil {
		return err
	}
	if err := k.commits.Remove(ctx, commit.Key()); err != nil {
		return err
	}
	return ctx.EventManager().EmitTypedEvent(&types.CommitVoided{Netuid: netuid, Uid: commit.Uid, Epoch: commit.Epoch, Operator: operator})
}

// Reveal opens the sender's commit of epoch. Errors: ErrMode, ErrWrongEpoch, ErrCalendar, ErrNoCommit, ErrRevealed,
// ErrMismatch, ErrWeights, ErrEvidence, and those of admission.
func (k *Keeper) Reveal(ctx sdk.Context, msg *types.MsgRevealWeights) error {
	s, err := k.admit(ctx, msg.HotAccount, msg.Netuid, subnettypes.SlotReveal)
	if err != nil {
		return err
	}
	if err := checkRevealTime(s.schedule, ctx.BlockHeight()); err != nil {
		return err
	}
	if due, ok := s.schedule.RevealOf(); !ok || msg.Epoch != due {
		return fmt.Errorf("%w: reveal of epoch %d in epoch %d with a delay of %d",
			types.ErrWrongEpoch, msg.Epoch, s.schedule.Epoch, s.schedule.RevealDelay)
	}
	commit, err := k.openCommit(ctx, msg, s.operator)
	if err != nil {
		return err
	}
	if commit.Rules.MaxWeightLimit == 0 {
		if commit.Rules, err = k.rules(ctx, msg.Netuid); err != nil {
			return err
		}
	}
	row, err := types.NewWeightRules(s.subnet.Size_, commit.Rules).Pack(msg.Uids, msg.Weights)
	if err != nil {
		return err
	}
	if err := k.checkEvidence(ctx, commit, msg); err != nil {
		return err
	}
	commit.Revealed = true
	if err := k.commits.Set(ctx, commit.Key(), commit); err != nil {
		return err
	}
	inForce := types.Row{Entries: row, CommitHeight: commit.Height, MaxWeightLimit: commit.Rules.MaxWeightLimit, Salt: msg.Salt}
	return k.enforce(ctx, s, inForce, commit.Epoch)
}

// checkCommitTime holds a commit to the calendar: the first half of a tempo.
func checkCommitTime(s types.Schedule, height int64) error {
	if !s.CommitReveal {
		return fmt.Errorf("%w: netuid %d takes open weights; send set-weights", types.ErrMode, s.Netuid)
	}
	if s.PhaseAt(height) != types.Committing {
		return fmt.Errorf("%w: commits were taken until block %d", types.ErrCalendar, s.CommitUntil)
	}
	return nil
}

// checkRevealTime holds a reveal to the calendar: the second half of a tempo, but for its quiet end.
func checkRevealTime(s types.Schedule, height int64) error {
	if !s.CommitReveal {
		return fmt.Errorf("%w: netuid %d takes open weights; send set-weights", types.ErrMode, s.Netuid)
	}
	if s.PhaseAt(height) != types.Revealing {
		return fmt.Errorf("%w: reveals are taken in blocks %d to %d", types.ErrCalendar, s.RevealFrom, s.RevealUntil)
	}
	return nil
}

// checkOpenTime holds open weights to the calendar: a tempo, but for its quiet end.
func checkOpenTime(s types.Schedule, height int64) error {
	if s.CommitReveal {
		return fmt.Errorf("%w: netuid %d takes commits and reveals", types.ErrMode, s.Netuid)
	}
	if p := s.PhaseAt(height); p != types.Committing && p != types.Revealing {
		return fmt.Errorf("%w: weights were taken until block %d", types.ErrCalendar, s.RevealUntil)
	}
	return nil
}

// openCommit returns the commit that a reveal opens, if it is not open yet and the hash fits: over the hot key of the
// time of the commit, so that a rotation or another voice in between loses nothing.
func (k *Keeper) openCommit(ctx sdk.Context, msg *types.MsgRevealWeights, operator string) (commit types.Commit, err error) {
	commit, found, err := k.CommitOf(ctx, msg.Netuid, msg.Epoch, operator)
	if err != nil {
		return commit, err
	}
	if !found {
		return commit, fmt.Errorf("%w: %s in netuid %d, epoch %d", types.ErrNoCommit, operator, msg.Netuid, msg.Epoch)
	}
	if commit.Revealed {
		return commit, fmt.Errorf("%w: epoch %d of %s in netuid %d", types.ErrRevealed, msg.Epoch, operator, msg.Netuid)
	}
	if n := len(msg.Salt); n < types.MinSalt || n > types.MaxSalt {
		return commit, fmt.Errorf("%w: salt of %d bytes, want %d to %d", types.ErrInvalid, n, types.MinSalt, types.MaxSalt)
	}
	hash := types.CommitHash(ctx.ChainID(), msg.Netuid, msg.Epoch, commit.HotKey, msg.Uids, msg.Weights, msg.Salt)
	if !bytes.Equal(hash[:], commit.Hash) {
		return commit, fmt.Errorf("%w: the hash is %x, committed was %x", types.ErrMismatch, hash, commit.Hash)
	}
	return commit, nil
}

// Set takes weights at once, only where a subnet has commit-reveal off. Errors: ErrMode, ErrCalendar, ErrWeights, and
// those of admission.
func (k *Keeper) Set(ctx sdk.Context, hotAccount string, netuid uint32, uids, weights []uint32) error {
	s, err := k.admit(ctx, hotAccount, netuid, subnettypes.SlotWeights)
	if err != nil {
		return err
	}
	if err := checkOpenTime(s.schedule, ctx.BlockHeight()); err != nil {
		return err
	}
	rules, err := k.rules(ctx, netuid)
	if err != nil {
		return err
	}
	row, err := types.NewWeightRules(s.subnet.Size_, rules).Pack(uids, weights)
	if err != nil {
		return err
	}
	inForce := types.Row{Entries: row, CommitHeight: ctx.BlockHeight(), MaxWeightLimit: rules.MaxWeightLimit}
	return k.enforce(ctx, s, inForce, s.schedule.Epoch)
}

// rules are what the running tempo of netuid asks of weights.
func (k *Keeper) rules(ctx sdk.Context, netuid uint32) (types.Rules, error) {
	s, err := k.Snapshot(ctx, netuid)
	return types.Rules{
		EvidenceLeaves:    uint32(s.Value(subnettypes.EvidenceLeaves)),
		MinAllowedWeights: uint32(s.Value(subnettypes.MinAllowedWeights)),
		MaxWeightLimit:    uint32(s.Value(subnettypes.MaxWeightLimit)),
	}, err
}

// enforce puts a row in force for the running epoch: the voice is active in it.
func (k *Keeper) enforce(ctx sdk.Context, s sender, row types.Row, committed uint64) error {
	row.Netuid, row.Uid, row.Operator, row.Epoch = s.subnet.Netuid, s.neuron.Uid, s.operator, s.schedule.Epoch
	if err := k.weights.Set(ctx, row.Key(), row); err != nil {
		return err
	}
	return ctx.EventManager().EmitTypedEvent(&types.WeightsRevealed{
		Netuid: row.Netuid, Uid: row.Uid, Epoch: committed, Entries: uint32(len(row.Entries) / 4),
	})
}

// CommitOf returns what an operator committed to in an epoch, if he did and it can still be revealed.
func (k *Keeper) CommitOf(ctx sdk.Context, netuid uint32, epoch uint64, operator string) (commit types.Commit, found bool, err error) {
	commit, err = k.commits.Get(ctx, collections.Join3(netuid, epoch, operator))
	if errors.Is(err, collections.ErrNotFound) {
		return commit, false, nil
	}
	return commit, err == nil, err
}
