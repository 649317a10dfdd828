// Package keeper knows what gas costs, and whose transaction goes first.
package keeper

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	corestore "cosmossdk.io/core/store"
	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/codec"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/fee/types"
	"agora/mechanism/price"
)

// Operators tells who speaks for stake.
type Operators interface {
	// IsOperator tells whether an account runs a validator with a permitted voice, or a jailed one with a voice.
	IsOperator(ctx sdk.Context, account sdk.AccAddress) (bool, error)
}

// Keeper reads and writes the module's state. What it reads for every transaction costs no gas.
type Keeper struct {
	authority string
	operators Operators

	// Schema lists the collections below, for export and decoding.
	Schema collections.Schema

	params   collections.Item[types.Params]
	price    collections.Item[uint64] // rao per million gas, of the block that comes or runs
	fullness collections.Item[uint64] // of the last block, in millionths
	turns    collections.Map[sdk.AccAddress, int64]
}

// NewKeeper returns a keeper on store. authority is the address that proposals sign with.
func NewKeeper(cdc codec.Codec, store corestore.KVStoreService, authority string, operators Operators) *Keeper {
	sb := collections.NewSchemaBuilder(store)
	k := &Keeper{
		authority: authority, operators: operators,
		params:   collections.NewItem(sb, types.ParamsPrefix, "params", codec.CollValue[types.Params](cdc)),
		price:    collections.NewItem(sb, types.PricePrefix, "price", collections.Uint64Value),
		fullness: collections.NewItem(sb, types.FullnessPrefix, "fullness", collections.Uint64Value),
		turns:    collections.NewMap(sb, types.TurnsPrefix, "turns", sdk.AccAddressKey, collections.Int64Value),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(fmt.Sprintf("fee: schema: %v", err)) // the prefixes above clash: a mistake in this file
	}
	k.Schema = schema
	return k
}

// GasPrice is what a million gas costs at least in the block that comes or runs, in rao.
func (k *Keeper) GasPrice(ctx sdk.Context) (uint64, error) { return k.price.Get(free(ctx)) }

// Note remembers how full the running block is, in millionths, whatever comes of its transactions: what fails has kept
// others out as well.
func (k *Keeper) Note(ctx sdk.Context, fullness uint64) error {
	if last, err := k.fullness.Get(ctx); err != nil || last == fullness {
		return err
	}
	return k.fullness.Set(ctx, fullness)
}

// EndBlock sets the price of the next block by the fullness of this one.
func (k *Keeper) EndBlock(ctx sdk.Context) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	fullness, err := k.fullness.Get(ctx)
	if err != nil {
		return err
	}
	last, err := k.price.Get(ctx)
	if err != nil {
		return err
	}
	next := price.Gas(last, fullness, params.MinGasPrice)
	if next == last {
		return nil
	}
	if err := k.price.Set(ctx, next); err != nil {
		return err
	}
	return k.emit(ctx, &types.GasPriceChanged{GasPrice: next})
}

// HasTurn tells whether a transaction of account goes first in the block at height, if it comes into it.
func (k *Keeper) HasTurn(ctx sdk.Context, account sdk.AccAddress, height int64) (bool, error) {
	ctx = free(ctx)
	due, err := k.due(ctx, account)
	if err != nil || height < due {
		return false, err
	}
	return k.operators.IsOperator(ctx, account)
}

// TakeTurn notes that a transaction of account is in this block: if it had a turn, that is over.
func (k *Keeper) TakeTurn(ctx sdk.Context, account sdk.AccAddress) error {
	has, err := k.HasTurn(ctx, account, ctx.BlockHeight())
	if err != nil || !has {
		return err
	}
	return k.turns.Set(free(ctx), account, ctx.BlockHeight())
}

// due is the first block in which account may have a turn again.
func (k *Keeper) due(ctx context.Context, account sdk.AccAddress) (int64, error) {
	last, err := k.turns.Get(ctx, account)
	if errors.Is(err, collections.ErrNotFound) {
		return 0, nil
	}
	return last + types.TurnBlocks, err
}

// free is ctx without a count of gas.
func free(ctx sdk.Context) sdk.Context { return ctx.WithGasMeter(storetypes.NewInfiniteGasMeter()) }

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

func (k *Keeper) emit(ctx sdk.Context, event proto.Message) error {
	return ctx.EventManager().EmitTypedEvent(event)
}
