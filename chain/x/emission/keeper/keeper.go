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
	account      types.AccountKeeper
	bank         types.BankKeeper
	staking      types.StakingKeeper
	distribution types.DistributionKeeper
	subnets      types.SubnetKeeper

	params collections.Item[types.Params]
	ledger collections.Item[types.Ledger]
	book   collections.Item[types.Book]
	votes  collections.Map[string, types.RootVote] // by operator account
	// By netuid: what the last epochs promised, and who spoke in them.
	dividends collections.Map[uint32, types.Dividends]
	spoken    collections.Map[uint32, types.Spoken]
}

// NewKeeper opens the book in store. authority may change parameters. The account of types.ModuleName needs the
// permissions to mint and to burn. subnets may be nil if SetSubnets follows: the subnet module burns through this keeper,
// so one of the two is built first.
func NewKeeper(cdc codec.BinaryCodec, store corestore.KVStoreService, authority string, account types.AccountKeeper,
	bank types.BankKeeper, staking types.StakingKeeper, distribution types.DistributionKeeper, subnets types.SubnetKeeper,
) *Keeper {
	sb := collections.NewSchemaBuilder(store)
	k := &Keeper{
		authority: authority, address: account.GetModuleAddress(types.ModuleName), account: account,
		bank: bank, staking: staking, distribution: distribution, subnets: subnets,
		params: collections.NewItem(sb, types.ParamsPrefix, "params", codec.CollValue[types.Params](cdc)),
		ledger: collections.NewItem(sb, types.LedgerPrefix, "ledger", codec.CollValue[types.Ledger](cdc)),
		book:   collections.NewItem(sb, types.BookPrefix, "book", codec.CollValue[types.Book](cdc)),
		votes: collections.NewMap(sb, types.VotesPrefix, "votes", collections.StringKey,
			codec.CollValue[types.RootVote](cdc)),
		dividends: collections.NewMap(sb, types.DividendsPrefix, "dividends", collections.Uint32Key,
			codec.CollValue[types.Dividends](cdc)),
		spoken: collections.NewMap(sb, types.SpokenPrefix, "spoken", collections.Uint32Key, codec.CollValue[types.Spoken](cdc)),
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

// books is the ledger and every subnet's part of it, while they change.
type books struct {
	ledger types.Ledger
	book   types.Book
}

func (k *Keeper) open(ctx sdk.Context) (b books, err error) {
	if b.ledger, err = k.ledger.Get(ctx); err != nil {
		return b, err
	}
	b.book, err = k.book.Get(ctx)
	return b, err
}

func (k *Keeper) close(ctx sdk.Context, b books) error {
	if err := k.book.Set(ctx, b.book); err != nil {
		return err
	}
	return k.ledger.Set(ctx, b.ledger)
}

// edit changes the books: both are stored if change returns no error.
func (k *Keeper) edit(ctx sdk.Context, change func(*books) error) error {
	b, err := k.open(ctx)
	if err != nil {
		return err
	}
	if err := change(&b); err != nil {
		return err
	}
	return k.close(ctx, b)
}

// payPart books a part of a promise as paid; its subnet may be gone.
func (b *books) payPart(p part) {
	b.ledger.Promised -= p.amount
	b.ledger.Pending -= p.amount
	b.ledger.Paid += p.amount
	if account := b.book.Find(p.netuid); account != nil {
		account.PaidValidators += p.amount
	}
}

// burnPart books a part of a promise as burned.
func (b *books) burnPart(p part) {
	b.ledger.Promised -= p.amount
	b.ledger.Pending -= p.amount
	b.ledger.Burned += p.amount
	if account := b.book.Find(p.netuid); account != nil {
		account.Burned += p.amount
	}
}
