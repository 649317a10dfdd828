package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// Value returns the hyperparameter called name that is in force in netuid: what was set, else the default, within the
// table's bounds. For the calendar's (tempo, reveal_delay, commit_reveal) it is that of the running tempo. A name outside
// the table is 0.
func (k *Keeper) Value(ctx sdk.Context, netuid uint32, name string) int64 {
	switch name {
	case types.Tempo, types.RevealDelay, types.CommitReveal:
		if subnet, err := k.Subnet(ctx, netuid); err == nil {
			return running(subnet, name)
		}
	}
	return k.stored(ctx, netuid, name)
}

// running returns a parameter of the calendar as the subnet's running tempo has it.
func running(subnet types.Subnet, name string) int64 {
	switch {
	case name == types.Tempo:
		return int64(subnet.Tempo)
	case name == types.RevealDelay:
		return int64(subnet.RevealDelay)
	case subnet.OpenWeights:
		return 0
	}
	return 1
}

// Values returns Value for use in ctx only, with the module's params read once; for the calendar's it is that of the
// next tempo.
func (k *Keeper) Values(ctx sdk.Context) func(netuid uint32, name string) int64 {
	params, err := k.Params(ctx)
	boxed, now := context.Context(ctx), ctx.BlockTime().UnixNano()
	return func(netuid uint32, name string) int64 {
		if err != nil {
			return 0
		}
		return k.within(boxed, params, netuid, name, now)
	}
}

// Settings returns every hyperparameter of the table, in its order, with the value that the next tempo of netuid has.
func (k *Keeper) Settings(ctx sdk.Context, netuid uint32) []types.Value {
	value, rows := k.Values(ctx), types.Table()
	settings := make([]types.Value, len(rows))
	for i, row := range rows {
		settings[i] = types.Value{Name: row.Name, Value: value(netuid, row.Name)}
	}
	return settings
}

// stored returns the value set for netuid, else the default, within the bounds; 0 for an unknown name.
func (k *Keeper) stored(ctx sdk.Context, netuid uint32, name string) int64 {
	return k.Values(ctx)(netuid, name)
}

// within is stored under known params at a time.
func (k *Keeper) within(ctx context.Context, params types.Params, netuid uint32, name string, now int64) int64 {
	row, err := types.Row(params, name)
	if err != nil {
		return 0
	}
	value, err := k.values.Get(ctx, collections.Join(netuid, name))
	if err != nil {
		return row.Default
	}
	return min(max(value.At(now), row.Min), row.Max)
}

// coming is what a parameter will be when no change of it waits any more.
func (k *Keeper) coming(ctx sdk.Context, netuid uint32, name string) int64 {
	value, err := k.values.Get(ctx, collections.Join(netuid, name))
	if err != nil {
		return k.stored(ctx, netuid, name)
	}
	return value.Value
}

// NoticeUntil is the time, in Unix nanoseconds, at which a change that waits and is announced now comes into force.
func (k *Keeper) NoticeUntil(ctx sdk.Context) (int64, error) {
	params, err := k.Params(ctx)
	return ctx.BlockTime().Add(time.Duration(params.NoticeSeconds) * time.Second).UnixNano(), err
}

// row returns the line of the table with its bounds under the present params.
func (k *Keeper) row(ctx sdk.Context, name string) (types.Parameter, error) {
	params, err := k.Params(ctx)
	if err != nil {
		return types.Parameter{}, err
	}
	return types.Row(params, name)
}

// SetParameter changes one hyperparameter of netuid on behalf of sender. The owner may change what the table gives him,
// each parameter once per 2 tempos; governance may change every one at any time. What an epoch reads of it waits for the
// next tempo, and some changes of a started subnet for notice_seconds besides. Errors: ErrNoSubnet, ErrNoParameter, ErrOutOfBounds, ErrNotAllowed, ErrTooSoon.
func (k *Keeper) SetParameter(ctx sdk.Context, sender string, netuid uint32, name string, value int64) error {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	row, err := k.row(ctx, name)
	if err != nil {
		return err
	}
	if err := row.Check(value); err != nil {
		return err
	}
	if err := k.checkFits(ctx, subnet, name, value); err != nil {
		return err
	}
	if sender != k.authority {
		if err := k.checkOwnerChange(ctx, sender, subnet, row); err != nil {
			return err
		}
	}
	return k.changeParameter(ctx, subnet, name, value)
}

// checkOwnerChange holds the owner to his rows and the rate.
func (k *Keeper) checkOwnerChange(ctx sdk.Context, sender string, subnet types.Subnet, row types.Parameter) error {
	if sender != subnet.Owner {
		return fmt.Errorf("%w: %s does not own netuid %d", types.ErrNotAllowed, sender, subnet.Netuid)
	}
	if row.Who != types.ByOwner {
		return fmt.Errorf("%w: %s is changed by a proposal only", types.ErrNotAllowed, row.Name)
	}
	last, err := k.values.Get(ctx, collections.Join(subnet.Netuid, row.Name))
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if next := last.ChangedHeight + 2*int64(subnet.Tempo); ctx.BlockHeight() < next {
		return fmt.Errorf("%w: %s was changed at block %d, next at %d", types.ErrTooSoon, row.Name, last.ChangedHeight, next)
	}
	return nil
}

// checkFits refuses a value that contradicts another of the same subnet.
func (k *Keeper) checkFits(ctx sdk.Context, subnet types.Subnet, name string, value int64) error {
	if err := k.checkHidden(ctx, subnet.Netuid, name, value); err != nil {
		return err
	}
	other := func(name string) int64 { return k.stored(ctx, subnet.Netuid, name) }
	var low, high int64
	switch name {
	case types.AlphaLow:
		low, high = value, other(types.AlphaHigh)
	case types.AlphaHigh:
		low, high = other(types.AlphaLow), value
	case types.MinBurn:
		low, high = value, other(types.MaxBurn)
	case types.MaxBurn:
		low, high = other(types.MinBurn), value
	case types.MaxUids:
		low, high = int64(subnet.Size_), value
	}
	if low > high {
		return fmt.Errorf("%w: %s = %d, but %d would be above %d", types.ErrOutOfBounds, name, value, low, high)
	}
	return nil
}

// checkHidden keeps weights hidden where models are open: the seeds of examinations are made of reveals.
func (k *Keeper) checkHidden(ctx sdk.Context, netuid uint32, name string, value int64) error {
	shown := name == types.CommitReveal && value == 0
	opened := name == types.Openness && value == 1
	if shown && (k.coming(ctx, netuid, types.Openness) == 1 || k.stored(ctx, netuid, types.Openness) == 1) ||
		opened && k.coming(ctx, netuid, types.CommitReveal) == 0 {
		return fmt.Errorf("%w: %s = %d, but an open subnet (%s 1) commits and reveals its weights (%s 1)",
			types.ErrOutOfBounds, name, value, types.Openness, types.CommitReveal)
	}
	return nil
}

func (k *Keeper) changeParameter(ctx sdk.Context, subnet types.Subnet, name string, value int64) error {
	from := k.stored(ctx, subnet.Netuid, name)
	changed := types.Value{Name: name, Value: value, ChangedHeight: ctx.BlockHeight()}
	if subnet.Started && types.Waits(name, from, value) {
		until, err := k.NoticeUntil(ctx)
		if err != nil {
			return err
		}
		changed.Before, changed.FromUnixNano = from, until
	}
	if err := k.values.Set(ctx, collections.Join(subnet.Netuid, name), changed); err != nil {
		return err
	}
	return k.emit(ctx, &types.ParameterChanged{
		Netuid: subnet.Netuid, Name: name, From: from, To: value, FromUnixNano: changed.FromUnixNano,
	})
}

// Parameters returns the table with the values in force in netuid. The error is ErrNoSubnet.
func (k *Keeper) Parameters(ctx sdk.Context, netuid uint32) ([]types.Parameter, error) {
	if _, err := k.Subnet(ctx, netuid); err != nil {
		return nil, err
	}
	rows := types.Table()
	for i := range rows {
		row, err := k.row(ctx, rows[i].Name)
		if err != nil {
			return nil, err
		}
		row.Value = k.Value(ctx, netuid, row.Name)
		if set, err := k.values.Get(ctx, collections.Join(netuid, row.Name)); err == nil && ctx.BlockTime().UnixNano() < set.FromUnixNano {
			row.Next, row.NextUnixNano = set.Value, set.FromUnixNano
		}
		rows[i] = row
	}
	return rows, nil
}

// UpdateParams replaces the module's parameters on behalf of sender, who must be governance.
func (k *Keeper) UpdateParams(ctx sdk.Context, sender string, params types.Params) error {
	if sender != k.authority {
		return fmt.Errorf("%w: %s is not governance", types.ErrNotAllowed, sender)
	}
	if err := params.Validate(); err != nil {
		return err
	}
	if err := k.params.Set(ctx, params); err != nil {
		return err
	}
	return k.emit(ctx, &types.ParamsUpdated{Params: params})
}
