// Package keeper is the book of markets: subnets, the neurons in them, who speaks for which stake, and the parameters
// that each subnet runs by. Methods are verbs of the market and hold the checks; the message server only translates.
package keeper

import (
	"fmt"

	"cosmossdk.io/collections"
	corestore "cosmossdk.io/core/store"

	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

type (
	pair   = collections.Pair[uint32, uint32]
	triple = collections.Triple[uint32, []byte, uint32]
)

// Keeper reads and writes the module's state.
type Keeper struct {
	cdc       codec.Codec
	authority string
	account   types.AccountKeeper
	bank      types.BankKeeper
	staking   types.StakingKeeper
	burner    types.Burner
	hooks     types.SubnetHooks
	models    types.Models

	// Schema lists the collections below, for export and decoding.
	Schema collections.Schema

	params      collections.Item[types.Params]
	book        collections.Item[types.CreationBook]
	subnets     collections.Map[uint32, types.Subnet]
	names       collections.Map[string, uint32]
	values      collections.Map[collections.Pair[uint32, string], types.Value]
	neurons     collections.Map[pair, types.Neuron]                              // (netuid, uid)
	hotKeys     collections.Map[collections.Pair[[]byte, uint32], uint32]        // (hot key, netuid) → uid
	hotAccounts collections.Map[[]byte, []byte]                                  // address → hot key
	profiles    collections.Map[string, types.Profile]                           // by operator
	voices      collections.Map[pair, types.Voice]                               // (netuid, uid)
	operators   collections.Map[collections.Pair[uint32, string], uint32]        // (netuid, operator) → uid of the voice
	standings   collections.Map[uint32, types.Standing]                          // by netuid
	slots       collections.Map[triple, types.Slot]                              // (netuid, hot key, kind)
	held        collections.Map[collections.Pair[int64, uint32], types.HeldLock] // (due, netuid)
	keyChanges  collections.Map[string, types.KeyChange]                         // by account
	owners      collections.KeySet[collections.Triple[string, uint32, uint32]]   // (owner, netuid, uid)
	bids        collections.Map[collections.Pair[uint32, uint64], types.Bid]     // (netuid, number)
	bidNumber   collections.Sequence
}

// NewKeeper returns a keeper on store. authority is the address that proposals sign with; burner is where registration
// prices and parts of locks end.
func NewKeeper(
	cdc codec.Codec, store corestore.KVStoreService, authority string,
	account types.AccountKeeper, bank types.BankKeeper, staking types.StakingKeeper, burner types.Burner,
) *Keeper {
	k := &Keeper{
		cdc: cdc, authority: authority, account: account, bank: bank, staking: staking, burner: burner,
		hooks: types.MultiHooks{},
	}
	k.makeCollections(collections.NewSchemaBuilder(store))
	return k
}

func (k *Keeper) makeCollections(sb *collections.SchemaBuilder) {
	byUID := collections.PairKeyCodec(collections.Uint32Key, collections.Uint32Key)
	byName := collections.PairKeyCodec(collections.Uint32Key, collections.StringKey)
	byKey := collections.PairKeyCodec(collections.BytesKey, collections.Uint32Key)
	byNumber := collections.PairKeyCodec(collections.Uint32Key, collections.Uint64Key)
	bySlot := collections.TripleKeyCodec(collections.Uint32Key, collections.BytesKey, collections.Uint32Key)

	k.params = collections.NewItem(sb, types.ParamsPrefix, "params", codec.CollValue[types.Params](k.cdc))
	k.book = collections.NewItem(sb, types.BookPrefix, "book", codec.CollValue[types.CreationBook](k.cdc))
	k.subnets = collections.NewMap(sb, types.SubnetsPrefix, "subnets", collections.Uint32Key, codec.CollValue[types.Subnet](k.cdc))
	k.names = collections.NewMap(sb, types.NamesPrefix, "names", collections.StringKey, collections.Uint32Value)
	k.values = collections.NewMap(sb, types.ValuesPrefix, "values", byName, codec.CollValue[types.Value](k.cdc))
	k.neurons = collections.NewMap(sb, types.NeuronsPrefix, "neurons", byUID, codec.CollValue[types.Neuron](k.cdc))
	k.hotKeys = collections.NewMap(sb, types.HotKeysPrefix, "hot_keys", byKey, collections.Uint32Value)
	k.hotAccounts = collections.NewMap(sb, types.HotAccountsPrefix, "hot_accounts", collections.BytesKey, collections.BytesValue)
	k.profiles = collections.NewMap(sb, types.ProfilesPrefix, "profiles", collections.StringKey, codec.CollValue[types.Profile](k.cdc))
	k.voices = collections.NewMap(sb, types.VoicesPrefix, "voices", byUID, codec.CollValue[types.Voice](k.cdc))
	k.operators = collections.NewMap(sb, types.OperatorsPrefix, "operators", byName, collections.Uint32Value)
	k.standings = collections.NewMap(sb, types.StandingsPrefix, "standings", collections.Uint32Key, codec.CollValue[types.Standing](k.cdc))
	k.slots = collections.NewMap(sb, types.SlotsPrefix, "slots", bySlot, codec.CollValue[types.Slot](k.cdc))
	k.bids = collections.NewMap(sb, types.BidsPrefix, "bids", byNumber, codec.CollValue[types.Bid](k.cdc))
	k.bidNumber = collections.NewSequence(sb, types.BidNumberPrefix, "bid_number")

	k.held = collections.NewMap(sb, types.HeldLocksPrefix, "held_locks",
		collections.PairKeyCodec(collections.Int64Key, collections.Uint32Key), codec.CollValue[types.HeldLock](k.cdc))
	k.keyChanges = collections.NewMap(sb, types.KeyChangesPrefix, "key_changes", collections.StringKey, codec.CollValue[types.KeyChange](k.cdc))
	k.owners = collections.NewKeySet(sb, types.OwnersPrefix, "owners",
		collections.TripleKeyCodec(collections.StringKey, collections.Uint32Key, collections.Uint32Key))

	schema, err := sb.Build()
	if err != nil {
		panic(fmt.Sprintf("subnet: schema: %v", err)) // the prefixes above clash: a mistake in this file
	}
	k.Schema = schema
}

// SetHooks tells whom to call when a neuron is replaced or a subnet dissolved. Call it once, while wiring.
func (k *Keeper) SetHooks(hooks types.SubnetHooks) { k.hooks = hooks }

// SetModels says where published models are. Call it once, while wiring; without it every card is taken.
func (k *Keeper) SetModels(models types.Models) { k.models = models }

// Authority is the address that proposals sign with.
func (k *Keeper) Authority() string { return k.authority }

// emit sends a typed event.
func (k *Keeper) emit(ctx sdk.Context, event proto.Message) error {
	return ctx.EventManager().EmitTypedEvent(event)
}
