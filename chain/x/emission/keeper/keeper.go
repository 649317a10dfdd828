// Package keeper keeps the book of new money: it mints by header time, divides what is minted among subnets, pays what
// their epochs decide, and burns the rest. No other module mints, and our modules burn through it.
package keeper

import (
	"cosmossdk.io/collections"
	corestore "cosmossdk.io/core/store"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
)

// Keeper is the emission module's book.
type Keeper struct {
	// Schema lists the collections below, for decoding.
	Schema collections.Schema

	authority    string
	address      sdk.AccAddress
	bank         types.BankKeeper
	staking      types.StakingKeeper
	distribution types.DistributionKeeper
	subnets      types.SubnetKeeper

	params collections.Item[types.Params]
	ledger collections.Item[types.Ledger]
	book   collections.Item[types.Book]
	votes  collections.Map[string, types.RootVote] // by operator account
}

// NewKeeper opens the book in store. authority may change parameters. The account of types.ModuleName needs the
// permissions to mint and to burn. subnets may be nil if SetSubnets follows: the subnet module burns through this keeper,
// so one of the two is built first.
func NewKeeper(cdc codec.BinaryCodec, store corestore.KVStoreService, authority string, account types.AccountKeeper,
	bank types.BankKeeper, staking types.StakingKeeper, distribution types.DistributionKeeper, subnets types.SubnetKeeper,
) *Keeper {
	sb := collections.NewSchemaBuilder(store)
	k := &Keeper{
		authority: authority, address: account.GetModuleAddress(types.ModuleName),
		bank: bank, staking: staking, distribution: distribution, subnets: subnets,
		params: collections.NewItem(sb, types.ParamsPrefix, "params", codec.CollValue[types.Params](cdc)),
		ledger: collections.NewItem(sb, types.LedgerPrefix, "ledger", codec.CollValue[types.Ledger](cdc)),
		book:   collections.NewItem(sb, types.BookPrefix, "book", codec.CollValue[types.Book](cdc)),
		votes: collections.NewMap(sb, types.VotesPrefix, "votes", collections.StringKey,
			codec.CollValue[types.RootVote](cdc)),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(err) // the tables are constants
	}
	k.Schema = schema
	return k
}

// SetSubnets says where the subnets are. Call it once, while wiring.
func (k *Keeper) SetSubnets(subnets types.SubnetKeeper) { k.subnets = subnets }

// Subnets returns the book of markets that the keeper reads.
func (k *Keeper) Subnets() types.SubnetKeeper { return k.subnets }

// Params returns the module's parameters.
func (k *Keeper) Params(ctx sdk.Context) (types.Params, error) { return k.params.Get(ctx) }

// Ledger returns the module's book in total.
func (k *Keeper) Ledger(ctx sdk.Context) (types.Ledger, error) { return k.ledger.Get(ctx) }

// Accounts returns every subnet's part of the book, by netuid.
func (k *Keeper) Accounts(ctx sdk.Context) ([]types.Account, error) {
	book, err := k.book.Get(ctx)
	return book.Accounts, err
}

// Issuance returns the rao that exist.
func (k *Keeper) Issuance(ctx sdk.Context) uint64 {
	return k.bank.GetSupply(ctx, network.Denom).Amount.Uint64()
}

// edit changes the book: change gets the ledger and the account of netuid, both are stored if it returns no error.
func (k *Keeper) edit(ctx sdk.Context, netuid uint32, change func(*types.Ledger, *types.Account) error) error {
	ledger, err := k.ledger.Get(ctx)
	if err != nil {
		return err
	}
	book, err := k.book.Get(ctx)
	if err != nil {
		return err
	}
	if err := change(&ledger, book.Account(netuid)); err != nil {
		return err
	}
	if err := k.book.Set(ctx, book); err != nil {
		return err
	}
	return k.ledger.Set(ctx, ledger)
}
