package keeper

import (
	"context"
	"encoding/binary"
	"errors"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
	"agora/mechanism/emission"
	"agora/mechanism/yuma"
)

// epoch is what one run of a subnet's epoch knows.
type epoch struct {
	snapshot types.Snapshot
	subnet   subnettypes.Subnet
	carry    types.Carry
	budget   emission.Budget
	voices   []subnettypes.VoiceStake
	seats    map[string]int // by operator, the uid of his permitted voice
	owners   []string       // by uid, who is paid for a miner
	spoke    []bool         // by uid, voices that revealed lately enough to count for the quorum
	stale    []bySpeaker    // bonds of voices that were absent for too long, to be forgotten
	input    yuma.Input
}

// load reads the state that an epoch depends on: who is in it and by which rules is the snapshot's, what they said and own
// is of now.
func (k *Keeper) load(ctx sdk.Context, subnet subnettypes.Subnet, snapshot types.Snapshot) (*epoch, error) {
	e := &epoch{subnet: subnet, snapshot: snapshot}
	var err error
	if e.carry, err = k.carryOf(ctx, subnet.Netuid); err != nil {
		return nil, err
	}
	if e.budget, err = k.emission.Pending(ctx, subnet.Netuid, snapshot.OwnerShare); err != nil {
		return nil, err
	}
	e.input = e.emptyInput(formula(e.snapshot), ctx.BlockHeight())
	for _, read := range []func(sdk.Context, *epoch) error{k.loadNeurons, k.loadVoices, k.loadWeights, k.loadBonds} {
		if err := read(ctx, e); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// formula returns the parameters of the epoch's arithmetic.
func formula(s types.Snapshot) yuma.Params {
	p := yuma.Default()
	p.Kappa = uint16(s.Value(subnettypes.Kappa))
	p.BondsPenalty = uint16(s.Value(subnettypes.BondsPenalty))
	p.BondsMovingAverage = uint32(s.Value(subnettypes.BondsMovingAverage))
	p.Yuma3 = s.Value(subnettypes.Yuma3) != 0
	if p.LiquidAlpha = s.Value(subnettypes.LiquidAlpha) != 0; p.LiquidAlpha {
		p.AlphaLow = uint16(s.Value(subnettypes.AlphaLow))
		p.AlphaHigh = uint16(s.Value(subnettypes.AlphaHigh))
		p.AlphaSteepness = int16(s.Value(subnettypes.AlphaSteepness))
	}
	return p
}

func (e *epoch) emptyInput(p yuma.Params, height int64) yuma.Input {
	n := int(e.snapshot.Seats)
	e.owners, e.spoke = make([]string, n), make([]bool, n)
	return yuma.Input{
		Params: p, N: n, Block: uint64(height), Tempo: e.subnet.Tempo,
		LastStep: uint64(e.carry.DecidedHeight), Emission: e.budget.Shared,
		Stake: make([]uint64, n), Active: make([]bool, n), Permit: make([]bool, n), Barred: make([]bool, n),
		LastUpdate: make([]uint64, n), Registered: make([]uint64, n),
		Weights: make([]yuma.Row, n), Bonds: make([]yuma.Row, n),
	}
}

func (k *Keeper) loadNeurons(ctx sdk.Context, e *epoch) error {
	return k.subnets.EachNeuron(ctx, e.subnet.Netuid, func(n subnettypes.Neuron) (bool, error) {
		if int(n.Uid) < len(e.owners) {
			e.owners[n.Uid] = n.Owner
			e.input.Registered[n.Uid] = uint64(max(0, n.Registered))
		}
		return false, nil
	})
}

// loadVoices gives permitted voices the lesser of the stake that they had when the tempo began and what they have now: late
// stake decides nothing, and stake that is gone has no say. No voice, permitted or not, can earn as a miner.
func (k *Keeper) loadVoices(ctx sdk.Context, e *epoch) error {
	boxed := context.Context(ctx) // once: a copy of the context for every read costs more than the read
	e.voices = make([]subnettypes.VoiceStake, len(e.snapshot.Speakers))
	e.seats = make(map[string]int, len(e.voices))
	for i, s := range e.snapshot.Speakers {
		validator, now, err := k.subnets.Staked(boxed, s.Operator)
		if err != nil {
			return err
		}
		stake := min(s.Stake, now)
		permitted := s.Permitted && stake > 0
		e.voices[i] = subnettypes.VoiceStake{
			Voice:     subnettypes.Voice{Netuid: e.subnet.Netuid, Operator: s.Operator, Uid: s.Uid},
			Validator: validator, Stake: stake, Permitted: permitted,
		}
		e.input.Barred[s.Uid] = true
		if permitted {
			e.seats[s.Operator] = int(s.Uid)
			e.input.Permit[s.Uid] = true
			e.input.Stake[s.Uid] = stake
		}
	}
	return nil
}

// loadWeights puts the rows of permitted voices that were revealed in this epoch in force and forgets rows too old to
// matter for the quorum.
func (k *Keeper) loadWeights(ctx sdk.Context, e *epoch) error {
	var old []bySpeaker
	prefix := collections.NewPrefixedPairRange[uint32, string](e.subnet.Netuid)
	err := k.weights.Walk(ctx, prefix, func(key bySpeaker, row types.Row) (bool, error) {
		uid, permitted := e.seats[row.Operator]
		switch {
		case row.Epoch+uint64(e.snapshot.Params.QuorumLookback) <= e.subnet.Epoch:
			old = append(old, key)
		case permitted:
			e.spoke[uid] = true
			if row.Epoch == e.subnet.Epoch {
				e.input.Active[uid] = true
				e.input.LastUpdate[uid] = uint64(max(0, row.CommitHeight))
				e.input.Weights[uid] = e.capped(uid, row)
			}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return removeAll(ctx, k.weights, old)
}

// loadBonds reads the bonds of voices that are present: permitted and speaking. Those of an absent voice sleep for
// MaxAbsence tempos, so that an epoch in jail costs what a silent one does; then they end.
func (k *Keeper) loadBonds(ctx sdk.Context, e *epoch) error {
	prefix := collections.NewPrefixedPairRange[uint32, string](e.subnet.Netuid)
	return k.bonds.Walk(ctx, prefix, func(key bySpeaker, row types.Row) (bool, error) {
		uid, permitted := e.seats[row.Operator]
		fresh := row.Epoch == e.carry.DecidedEpoch
		present := permitted && e.input.Active[uid]
		switch {
		case present && fresh:
			e.input.Bonds[uid] = row.Entries
		case row.Epoch+subnettypes.MaxAbsence < e.subnet.Epoch:
			e.stale = append(e.stale, key)
		case present:
			e.input.Bonds[uid] = e.awake(row)
		}
		return false, nil
	})
}

// awake returns the bonds that slept while other epochs decided, without those on seats that changed hands meanwhile.
func (e *epoch) awake(row types.Row) (bonds yuma.Row) {
	for i := 0; i+4 <= len(row.Entries); i += 4 {
		uid := int(binary.LittleEndian.Uint16(row.Entries[i:]))
		if uid < len(e.input.Registered) && int64(e.input.Registered[uid]) <= row.Height {
			bonds = append(bonds, row.Entries[i:i+4]...)
		}
	}
	return bonds
}

// quorate tells whether the epoch may decide: the stake that revealed is more than half of what is waited for. That is the
// stake of the permitted voices that revealed in one of the last epochs: silence must neither vote zero nor hand
// everything to whoever speaks. In a young subnet it is the stake of all permitted voices, since who is not ready yet was
// not silenced either.
func (e *epoch) quorate() bool {
	var revealed, expected uint64
	for uid, stake := range e.input.Stake {
		if e.spoke[uid] || e.carry.Young() {
			expected += stake
		}
		if e.input.Active[uid] {
			revealed += stake
		}
	}
	return 2*revealed > expected
}

func (k *Keeper) carryOf(ctx sdk.Context, netuid uint32) (types.Carry, error) {
	carry, err := k.carries.Get(ctx, netuid)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Carry{Netuid: netuid}, nil
	}
	return carry, err
}

// removeAll deletes keys that were found while walking.
func removeAll[K, V any](ctx context.Context, table collections.Map[K, V], keys []K) error {
	for _, key := range keys {
		if err := table.Remove(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
