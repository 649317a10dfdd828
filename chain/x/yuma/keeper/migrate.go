package keeper

import (
	"errors"

	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/yuma/types"
)

type (
	byUIDV1    = collections.Pair[uint32, uint32]           // (netuid, uid)
	byCommitV1 = collections.Triple[uint32, uint64, uint32] // (netuid, epoch, uid)
)

// tablesV1 are the tables that version 1 of the store kept by uid.
type tablesV1 struct {
	commits  collections.Map[byCommitV1, types.Commit]
	weights  collections.Map[byUIDV1, types.Row]
	bonds    collections.Map[byUIDV1, types.Row]
	unseeded collections.KeySet[byCommitV1]
}

func openV1(sb *collections.SchemaBuilder, cdc codec.BinaryCodec) tablesV1 {
	uid := collections.PairKeyCodec(collections.Uint32Key, collections.Uint32Key)
	commit := collections.TripleKeyCodec(collections.Uint32Key, collections.Uint64Key, collections.Uint32Key)
	return tablesV1{
		commits:  collections.NewMap(sb, types.CommitsV1Prefix, "commits_v1", commit, codec.CollValue[types.Commit](cdc)),
		weights:  collections.NewMap(sb, types.WeightsV1Prefix, "weights_v1", uid, codec.CollValue[types.Row](cdc)),
		bonds:    collections.NewMap(sb, types.BondsV1Prefix, "bonds_v1", uid, codec.CollValue[types.Row](cdc)),
		unseeded: collections.NewKeySet(sb, types.UnseededV1Prefix, "unseeded_v1", commit),
	}
}

// Migrator carries the module's state from one consensus version to the next.
type Migrator struct{ k *Keeper }

// NewMigrator returns the migrations over k.
func NewMigrator(k *Keeper) Migrator { return Migrator{k} }

// Migrate1to2 gives commits, weights and bonds to the operator whose voice made them. What belongs to a neuron that is no
// voice any more has nobody to speak for it and ends, as it would have. Quorums are taken over, and every running tempo gets
// its snapshot, which has their parameters.
func (m Migrator) Migrate1to2(ctx sdk.Context) error {
	return errors.Join(m.k.MigrateQuorum(ctx), m.moveCommits(ctx), m.moveWeights(ctx), m.moveBonds(ctx), m.k.takeMissing(ctx))
}

func (m Migrator) moveCommits(ctx sdk.Context) error {
	commits, err := values(ctx, m.k.v1.commits)
	if err != nil {
		return err
	}
	for _, c := range commits {
		operator, is := m.k.subnets.VoiceOf(ctx, c.Netuid, c.Uid)
		if !is {
			continue
		}
		c.Operator = operator
		if err := m.k.restore(ctx, c); err != nil {
			return err
		}
	}
	return errors.Join(m.k.v1.commits.Clear(ctx, nil), m.k.v1.unseeded.Clear(ctx, nil))
}

func (m Migrator) moveWeights(ctx sdk.Context) error {
	rows, err := values(ctx, m.k.v1.weights)
	if err != nil {
		return err
	}
	for _, r := range rows {
		operator, is := m.k.subnets.VoiceOf(ctx, r.Netuid, r.Uid)
		if !is {
			continue
		}
		r.Operator = operator
		if err := m.k.weights.Set(ctx, r.Key(), r); err != nil {
			return err
		}
	}
	return m.k.v1.weights.Clear(ctx, nil)
}

// moveBonds dates the bonds too: in version 1 all are of the last epoch that decided.
func (m Migrator) moveBonds(ctx sdk.Context) error {
	rows, err := values(ctx, m.k.v1.bonds)
	if err != nil {
		return err
	}
	for _, r := range rows {
		operator, is := m.k.subnets.VoiceOf(ctx, r.Netuid, r.Uid)
		if !is {
			continue
		}
		carry, err := m.k.carryOf(ctx, r.Netuid)
		if err != nil {
			return err
		}
		r.Operator, r.Epoch, r.Height = operator, carry.DecidedEpoch, carry.DecidedHeight
		if err := m.k.bonds.Set(ctx, r.Key(), r); err != nil {
			return err
		}
	}
	return m.k.v1.bonds.Clear(ctx, nil)
}

// Migrate2to3 writes the parameters that are new since, the owner's share among them, into the snapshots of running tempos,
// with what they are now.
func (m Migrator) Migrate2to3(ctx sdk.Context) error {
	share, err := m.k.emission.OwnerShare(ctx)
	if err != nil {
		return err
	}
	return m.complete(ctx, func(s *types.Snapshot) { s.OwnerShare = share })
}

// Migrate3to4 writes the parameters that are new since into the snapshots of running tempos, with what they are now: without them
// the state could not be a genesis.
func (m Migrator) Migrate3to4(ctx sdk.Context) error {
	return m.complete(ctx, func(*types.Snapshot) {})
}

// complete gives every running tempo's snapshot the parameters of the table that it lacks, and what else set does.
func (m Migrator) complete(ctx sdk.Context, set func(*types.Snapshot)) error {
	snapshots, err := values(ctx, m.k.snapshots)
	if err != nil {
		return err
	}
	for _, s := range snapshots {
		set(&s)
		settings := m.k.subnets.Settings(ctx, s.Netuid)
		for i, now := range settings {
			if then := s.Find(now.Name); then != nil {
				settings[i].Value = then.Value
			}
		}
		s.Settings = s.Settings[:0]
		for _, v := range settings {
			s.Settings = append(s.Settings, types.Setting{Name: v.Name, Value: v.Value})
		}
		if err := m.k.snapshots.Set(ctx, s.Netuid, s); err != nil {
			return err
		}
	}
	return nil
}
