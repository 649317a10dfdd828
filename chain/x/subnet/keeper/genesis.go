package keeper

import (
	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// InitGenesis writes a valid genesis. A subnet without a tempo or calendar gets them; what can be derived is derived.
func (k *Keeper) InitGenesis(ctx sdk.Context, g types.GenesisState) error {
	if err := k.params.Set(ctx, g.Params); err != nil {
		return err
	}
	book := types.CreationBook{
		LastLock: g.LastLock, LastLockUnixNano: g.LastLockUnixNano,
		CreationsUnixNano: g.CreationsUnixNano, NextNetuid: g.NextNetuid,
	}
	if err := k.book.Set(ctx, book); err != nil {
		return err
	}
	return firstError(
		each(g.Values, func(v types.SubnetValue) error {
			return k.values.Set(ctx, collections.Join(v.Netuid, v.Value.Name), v.Value)
		}),
		each(g.Subnets, func(s types.Subnet) error { return k.putSubnet(ctx, k.ready(ctx, s)) }),
		each(g.Neurons, func(n types.Neuron) error { return k.putNeuron(ctx, n) }),
		each(g.Profiles, func(p types.Profile) error { return k.profiles.Set(ctx, p.Operator, p) }),
		each(g.Voices, func(v types.Voice) error { return k.putVoice(ctx, v) }),
		each(g.Standings, func(s types.Standing) error { return k.standings.Set(ctx, s.Netuid, s) }),
		each(g.Slots, func(s types.Slot) error {
			return k.slots.Set(ctx, collections.Join3(s.Netuid, s.HotKey, s.Kind), s)
		}),
		each(g.HeldLocks, func(l types.HeldLock) error { return k.held.Set(ctx, l.Key(), l) }),
		each(g.KeyChanges, func(c types.KeyChange) error { return k.keyChanges.Set(ctx, c.Account, c) }),
		each(g.Bids, func(b types.Bid) error { return k.putBid(ctx, b) }),
		func() error { return k.bidNumber.Set(ctx, g.NextBid) },
	)
}

// ready fills what a hand-written subnet leaves out: the running tempo's calendar and, if it has started, where it began.
func (k *Keeper) ready(ctx sdk.Context, subnet types.Subnet) types.Subnet {
	if subnet.Tempo == 0 || subnet.RevealDelay == 0 {
		k.beginTempo(ctx, &subnet)
	}
	if subnet.Started && subnet.TempoStart == 0 {
		subnet.TempoStart = firstTempo(ctx.BlockHeight()+1, subnet.Netuid, subnet.Tempo)
	}
	return subnet
}

// ExportGenesis returns the whole state; InitGenesis of it gives the same state.
func (k *Keeper) ExportGenesis(ctx sdk.Context) (*types.GenesisState, error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return nil, err
	}
	book, err := k.book.Get(ctx)
	if err != nil {
		return nil, err
	}
	g := &types.GenesisState{
		Params: params, LastLock: book.LastLock, LastLockUnixNano: book.LastLockUnixNano,
		CreationsUnixNano: book.CreationsUnixNano, NextNetuid: book.NextNetuid,
	}
	return g, firstError(
		func() error {
			return k.values.Walk(ctx, nil, func(key collections.Pair[uint32, string], v types.Value) (bool, error) {
				g.Values = append(g.Values, types.SubnetValue{Netuid: key.K1(), Value: v})
				return false, nil
			})
		},
		func() error { return all(ctx, k.subnets, &g.Subnets) },
		func() error { return all(ctx, k.neurons, &g.Neurons) },
		func() error { return all(ctx, k.profiles, &g.Profiles) },
		func() error { return all(ctx, k.voices, &g.Voices) },
		func() error { return all(ctx, k.standings, &g.Standings) },
		func() error { return all(ctx, k.slots, &g.Slots) },
		func() error { return all(ctx, k.held, &g.HeldLocks) },
		func() error { return all(ctx, k.keyChanges, &g.KeyChanges) },
		func() error { return all(ctx, k.bids, &g.Bids) },
		func() (err error) { g.NextBid, err = k.bidNumber.Peek(ctx); return err },
	)
}

// all appends every value of a map to list, in order of key.
func all[K, V any](ctx sdk.Context, m collections.Map[K, V], list *[]V) error {
	return m.Walk(ctx, nil, func(_ K, value V) (bool, error) {
		*list = append(*list, value)
		return false, nil
	})
}

// each is a step that calls fn for every item.
func each[T any](items []T, fn func(T) error) func() error {
	return func() error {
		for _, item := range items {
			if err := fn(item); err != nil {
				return err
			}
		}
		return nil
	}
}

// firstError runs steps in order until one fails.
func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
