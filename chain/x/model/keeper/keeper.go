// Package keeper is the book of open models: who committed to which weights first, under which licence and name they are
// published, which of them a market serves, and whom serving them pays. Methods are verbs of the market and hold the checks.
package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	corestore "cosmossdk.io/core/store"

	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

type (
	byDigest = collections.Pair[uint32, string]           // (netuid, digest)
	byHash   = collections.Triple[uint32, string, []byte] // (netuid, author, hash)
	byName   = collections.Triple[uint32, string, string] // (netuid, author, name)
	byAuthor = collections.Triple[string, uint32, string] // (author, netuid, digest)
	byEpoch  = collections.Pair[uint32, uint64]           // (netuid, epoch)
)

// Keeper is the model module's book.
type Keeper struct {
	// Schema lists the collections below, for decoding.
	Schema collections.Schema

	authority string
	subnets   types.SubnetKeeper
	bank      types.BankKeeper
	burner    types.Burner

	commits    collections.Map[uint64, types.Commit] // by index
	hashes     collections.Map[byHash, uint64]       // the index of a commit
	next       collections.Sequence
	models     collections.Map[byDigest, types.Model]
	names      collections.Map[byName, string] // digest
	authors    collections.KeySet[byAuthor]
	tombstones collections.Map[byDigest, types.Tombstone]
	markets    collections.Map[uint32, types.Market] // by netuid
	commons    collections.KeySet[byDigest]
	cards      collections.Map[byEpoch, types.Cards]
	counts     collections.Map[uint32, uint32] // models listed, by netuid
}

// NewKeeper opens the book in store. authority is the address that proposals sign with; burner is where fees end.
func NewKeeper(cdc codec.BinaryCodec, store corestore.KVStoreService, authority string,
	subnets types.SubnetKeeper, bank types.BankKeeper, burner types.Burner,
) *Keeper {
	sb := collections.NewSchemaBuilder(store)
	digest := collections.PairKeyCodec(collections.Uint32Key, collections.StringKey)
	k := &Keeper{
		authority: authority, subnets: subnets, bank: bank, burner: burner,
		commits: collections.NewMap(sb, types.CommitsPrefix, "commits", collections.Uint64Key, codec.CollValue[types.Commit](cdc)),
		hashes: collections.NewMap(sb, types.QueuePrefix, "hashes",
			collections.TripleKeyCodec(collections.Uint32Key, collections.StringKey, collections.BytesKey), collections.Uint64Value),
		next:   collections.NewSequence(sb, types.IndexPrefix, "next_index"),
		models: collections.NewMap(sb, types.ModelsPrefix, "models", digest, codec.CollValue[types.Model](cdc)),
		names: collections.NewMap(sb, types.NamesPrefix, "names",
			collections.TripleKeyCodec(collections.Uint32Key, collections.StringKey, collections.StringKey), collections.StringValue),
		authors: collections.NewKeySet(sb, types.AuthorsPrefix, "authors",
			collections.TripleKeyCodec(collections.StringKey, collections.Uint32Key, collections.StringKey)),
		tombstones: collections.NewMap(sb, types.TombstonesPrefix, "tombstones", digest, codec.CollValue[types.Tombstone](cdc)),
		markets:    collections.NewMap(sb, types.MarketsPrefix, "markets", collections.Uint32Key, codec.CollValue[types.Market](cdc)),
		commons:    collections.NewKeySet(sb, types.CommonsPrefix, "commons", digest),
		cards: collections.NewMap(sb, types.CardsPrefix, "cards",
			collections.PairKeyCodec(collections.Uint32Key, collections.Uint64Key), codec.CollValue[types.Cards](cdc)),
		counts: collections.NewMap(sb, types.CountsPrefix, "counts", collections.Uint32Key, collections.Uint32Value),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(err) // the tables are constants
	}
	k.Schema = schema
	return k
}

// Subnets returns the book of markets that the keeper reads.
func (k *Keeper) Subnets() types.SubnetKeeper { return k.subnets }

// Model returns the model of netuid named by digest. The error is ErrNoModel.
func (k *Keeper) Model(ctx sdk.Context, netuid uint32, digest string) (types.Model, error) {
	model, err := k.models.Get(ctx, collections.Join(netuid, digest))
	if errors.Is(err, collections.ErrNotFound) {
		return model, fmt.Errorf("%w: %.80s in netuid %d; publish it first", types.ErrNoModel, digest, netuid)
	}
	return model, err
}

// EachModel calls fn for every model of netuid in order of digest until it stops or fails. fn must not write models.
func (k *Keeper) EachModel(ctx sdk.Context, netuid uint32, fn func(types.Model) (stop bool, err error)) error {
	return k.models.Walk(ctx, collections.NewPrefixedPairRange[uint32, string](netuid),
		func(_ byDigest, m types.Model) (bool, error) { return fn(m) })
}

// CheckServable refuses a neuron's card in an open subnet that names no published model. The error is ErrNoModel.
func (k *Keeper) CheckServable(ctx sdk.Context, netuid uint32, digest string) error {
	if k.subnets.Value(ctx, netuid, subnettypes.Openness) == 0 {
		return nil
	}
	_, err := k.Model(ctx, netuid, digest)
	return err
}

// Market returns what the module keeps of netuid besides its models.
func (k *Keeper) Market(ctx sdk.Context, netuid uint32) (types.Market, error) {
	market, err := k.markets.Get(ctx, netuid)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Market{Netuid: netuid}, nil
	}
	return market, err
}

// burn takes rao from an account and destroys them.
func (k *Keeper) burn(ctx sdk.Context, account string, rao uint64, reason string) error {
	if rao == 0 {
		return nil
	}
	payer, err := network.Account(account)
	if err != nil {
		return fmt.Errorf("%w: %w", types.ErrInvalid, err)
	}
	if err := k.bank.SendCoinsFromAccountToModule(ctx, payer, types.ModuleName, network.Coins(rao)); err != nil {
		return fmt.Errorf("%s of %d rao: %w", reason, rao, err)
	}
	return k.burner.BurnFrom(ctx, types.ModuleName, rao, reason)
}

// emit sends a typed event.
func emit(ctx sdk.Context, event proto.Message) error {
	return ctx.EventManager().EmitTypedEvent(event)
}
