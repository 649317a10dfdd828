// Package keeper runs the epochs: it takes commits and reveals of weights by the calendar of each subnet's tempo, and at
// its end turns stake and weights into pay with mechanism/yuma. Work per block is bounded, and what fails in one
// subnet's epoch stays there.
package keeper

import (
	"cosmossdk.io/collections"
	corestore "cosmossdk.io/core/store"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/yuma/types"
	"agora/mechanism/yuma"
)

type (
	bySpeaker = collections.Pair[uint32, string]           // (netuid, operator): a stake has one opinion, whichever neuron speaks it
	byEpoch   = collections.Pair[uint32, uint64]           // (netuid, epoch)
	byCommit  = collections.Triple[uint32, uint64, string] // (netuid, epoch, operator)
)

// Keeper is the yuma module's state.
type Keeper struct {
	// Schema lists the collections below, for decoding.
	Schema collections.Schema

	authority string
	subnets   types.SubnetKeeper
	emission  types.EmissionKeeper
	models    types.ModelKeeper

	params    collections.Item[types.Params]
	commits   collections.Map[byCommit, types.Commit]
	weights   collections.Map[bySpeaker, types.Row]
	bonds     collections.Map[bySpeaker, types.Row]
	records   collections.Map[byEpoch, types.EpochRecord]
	carries   collections.Map[uint32, types.Carry]
	snapshots collections.Map[uint32, types.Snapshot] // of the running tempo, by netuid
	unseeded  collections.KeySet[byCommit]            // commits of this block that wait for the next one's hash
	seeds     collections.Map[byEpoch, types.Seed]
	v1        tablesV1

	runner *yuma.Runner // scratch of EndBlock, which runs alone; queries must not touch it
}

// NewKeeper opens the state in store. authority may change parameters.
func NewKeeper(cdc codec.BinaryCodec, store corestore.KVStoreService, authority string,
	subnets types.SubnetKeeper, emission types.EmissionKeeper,
) *Keeper {
	sb := collections.NewSchemaBuilder(store)
	speaker := collections.PairKeyCodec(collections.Uint32Key, collections.StringKey)
	epoch := collections.PairKeyCodec(collections.Uint32Key, collections.Uint64Key)
	commit := collections.TripleKeyCodec(collections.Uint32Key, collections.Uint64Key, collections.StringKey)
	k := &Keeper{
		authority: authority, subnets: subnets, emission: emission, models: types.NoModels{}, runner: &yuma.Runner{},
		params:    collections.NewItem(sb, types.ParamsPrefix, "params", codec.CollValue[types.Params](cdc)),
		commits:   collections.NewMap(sb, types.CommitsPrefix, "commits", commit, codec.CollValue[types.Commit](cdc)),
		weights:   collections.NewMap(sb, types.WeightsPrefix, "weights", speaker, codec.CollValue[types.Row](cdc)),
		bonds:     collections.NewMap(sb, types.BondsPrefix, "bonds", speaker, codec.CollValue[types.Row](cdc)),
		records:   collections.NewMap(sb, types.RecordsPrefix, "records", epoch, codec.CollValue[types.EpochRecord](cdc)),
		carries:   collections.NewMap(sb, types.CarriesPrefix, "carries", collections.Uint32Key, codec.CollValue[types.Carry](cdc)),
		snapshots: collections.NewMap(sb, types.SnapshotsPrefix, "snapshots", collections.Uint32Key, codec.CollValue[types.Snapshot](cdc)),
		unseeded:  collections.NewKeySet(sb, types.UnseededPrefix, "unseeded", commit),
		seeds:     collections.NewMap(sb, types.SeedsPrefix, "seeds", epoch, codec.CollValue[types.Seed](cdc)),
		v1:        openV1(sb, cdc),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(err) // the tables are constants
	}
	k.Schema = schema
	return k
}

// SetModels says where open models are. Call it once, while wiring.
func (k *Keeper) SetModels(models types.ModelKeeper) { k.models = models }

// Subnets returns the book of markets that the keeper reads.
func (k *Keeper) Subnets() types.SubnetKeeper { return k.subnets }

// Params returns the module's parameters.
func (k *Keeper) Params(ctx sdk.Context) (types.Params, error) { return k.params.Get(ctx) }
