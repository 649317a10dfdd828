package keeper

import (
	"errors"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// Migrator carries the module's state from one consensus version to the next.
type Migrator struct{ keeper *Keeper }

// NewMigrator returns the migrations over k.
func NewMigrator(k *Keeper) Migrator { return Migrator{k} }

// Migrate1to2 takes version 2 of the parameter table into force: it writes the defaults of version 1 down for every
// subnet that relied on them, so that no owner's rules change under his miners. Only new subnets get the new defaults.
func (m Migrator) Migrate1to2(ctx sdk.Context) error {
	if err := m.pin(ctx, types.DefaultsV1()); err != nil {
		return err
	}
	if err := m.fixCalendars(ctx); err != nil {
		return err
	}
	return m.listOwners(ctx)
}

// listOwners builds the index of neurons by owner, which version 1 did not have.
func (m Migrator) listOwners(ctx sdk.Context) error {
	var neurons []types.Neuron
	if err := all(ctx, m.keeper.neurons, &neurons); err != nil {
		return err
	}
	for _, n := range neurons {
		if err := m.keeper.owners.Set(ctx, collections.Join3(n.Owner, n.Netuid, n.Uid)); err != nil {
			return err
		}
	}
	return nil
}

// fixCalendars writes down the calendar of every running tempo, which version 1 read from the parameters.
func (m Migrator) fixCalendars(ctx sdk.Context) error {
	var subnets []types.Subnet
	err := m.keeper.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		subnets = append(subnets, s)
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, subnet := range subnets {
		length := subnet.Tempo
		m.keeper.beginTempo(ctx, &subnet)
		subnet.Tempo = length
		if err := m.keeper.subnets.Set(ctx, subnet.Netuid, subnet); err != nil {
			return err
		}
	}
	return nil
}

// Migrate2to3 takes version 3 of the table into force. Parameters that are gone are forgotten, values outside the new
// bounds move into them with an event, and nobody's seat is touched. A price that decayed by the block halves once for each
// tempo since the last registration.
func (m Migrator) Migrate2to3(ctx sdk.Context) error {
	params, err := m.keeper.Params(ctx)
	if err != nil {
		return err
	}
	defaults := types.DefaultParams()
	params.MinUids, params.MaxUids = defaults.MinUids, max(defaults.MinUids, params.MaxUids)
	if err := m.keeper.params.Set(ctx, params); err != nil {
		return err
	}
	var subnets []types.Subnet
	if err := all(ctx, m.keeper.subnets, &subnets); err != nil {
		return err
	}
	for _, subnet := range subnets {
		if err := m.clampOne(ctx, params, subnet); err != nil {
			return err
		}
	}
	return nil
}

// Migrate3to4 takes version 4 of the table into force, which opens subnets to published models: those that run stay closed,
// and changes that wait do so for the default time.
func (m Migrator) Migrate3to4(ctx sdk.Context) error {
	params, err := m.keeper.Params(ctx)
	if err != nil {
		return err
	}
	params.NoticeSeconds = types.DefaultParams().NoticeSeconds
	return m.keeper.params.Set(ctx, params)
}

func (m Migrator) clampOne(ctx sdk.Context, params types.Params, subnet types.Subnet) error {
	k, netuid := m.keeper, subnet.Netuid
	for _, name := range types.GoneInV3 {
		if err := k.values.Remove(ctx, collections.Join(netuid, name)); err != nil {
			return err
		}
	}
	if err := m.clampValues(ctx, params, netuid); err != nil {
		return err
	}
	if err := m.clampSeats(ctx, netuid); err != nil {
		return err
	}
	halvings := max(0, ctx.BlockHeight()-subnet.RegistrationHeight) / max(1, int64(subnet.Tempo))
	subnet.BurnPrice = k.withinBurn(ctx, netuid, subnet.BurnPrice>>min(halvings, 63))
	return k.subnets.Set(ctx, netuid, subnet)
}

// clampValues moves a subnet's parameters into the bounds of the table.
func (m Migrator) clampValues(ctx sdk.Context, params types.Params, netuid uint32) error {
	for _, row := range types.Table() {
		row, err := types.Row(params, row.Name)
		if err != nil {
			return err
		}
		key := collections.Join(netuid, row.Name)
		value, err := m.keeper.values.Get(ctx, key)
		if errors.Is(err, collections.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		from := value.Value
		if value.Value = min(max(from, row.Min), row.Max); value.Value == from {
			continue
		}
		if err := m.keeper.values.Set(ctx, key, value); err != nil {
			return err
		}
		if err := m.keeper.emit(ctx, &types.Clamped{Netuid: netuid, Name: row.Name, From: from, To: value.Value}); err != nil {
			return err
		}
	}
	return nil
}

// clampSeats brings the ends of immunity near enough, and begins to count for how long voices keep their seats.
func (m Migrator) clampSeats(ctx sdk.Context, netuid uint32) error {
	neurons, err := m.keeper.Neurons(ctx, netuid)
	if err != nil {
		return err
	}
	for _, n := range neurons {
		from, most := n.JudgedFrom, ctx.BlockHeight()+mostJudging
		if from <= most {
			continue
		}
		n.JudgedFrom = most
		if err := m.keeper.setNeuron(ctx, n); err != nil {
			return err
		}
		if err := m.keeper.emit(ctx, &types.Clamped{Netuid: netuid, Uid: n.Uid, Name: "judged_from", From: from, To: most}); err != nil {
			return err
		}
	}
	standing, err := m.keeper.standings.Get(ctx, netuid)
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	standing.KeptUntil = make([]uint64, len(standing.Emissions))
	return m.keeper.standings.Set(ctx, netuid, standing)
}

// pin writes values for every subnet that has none of its own.
func (m Migrator) pin(ctx sdk.Context, values []types.Value) error {
	var netuids []uint32
	err := m.keeper.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		netuids = append(netuids, s.Netuid)
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, netuid := range netuids {
		for _, v := range values {
			if err := m.pinOne(ctx, netuid, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m Migrator) pinOne(ctx sdk.Context, netuid uint32, v types.Value) error {
	key := collections.Join(netuid, v.Name)
	if set, err := m.keeper.values.Has(ctx, key); set || err != nil {
		return err
	}
	return m.keeper.values.Set(ctx, key, v)
}
