package keeper_test

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	corestore "cosmossdk.io/core/store"
	"cosmossdk.io/log/v2"
	sdkmath "cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
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
	"agora/chain/x/pause/keeper"
	"agora/chain/x/pause/types"
)

const (
	tao   = network.TAO
	send  = "/cosmos.bank.v1beta1.MsgSend"
	multi = "/cosmos.bank.v1beta1.MsgMultiSend"
	hour  = 3600
	purse = "purse"
)

var gov = authtypes.NewModuleAddress("gov").String()

// chain is the module on a real message router, bank and staking.
type chain struct {
	*testing.T
	ctx     sdk.Context
	k       *keeper.Keeper
	server  types.MsgServer
	bank    bankkeeper.BaseKeeper
	staking *stakingkeeper.Keeper
	router  *baseapp.MsgServiceRouter
}

func newChain(t *testing.T) *chain {
	t.Helper()
	c := emptyChain(t)
	c.must(c.k.InitGenesis(c.ctx, *types.DefaultGenesis()))
	c.staking.InitGenesis(c.ctx, stakingtypes.DefaultGenesisState())
	c.must(c.bank.SetParams(c.ctx, banktypes.DefaultParams()))
	return c
}

func emptyChain(t *testing.T) *chain {
	t.Helper()
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, stakingtypes.StoreKey, types.StoreKey)
	header := cmtproto.Header{Height: 1, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	enc := moduletestutil.MakeTestEncodingConfig()
	authtypes.RegisterInterfaces(enc.InterfaceRegistry)
	banktypes.RegisterInterfaces(enc.InterfaceRegistry)
	stakingtypes.RegisterInterfaces(enc.InterfaceRegistry)
	types.RegisterInterfaces(enc.InterfaceRegistry)
	store := func(name string) corestore.KVStoreService { return runtime.NewKVStoreService(keys[name]) }
	account := authkeeper.NewAccountKeeper(enc.Codec, store(authtypes.StoreKey), authtypes.ProtoBaseAccount, map[string][]string{
		purse:                               {authtypes.Minter},
		stakingtypes.BondedPoolName:         {authtypes.Burner, authtypes.Staking},
		stakingtypes.NotBondedPoolName:      {authtypes.Burner, authtypes.Staking},
		stakingtypes.KeyRotationFeePoolName: {authtypes.Burner},
	}, address.NewBech32Codec(network.Prefix), network.Prefix, gov)
	bank := bankkeeper.NewBaseKeeper(enc.Codec, store(banktypes.StoreKey), account, nil, gov, log.NewNopLogger())
	staking := stakingkeeper.NewKeeper(enc.Codec, store(stakingtypes.StoreKey), account, bank, gov,
		address.NewBech32Codec(network.Prefix+"valoper"), address.NewBech32Codec(network.Prefix+"valcons"))
	router := baseapp.NewMsgServiceRouter()
	router.SetInterfaceRegistry(enc.InterfaceRegistry)
	k := keeper.NewKeeper(enc.Codec, store(types.StoreKey), gov, staking,
		func(url string) bool { return router.HandlerByTypeURL(url) != nil })
	router.SetCircuit(k)
	banktypes.RegisterMsgServer(router, bankkeeper.NewMsgServerImpl(bank))
	ctx := testutil.DefaultContextWithKeys(keys, nil, nil).WithBlockHeader(header)
	return &chain{T: t, ctx: ctx, k: k, server: keeper.NewMsgServer(k), bank: bank, staking: staking, router: router}
}

func (c *chain) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *chain) refuses(err, want error) {
	c.Helper()
	if !errors.Is(err, want) {
		c.Fatalf("got %v, want %v", err, want)
	}
}

func (c *chain) wait(seconds int) {
	c.ctx = c.ctx.WithBlockTime(c.ctx.BlockTime().Add(time.Duration(seconds) * time.Second))
}

// player returns the address of a player with rao in the bank.
func (c *chain) player(name string, rao uint64) sdk.AccAddress {
	c.Helper()
	sum := sha256.Sum256([]byte(name))
	if rao > 0 {
		c.must(c.bank.MintCoins(c.ctx, purse, network.Coins(rao)))
		c.must(c.bank.SendCoinsFromModuleToAccount(c.ctx, purse, sum[:20], network.Coins(rao)))
	}
	return sum[:20]
}

// operators are three validators with 40, 30 and 30 percent.
func (c *chain) operators() (a, b, d string) {
	c.Helper()
	return c.validator("a", 40), c.validator("b", 30), c.validator("d", 30)
}

func (c *chain) validator(name string, stake uint64) string {
	c.Helper()
	operator := c.player(name, stake*tao)
	msg, err := stakingtypes.NewMsgCreateValidator(sdk.ValAddress(operator).String(), ed25519.GenPrivKeyFromSecret([]byte(name)).PubKey(),
		sdk.NewCoin(network.Denom, sdkmath.NewIntFromUint64(stake*tao)), stakingtypes.NewDescription(name, "", "", "", ""),
		stakingtypes.NewCommissionRates(sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec()), sdkmath.OneInt())
	c.must(err)
	_, err = stakingkeeper.NewMsgServerImpl(c.staking).CreateValidator(c.ctx, msg)
	c.must(err)
	_, err = c.staking.BlockValidatorUpdates(c.ctx)
	c.must(err)
	return operator.String()
}

// send moves one rao through the message router.
func (c *chain) send() error {
	from := c.player("sender", 1)
	_, err := c.router.HandlerByTypeURL(send)(c.ctx, banktypes.NewMsgSend(from, c.player("receiver", 0), network.Coins(1)))
	return err
}

// stopped fails the test unless sending is stopped, or not.
func (c *chain) stopped(want bool) {
	c.Helper()
	err := c.send()
	if stopped := err != nil && strings.Contains(err.Error(), "circuit breaker"); stopped != want || (err != nil && !stopped) {
		c.Fatalf("stopped is %v, want %v: %v", stopped, want, err)
	}
}

func TestGovernancePausesAtOnceAndForItsTime(t *testing.T) {
	c := newChain(t)
	c.stopped(false)
	motion, err := c.k.Pause(c.ctx, gov, []string{send}, hour, "leak")
	c.must(err)
	if motion != 0 {
		t.Errorf("motion %d", motion)
	}
	c.stopped(true)
	allowed, err := c.k.IsAllowed(c.ctx, multi)
	c.must(err)
	if !allowed {
		t.Error("another message is stopped too")
	}
	c.wait(hour - 1)
	c.stopped(true)
	c.wait(1)
	c.stopped(false)
}

func TestTwoThirdsOfTheStakePause(t *testing.T) {
	c := newChain(t)
	a, b, d := c.operators()
	motion, err := c.k.Pause(c.ctx, a, []string{send, multi}, hour, "leak")
	c.must(err)
	c.stopped(false)
	_, err = c.k.Vote(c.ctx, a, motion)
	c.refuses(err, types.ErrVoted)
	carried, err := c.k.Vote(c.ctx, b, motion) // 70 %
	c.must(err)
	if !carried {
		t.Fatal("70 % did not carry the motion")
	}
	c.stopped(true)
	_, err = c.k.Vote(c.ctx, d, motion)
	c.refuses(err, types.ErrNoMotion)
	paused, err := c.k.Paused(c.ctx)
	c.must(err)
	if len(paused) != 2 || paused[0].Reason != "leak" || paused[0].ByGovernance {
		t.Errorf("paused %+v", paused)
	}
}

func TestSixtyPercentDoNotPause(t *testing.T) {
	c := newChain(t)
	_, b, d := c.operators()
	motion, err := c.k.Pause(c.ctx, b, []string{send}, hour, "leak")
	c.must(err)
	carried, err := c.k.Vote(c.ctx, d, motion)
	c.must(err)
	if carried {
		t.Fatal("60 % carried the motion")
	}
	c.stopped(false)
	c.wait(24 * hour)
	_, err = c.k.Vote(c.ctx, c.player("a", 0).String(), motion)
	c.refuses(err, types.ErrNoMotion) // it has ended
	open, err := c.k.Motions(c.ctx)
	c.must(err)
	if len(open) != 0 {
		t.Errorf("open motions %+v", open)
	}
}

func TestAVoteCountsTheStakeOfNow(t *testing.T) {
	c := newChain(t)
	a, b, d := c.operators()
	motion, err := c.k.Pause(c.ctx, a, []string{send}, hour, "leak")
	c.must(err)
	c.must(c.staking.Jail(c.ctx, sdk.ConsAddress(ed25519.GenPrivKeyFromSecret([]byte("a")).PubKey().Address())))
	_, err = c.staking.BlockValidatorUpdates(c.ctx)
	c.must(err)
	if carried, err := c.k.Vote(c.ctx, b, motion); err != nil || carried {
		t.Fatalf("half of what is bonded carried it: %v", err)
	}
	if carried, err := c.k.Vote(c.ctx, d, motion); err != nil || !carried {
		t.Fatalf("all that is bonded did not carry it: %v", err)
	}
}

func TestWhatIsNeverPaused(t *testing.T) {
	c := newChain(t)
	for _, url := range []string{
		"/cosmos.gov.v1.MsgVote", "/cosmos.gov.v1beta1.MsgSubmitProposal", "/cosmos.staking.v1beta1.MsgUndelegate",
		"/agora.market.v1.MsgClaim", "/agora.pause.v1.MsgResume",
	} {
		_, err := c.k.Pause(c.ctx, gov, []string{url}, hour, "x")
		c.refuses(err, types.ErrNever)
		_, err = c.server.Pause(c.ctx, &types.MsgPause{Sender: gov, TypeUrls: []string{url}, Seconds: hour, Reason: "x"})
		c.refuses(err, types.ErrNever)
	}
}

func TestPausesAreRefused(t *testing.T) {
	c := newChain(t)
	_, err := c.k.Pause(c.ctx, c.player("nobody", 0).String(), []string{send}, hour, "x")
	c.refuses(err, types.ErrNotAllowed)
	_, err = c.k.Pause(c.ctx, gov, []string{"/cosmos.bank.v1beta1.MsgNone"}, hour, "x")
	c.refuses(err, types.ErrUnknown)
	_, err = c.k.Pause(c.ctx, gov, []string{send}, 72*hour+1, "x")
	c.refuses(err, types.ErrOutOfBounds)
	_, err = c.k.Resume(c.ctx, gov, []string{send}, "x")
	c.refuses(err, types.ErrNotPaused)
	_, err = c.k.Vote(c.ctx, gov, 1)
	c.refuses(err, types.ErrNoMotion)
	c.refuses(c.k.UpdateParams(c.ctx, c.player("nobody", 0).String(), types.DefaultParams()), types.ErrNotAllowed)
}

func TestOperatorsRestBetweenPausesGovernanceNeedNot(t *testing.T) {
	c := newChain(t)
	a, b, _ := c.operators()
	pause := func() error {
		motion, err := c.k.Pause(c.ctx, a, []string{send}, 72*hour, "leak")
		if err != nil {
			return err
		}
		_, err = c.k.Vote(c.ctx, b, motion)
		return err
	}
	c.must(pause())
	c.refuses(pause(), types.ErrTooSoon) // no pause without end
	c.wait(72 * hour)
	c.refuses(pause(), types.ErrTooSoon)
	c.wait(24 * hour)
	c.must(pause())
	_, err := c.k.Pause(c.ctx, gov, []string{send}, hour, "leak")
	c.must(err)
}

func TestPausesEndEarly(t *testing.T) {
	c := newChain(t)
	a, b, _ := c.operators()
	_, err := c.k.Pause(c.ctx, gov, []string{send}, hour, "leak")
	c.must(err)
	motion, err := c.k.Resume(c.ctx, a, []string{send}, "fixed")
	c.must(err)
	c.stopped(true)
	_, err = c.k.Vote(c.ctx, b, motion)
	c.must(err)
	c.stopped(false)
	_, err = c.k.Pause(c.ctx, gov, []string{send}, hour, "leak")
	c.must(err)
	_, err = c.k.Resume(c.ctx, gov, []string{send}, "fixed")
	c.must(err)
	c.stopped(false)
}

func TestAnOperatorHasOneMotion(t *testing.T) {
	c := newChain(t)
	_, b, _ := c.operators()
	first, err := c.k.Pause(c.ctx, b, []string{send}, hour, "x")
	c.must(err)
	second, err := c.k.Pause(c.ctx, b, []string{multi}, hour, "x")
	c.must(err)
	open, err := c.k.Motions(c.ctx)
	c.must(err)
	if len(open) != 1 || open[0].Id != second || second == first {
		t.Fatalf("open %+v", open)
	}
}

func TestExportedGenesisGivesTheSameState(t *testing.T) {
	c := newChain(t)
	_, b, _ := c.operators()
	_, err := c.k.Pause(c.ctx, gov, []string{multi}, hour, "leak")
	c.must(err)
	_, err = c.k.Pause(c.ctx, b, []string{send}, hour, "x")
	c.must(err)
	exported, err := c.k.ExportGenesis(c.ctx)
	c.must(err)
	c.must(exported.Validate())
	other := emptyChain(t)
	c.must(other.k.InitGenesis(other.ctx, *exported))
	again, err := other.k.ExportGenesis(other.ctx)
	c.must(err)
	if len(exported.Pauses) != 1 || len(exported.Motions) != 1 || !reflect.DeepEqual(exported, again) {
		t.Errorf("before %+v\nafter  %+v", exported, again)
	}
	q := keeper.NewQueryServer(other.k)
	params, err := q.Params(other.ctx, &types.QueryParamsRequest{})
	c.must(err)
	pauses, err := q.Pauses(other.ctx, &types.QueryPausesRequest{})
	c.must(err)
	motions, err := q.Motions(other.ctx, &types.QueryMotionsRequest{})
	c.must(err)
	if params.Params.MaxSeconds != 72*hour || len(pauses.Pauses) != 1 || len(motions.Motions) != 1 {
		t.Errorf("queries answer %v %v %v", params, pauses, motions)
	}
}

func TestMessagesReachTheKeeper(t *testing.T) {
	c := newChain(t)
	a, b, _ := c.operators()
	paused, err := c.server.Pause(c.ctx, &types.MsgPause{Sender: a, TypeUrls: []string{send}, Seconds: hour, Reason: "leak"})
	c.must(err)
	vote, err := c.server.Vote(c.ctx, &types.MsgVote{Operator: b, Motion: paused.Motion})
	c.must(err)
	if !vote.Carried {
		t.Error("not carried")
	}
	_, err = c.server.Resume(c.ctx, &types.MsgResume{Sender: gov, TypeUrls: []string{send}, Reason: "fixed"})
	c.must(err)
	_, err = c.server.UpdateParams(c.ctx, &types.MsgUpdateParams{Authority: gov, Params: types.Params{MaxSeconds: 60, MotionSeconds: 60}})
	c.must(err)
	_, err = c.server.Pause(c.ctx, &types.MsgPause{Sender: gov, TypeUrls: []string{send}, Seconds: 61, Reason: "leak"})
	c.refuses(err, types.ErrOutOfBounds)
	for name, m := range map[string]*types.MsgPause{
		"no type":   {Sender: gov, Seconds: 1, Reason: "x"},
		"twice":     {Sender: gov, TypeUrls: []string{send, send}, Seconds: 1, Reason: "x"},
		"no slash":  {Sender: gov, TypeUrls: []string{send[1:]}, Seconds: 1, Reason: "x"},
		"blank":     {Sender: gov, TypeUrls: []string{"/a b"}, Seconds: 1, Reason: "x"},
		"no time":   {Sender: gov, TypeUrls: []string{send}, Reason: "x"},
		"no reason": {Sender: gov, TypeUrls: []string{send}, Seconds: 1},
		"novel":     {Sender: gov, TypeUrls: []string{send}, Seconds: 1, Reason: strings.Repeat("x", 257)},
		"nobody":    {TypeUrls: []string{send}, Seconds: 1, Reason: "x"},
	} {
		if _, err := c.server.Pause(c.ctx, m); !errors.Is(err, types.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
