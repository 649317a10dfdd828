package keeper_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	corestore "cosmossdk.io/core/store"
	"cosmossdk.io/log/v2"
	sdkmath "cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/codec/address"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdked25519 "github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/runtime"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

const (
	tao     = network.TAO
	chainID = "agora-test"
	purse   = "purse" // module account that funds the players
)

// genesisTime is the header time of the first block.
var genesisTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// market is the module on real accounts, a real bank and real staking.
type market struct {
	*testing.T
	ctx     sdk.Context
	k       *keeper.Keeper
	server  types.MsgServer
	bank    bankkeeper.BaseKeeper
	account authkeeper.AccountKeeper
	staking *stakingkeeper.Keeper
	hooks   *recorder
	gov     string
}

// burner destroys coins as the module that mints them does, without its book.
type burner struct{ bank bankkeeper.BaseKeeper }

func (b burner) BurnFrom(ctx sdk.Context, module string, amount uint64, _ string) error {
	return b.bank.BurnCoins(ctx, module, network.Coins(amount))
}

// recorder remembers the hooks that ran.
type recorder struct {
	rotated   []string // operators
	dissolved []uint32
}

func (r *recorder) AfterTempoBegan(sdk.Context, uint32, []types.VoiceStake) error { return nil }

func (r *recorder) AfterHotKeyRotated(_ sdk.Context, _ uint32, operator string, _ []byte) error {
	r.rotated = append(r.rotated, operator)
	return nil
}

func (r *recorder) AfterSubnetDissolved(_ sdk.Context, netuid uint32) error {
	r.dissolved = append(r.dissolved, netuid)
	return nil
}

// newMarket returns an empty market at block 1 whose params have been changed by edit.
func newMarket(t *testing.T, edit func(*types.Params)) *market {
	t.Helper()
	m := emptyMarket(t)
	genesis := types.DefaultGenesis()
	if edit != nil {
		edit(&genesis.Params)
	}
	m.must(m.k.InitGenesis(m.ctx, *genesis))
	m.staking.InitGenesis(m.ctx, stakingtypes.DefaultGenesisState())
	return m
}

// emptyMarket has keepers over fresh stores without any state of the module.
func emptyMarket(t *testing.T) *market {
	t.Helper()
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, stakingtypes.StoreKey, types.StoreKey)
	ctx := testutil.DefaultContextWithKeys(keys, nil, nil).
		WithBlockHeader(cmtproto.Header{Height: 1, Time: genesisTime}).WithChainID(chainID)
	cdc := codec.NewProtoCodec(registry())
	store := func(name string) corestore.KVStoreService { return runtime.NewKVStoreService(keys[name]) }

	gov := authtypes.NewModuleAddress("gov").String()
	perms := map[string][]string{
		purse: {authtypes.Minter}, types.ModuleName: {authtypes.Burner}, "gov": nil,
		stakingtypes.BondedPoolName:         {authtypes.Burner, authtypes.Staking},
		stakingtypes.NotBondedPoolName:      {authtypes.Burner, authtypes.Staking},
		stakingtypes.KeyRotationFeePoolName: {authtypes.Burner},
	}
	account := authkeeper.NewAccountKeeper(cdc, store(authtypes.StoreKey), authtypes.ProtoBaseAccount, perms,
		address.NewBech32Codec(network.Prefix), network.Prefix, gov)
	blocked := map[string]bool{authtypes.NewModuleAddress(types.ModuleName).String(): true}
	bank := bankkeeper.NewBaseKeeper(cdc, store(banktypes.StoreKey), account, blocked, gov, log.NewNopLogger())
	staking := stakingkeeper.NewKeeper(cdc, store(stakingtypes.StoreKey), account, bank, gov,
		address.NewBech32Codec(network.Prefix+"valoper"), address.NewBech32Codec(network.Prefix+"valcons"))
	k := keeper.NewKeeper(cdc, store(types.StoreKey), gov, account, bank, staking, burner{bank})
	hooks := &recorder{}
	k.SetHooks(types.MultiHooks{hooks})
	return &market{
		T: t, ctx: ctx, k: k, server: keeper.NewMsgServer(k), bank: bank, account: account, staking: staking,
		hooks: hooks, gov: gov,
	}
}

// registry knows the messages and accounts of this test.
func registry() codectypes.InterfaceRegistry {
	enc := moduletestutil.MakeTestEncodingConfig()
	types.RegisterInterfaces(enc.InterfaceRegistry)
	stakingtypes.RegisterInterfaces(enc.InterfaceRegistry)
	authtypes.RegisterInterfaces(enc.InterfaceRegistry)
	return enc.InterfaceRegistry
}

// must fails the test on an error.
func (m *market) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// refuses fails the test unless err is want.
func (m *market) refuses(err, want error) {
	m.Helper()
	if !errors.Is(err, want) {
		m.Fatalf("got %v, want %v", err, want)
	}
}

// holds fails the test unless every invariant holds.
func (m *market) holds() {
	m.Helper()
	balance := func(sdk.Context) uint64 { return m.balance(authtypes.NewModuleAddress(types.ModuleName)) }
	for _, invariant := range m.k.Invariants(balance) {
		if err := invariant.Check(m.ctx); err != nil {
			m.Fatalf("%s: %v", invariant.Name, err)
		}
	}
}

// pass moves blocks of 12 seconds on.
func (m *market) pass(blocks int64) {
	m.ctx = m.ctx.WithBlockHeight(m.ctx.BlockHeight() + blocks).
		WithBlockTime(m.ctx.BlockTime().Add(time.Duration(blocks) * 12 * time.Second))
}

// wait moves the clock on by one block that takes d.
func (m *market) wait(d time.Duration) {
	m.ctx = m.ctx.WithBlockHeight(m.ctx.BlockHeight() + 1).WithBlockTime(m.ctx.BlockTime().Add(d))
}

// player returns the address of a player with rao in the bank.
func (m *market) player(name string, rao uint64) string {
	m.Helper()
	sum := sha256.Sum256([]byte("player/" + name))
	account := sdk.AccAddress(sum[:20])
	if rao > 0 {
		m.must(m.bank.MintCoins(m.ctx, purse, network.Coins(rao)))
		m.must(m.bank.SendCoinsFromModuleToAccount(m.ctx, purse, account, network.Coins(rao)))
	}
	return account.String()
}

func (m *market) balance(account sdk.AccAddress) uint64 {
	return m.bank.GetBalance(m.ctx, account, network.Denom).Amount.Uint64()
}

func (m *market) balanceOf(account string) uint64 {
	m.Helper()
	bytes, err := sdk.AccAddressFromBech32(account)
	m.must(err)
	return m.balance(bytes)
}

func (m *market) supply() uint64 {
	return m.bank.GetSupply(m.ctx, network.Denom).Amount.Uint64()
}

// hotKey returns a key pair made from a name.
func hotKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("hot/" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(key ed25519.PrivateKey) []byte { return key.Public().(ed25519.PublicKey) }

// claim is owner's good claim to key in netuid, from now on for 100 blocks.
func (m *market) claim(owner string, netuid uint32, key ed25519.PrivateKey) types.Claim {
	expiry := m.ctx.BlockHeight() + 100
	return types.Claim{HotKey: public(key), Proof: types.SignProof(key, chainID, netuid, owner, expiry), Expiry: expiry}
}

// create opens a subnet for owner, who is given what it costs.
func (m *market) create(owner, name string) uint32 {
	m.Helper()
	lock, err := m.k.CreatePrice(m.ctx)
	m.must(err)
	subnet, err := m.k.Create(m.ctx, m.player(owner, lock), name, types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.must(err)
	return subnet.Netuid
}

// started opens and starts a subnet.
func (m *market) started(owner, name string) uint32 {
	m.Helper()
	netuid := m.create(owner, name)
	m.must(m.k.Start(m.ctx, m.player(owner, 0), netuid))
	return netuid
}

// register takes a place for owner, who is given what it costs, with a hot key made from hot.
func (m *market) register(owner string, netuid uint32, hot string) uint32 {
	m.Helper()
	cost, err := m.k.RegisterPrice(m.ctx, netuid)
	m.must(err)
	account := m.player(owner, cost)
	seat, err := m.k.Register(m.ctx, account, netuid, m.claim(account, netuid, hotKey(hot)), cost)
	m.must(err)
	if seat.Bid {
		m.Fatalf("netuid %d is full", netuid)
	}
	return seat.Uid
}

// bid offers rao, which the owner is given, for a seat of a full subnet, and returns what the market says.
func (m *market) bid(owner string, netuid uint32, hot string, rao uint64) error {
	m.Helper()
	account := m.player(owner, rao)
	attempt, write := m.ctx.CacheContext()
	seat, err := m.k.Register(attempt, account, netuid, m.claim(account, netuid, hotKey(hot)), rao)
	if err == nil {
		write()
		if !seat.Bid || seat.Price != rao {
			m.Fatalf("no bid of %d rao, but %+v", rao, seat)
		}
	}
	return err
}

// advance ends the running tempo of netuid with the parameters of now.
func (m *market) advance(netuid uint32) {
	m.Helper()
	m.must(m.k.AdvanceEpoch(m.ctx, netuid, func(name string) int64 { return m.k.Value(m.ctx, netuid, name) }))
}

// validate makes a player a validator with rao bonded.
func (m *market) validate(name string, rao uint64) string {
	m.Helper()
	operator := m.player(name, rao)
	account, err := sdk.AccAddressFromBech32(operator)
	m.must(err)
	m.bond(account, name, rao)
	return operator
}

// bond makes an account that has rao a validator of that name.
func (m *market) bond(account sdk.AccAddress, name string, rao uint64) {
	m.Helper()
	consensus := &sdked25519.PubKey{Key: public(hotKey("consensus/" + name))}
	msg, err := stakingtypes.NewMsgCreateValidator(sdk.ValAddress(account).String(), consensus,
		sdk.NewCoin(network.Denom, sdkmath.NewIntFromUint64(rao)), stakingtypes.NewDescription(name, "", "", "", ""),
		stakingtypes.NewCommissionRates(sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec()), sdkmath.OneInt())
	m.must(err)
	_, err = stakingkeeper.NewMsgServerImpl(m.staking).CreateValidator(m.ctx, msg)
	m.must(err)
	_, err = m.staking.BlockValidatorUpdates(m.ctx)
	m.must(err)
}

// jail jails a validator made by validate.
func (m *market) jail(name string) {
	m.Helper()
	m.must(m.staking.Jail(m.ctx, sdk.ConsAddress((&sdked25519.PubKey{Key: public(hotKey("consensus/" + name))}).Address())))
	_, err := m.staking.BlockValidatorUpdates(m.ctx)
	m.must(err)
}

// subnet returns a subnet that exists.
func (m *market) subnet(netuid uint32) types.Subnet {
	m.Helper()
	subnet, err := m.k.Subnet(m.ctx, netuid)
	m.must(err)
	return subnet
}

// neuron returns a neuron that exists.
func (m *market) neuron(netuid, uid uint32) types.Neuron {
	m.Helper()
	neuron, err := m.k.Neuron(m.ctx, netuid, uid)
	m.must(err)
	return neuron
}

// govern sets a hyperparameter by governance.
func (m *market) govern(netuid uint32, name string, value int64) {
	m.Helper()
	m.must(m.k.SetParameter(m.ctx, m.gov, netuid, name, value))
}
