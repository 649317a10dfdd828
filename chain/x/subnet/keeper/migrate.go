package keeper

import (
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
