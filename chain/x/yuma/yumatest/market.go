// Package yumatest builds a market for tests out of the real keepers: accounts, bank, staking, distribution, subnets,
// emission and epochs over in-memory stores, with blocks but without an application around them.
package yumatest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/gogoproto/proto"

	corestore "cosmossdk.io/core/store"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/runtime"
	"github.com/cosmos/cosmos-sdk/store/v2"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	distrkeeper "github.com/cosmos/cosmos-sdk/x/distribution/keeper"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/bankstore"
	"agora/chain/network"
	emissionkeeper "agora/chain/x/emission/keeper"
	emissiontypes "agora/chain/x/emission/types"
	marketkeeper "agora/chain/x/market/keeper"
	markettypes "agora/chain/x/market/types"
	modelkeeper "agora/chain/x/model/keeper"
	modeltypes "agora/chain/x/model/types"
	subnetkeeper "agora/chain/x/subnet/keeper"
	subnettypes "agora/chain/x/subnet/types"
	yumakeeper "agora/chain/x/yuma/keeper"
	yumatypes "agora/chain/x/yuma/types"
	"agora/mechanism/emission"
)

const (
	// ChainID is the chain's.
	ChainID = "agora-test"
	// Tempo is the length of a tempo in blocks.
	Tempo = 10
	// BlockTime is the time between two blocks.
	BlockTime = 12 * time.Second

	purse = "purse" // module account that funds the players
)

// Market is a chain without consensus: keepers and the block they are at.
type Market struct {
	testing.TB
	Ctx          sdk.Context
	Codec        codec.Codec
	Account      authkeeper.AccountKeeper
	Bank         bankkeeper.BaseKeeper
	Staking      *stakingkeeper.Keeper
	Distribution distrkeeper.Keeper
	Subnet       *subnetkeeper.Keeper
	Emission     *emissionkeeper.Keeper
	Yuma         *yumakeeper.Keeper
	Model        *modelkeeper.Keeper
	Market       *marketkeeper.Keeper
	// Authority is the account that proposals sign with.
	Authority string
	// Failed lists the reasons of epochs that failed.
	Failed []string
	// Given is the rao that players were given, which no ledger counts.
	Given uint64
}

// New returns an empty market after its first block.
func New(t testing.TB) *Market {
	t.Helper()
	return NewWith(t, func(*subnettypes.Params) {})
}

// NewWith is New with parameters of the subnet module changed by edit.
func NewWith(t testing.TB, edit func(*subnettypes.Params)) *Market {
	t.Helper()
	m := Bare(t)
	m.Must(m.Staking.SetParams(m.Ctx, stakingtypes.DefaultParams()))
	m.Must(m.Distribution.Params.Set(m.Ctx, noTax()))
	m.Must(m.Distribution.FeePool.Set(m.Ctx, distrtypes.InitialFeePool()))
	subnets := subnettypes.DefaultGenesis()
	subnets.Params.MinTempo, subnets.Params.MaxTempo = Tempo, 100
	subnets.Params.MinUids, subnets.Params.MaxCreationsPerDay = 16, 1_000
	edit(&subnets.Params)
	m.Must(m.Subnet.InitGenesis(m.Ctx, *subnets))
	book := emissiontypes.DefaultGenesis()
	book.Params.BlockMillis = uint64(BlockTime.Milliseconds())
	m.Must(m.Emission.InitGenesis(m.Ctx, *book))
	m.Must(m.Yuma.InitGenesis(m.Ctx, *yumatypes.DefaultGenesis()))
	m.Must(m.Model.InitGenesis(m.Ctx, *modeltypes.DefaultGenesis()))
	m.Must(m.Market.InitGenesis(m.Ctx, *markettypes.DefaultGenesis()))
	m.NextBlock()
	return m
}

func noTax() distrtypes.Params {
	p := distrtypes.DefaultParams()
	p.CommunityTax = p.CommunityTax.Sub(p.CommunityTax)
	return p
}

// Bare returns keepers over empty stores.
func Bare(t testing.TB) *Market {
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, stakingtypes.StoreKey, distrtypes.StoreKey,
		subnettypes.StoreKey, emissiontypes.StoreKey, yumatypes.StoreKey, modeltypes.StoreKey, markettypes.StoreKey)
	header := cmtproto.Header{ChainID: ChainID, Height: 1, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	m := &Market{
		TB: t, Ctx: sdk.NewContext(open(t, keys), header, false, log.NewNopLogger()).WithChainID(ChainID),
		Codec: moduletestutil.MakeTestEncodingConfig().Codec, Authority: authtypes.NewModuleAddress("gov").String(),
	}
	stores := func(name string) corestore.KVStoreService { return runtime.NewKVStoreService(keys[name]) }
	m.Account = m.openAccounts(stores)
	m.Subnet, m.Emission, m.Yuma = m.openMarket(stores, m.Account)
	m.Market = marketkeeper.NewKeeper(m.Codec, stores(markettypes.StoreKey), m.Authority, m.Bank, m.Staking, m.Subnet, m.Emission)
	return m
}

// open mounts the stores in memory.
func open(t testing.TB, keys map[string]*storetypes.KVStoreKey) storetypes.CommitMultiStore {
	t.Helper()
	stores := store.NewCommitMultiStore(dbm.NewMemDB(), log.NewNopLogger())
	for _, key := range keys {
		stores.MountStoreWithDB(key, storetypes.StoreTypeIAVL, nil)
	}
	if err := stores.LoadLatestVersion(); err != nil {
		t.Fatal(err)
	}
	return stores
}

// Commit writes what the blocks so far changed into the stores' trees, as the end of a block does in a chain.
func (m *Market) Commit() { m.Ctx.MultiStore().(storetypes.CommitMultiStore).Commit() }

var moduleAccounts = map[string][]string{
	purse:                               {authtypes.Minter},
	authtypes.FeeCollectorName:          nil,
	distrtypes.ModuleName:               nil,
	stakingtypes.BondedPoolName:         {authtypes.Burner, authtypes.Staking},
	stakingtypes.NotBondedPoolName:      {authtypes.Burner, authtypes.Staking},
	stakingtypes.KeyRotationFeePoolName: {authtypes.Burner},
	emissiontypes.ModuleName:            {authtypes.Minter, authtypes.Burner},
	subnettypes.ModuleName:              {authtypes.Burner},
	modeltypes.ModuleName:               nil,
	markettypes.ModuleName:              nil,
}

// openAccounts opens the keepers of the SDK.
func (m *Market) openAccounts(stores func(string) corestore.KVStoreService) authkeeper.AccountKeeper {
	registry := m.Codec.InterfaceRegistry()
	authtypes.RegisterInterfaces(registry)
	stakingtypes.RegisterInterfaces(registry)
	subnettypes.RegisterInterfaces(registry)
	emissiontypes.RegisterInterfaces(registry)
	yumatypes.RegisterInterfaces(registry)
	modeltypes.RegisterInterfaces(registry)
	blocked := map[string]bool{}
	for name := range moduleAccounts {
		blocked[authtypes.NewModuleAddress(name).String()] = true
	}
	account := authkeeper.NewAccountKeeper(m.Codec, stores(authtypes.StoreKey), authtypes.ProtoBaseAccount, moduleAccounts,
		network.Accounts, network.Prefix, m.Authority)
	m.Bank = bankkeeper.NewBaseKeeper(m.Codec, bankstore.New(stores(banktypes.StoreKey)), account, blocked, m.Authority, log.NewNopLogger())
	m.Staking = stakingkeeper.NewKeeper(m.Codec, stores(stakingtypes.StoreKey), account, m.Bank, m.Authority,
		network.Operators, network.Consensors)
	m.Distribution = distrkeeper.NewKeeper(m.Codec, stores(distrtypes.StoreKey), account, m.Bank, m.Staking,
		authtypes.FeeCollectorName, m.Authority)
	m.Staking.SetHooks(m.Distribution.Hooks())
	return account
}

// openMarket opens our keepers, tied as the application ties them.
func (m *Market) openMarket(stores func(string) corestore.KVStoreService, account authkeeper.AccountKeeper,
) (*subnetkeeper.Keeper, *emissionkeeper.Keeper, *yumakeeper.Keeper) {
	book := emissionkeeper.NewKeeper(m.Codec, stores(emissiontypes.StoreKey), m.Authority, account, m.Bank, m.Staking,
		m.Distribution, nil)
	subnets := subnetkeeper.NewKeeper(m.Codec, stores(subnettypes.StoreKey), m.Authority, account, m.Bank, m.Staking, book)
	book.SetSubnets(subnets)
	yuma := yumakeeper.NewKeeper(m.Codec, stores(yumatypes.StoreKey), m.Authority, subnets, book)
	m.Model = modelkeeper.NewKeeper(m.Codec, stores(modeltypes.StoreKey), m.Authority, subnets, m.Bank, book)
	subnets.SetModels(m.Model)
	yuma.SetModels(m.Model)
	subnets.SetHooks(subnettypes.MultiHooks{yuma.Hooks(), book.Hooks(), m.Model.Hooks()})
	return subnets, book, yuma
}

// Must fails the test on an error.
func (m *Market) Must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// Refuses fails the test unless err is want.
func (m *Market) Refuses(err, want error) {
	m.Helper()
	if !errors.Is(err, want) {
		m.Fatalf("got %v, want %v", err, want)
	}
}

// Try runs a message as a transaction would: an error leaves no trace.
func (m *Market) Try(message func(sdk.Context) error) error {
	attempt, write := m.Ctx.CacheContext()
	err := message(attempt)
	if err == nil {
		write()
	}
	return err
}

// NextBlock ends the block and begins the next. The new block has fresh events.
func (m *Market) NextBlock() {
	m.Helper()
	m.Must(m.Subnet.EndBlock(m.Ctx))
	m.Must(m.Yuma.EndBlock(m.Ctx))
	for _, e := range m.Ctx.EventManager().ABCIEvents() {
		if e.Type == proto.MessageName(&yumatypes.EpochFailed{}) {
			m.Failed = append(m.Failed, e.String())
		}
	}
	_, err := m.Staking.EndBlocker(m.Ctx)
	m.Must(err)
	height := m.Ctx.BlockHeight() + 1
	hash := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("block"), uint64(height)))
	m.Ctx = m.Ctx.WithBlockHeight(height).WithBlockTime(m.Ctx.BlockTime().Add(BlockTime)).
		WithHeaderHash(hash[:]).WithEventManager(sdk.NewEventManager())
	m.Must(m.Emission.BeginBlock(m.Ctx))
	m.Must(m.Yuma.BeginBlock(m.Ctx))
}

// Until begins blocks until height is reached.
func (m *Market) Until(height int64) {
	m.Helper()
	for m.Ctx.BlockHeight() < height {
		m.NextBlock()
	}
}

// CheckMoney fails the test unless every rao is accounted for.
func (m *Market) CheckMoney() {
	m.Helper()
	m.Must(m.Emission.CheckLedger(m.Ctx))
	pool, err := m.Distribution.FeePool.Get(m.Ctx)
	m.Must(err)
	m.Must(emissionkeeper.CheckRewards(m.Ctx, m.Bank, m.Distribution, pool.CommunityPool))
}

// HotKey returns a key pair made from a name.
func HotKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("hot/" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Public returns a key's public half.
func Public(key ed25519.PrivateKey) []byte { return key.Public().(ed25519.PublicKey) }

// HotAccount returns the account of the hot key of that name.
func HotAccount(name string) string { return subnettypes.HotAccount(Public(HotKey(name))).String() }

// Address returns the account of a player.
func Address(name string) sdk.AccAddress {
	sum := sha256.Sum256([]byte("player/" + name))
	return sdk.AccAddress(sum[:20])
}

// Fund gives a player rao.
func (m *Market) Fund(name string, rao uint64) string {
	m.Helper()
	m.Endow(Address(name), rao)
	return Address(name).String()
}

// Endow gives an account rao.
func (m *Market) Endow(account sdk.AccAddress, rao uint64) {
	m.Helper()
	if rao == 0 {
		return
	}
	m.Given += rao
	m.Must(m.Bank.MintCoins(m.Ctx, purse, network.Coins(rao)))
	m.Must(m.Bank.SendCoinsFromModuleToAccount(m.Ctx, purse, account, network.Coins(rao)))
}

// Balance returns a player's rao.
func (m *Market) Balance(name string) uint64 {
	return m.Bank.GetBalance(m.Ctx, Address(name), network.Denom).Amount.Uint64()
}

// OwnerShare is the part of a subnet's emission, in 1/65,535, that is its owner's.
func (m *Market) OwnerShare() uint32 {
	m.Helper()
	share, err := m.Emission.OwnerShare(m.Ctx)
	m.Must(err)
	return share
}

// Pending returns what waits for a subnet's epoch and how it will be divided.
func (m *Market) Pending(netuid uint32) emission.Budget {
	m.Helper()
	budget, err := m.Emission.Pending(m.Ctx, netuid, m.OwnerShare())
	m.Must(err)
	return budget
}

// Supply returns the rao that exist.
func (m *Market) Supply() uint64 { return m.Bank.GetSupply(m.Ctx, network.Denom).Amount.Uint64() }

// names makes n names from a stem.
func names(stem string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(stem, i)
	}
	return all
}

// Metagraph returns the first page of a subnet's.
func (m *Market) Metagraph(netuid uint32) (*yumatypes.QueryMetagraphResponse, error) {
	return yumakeeper.NewQueryServer(m.Yuma).Metagraph(m.Ctx, &yumatypes.QueryMetagraphRequest{Netuid: netuid})
}
