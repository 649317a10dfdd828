package bankstore_test

import (
	"context"
	"testing"

	corestore "cosmossdk.io/core/store"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/runtime"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/bankstore"
	"agora/chain/network"
)

// counted counts the writes of a store.
type counted struct {
	corestore.KVStoreService
	writes *int
}

func (c counted) OpenKVStore(ctx context.Context) corestore.KVStore {
	return countedStore{c.KVStoreService.OpenKVStore(ctx), c.writes}
}

type countedStore struct {
	corestore.KVStore
	writes *int
}

func (c countedStore) Set(key, value []byte) error {
	*c.writes++
	return c.KVStore.Set(key, value)
}

// bank is x/bank over a store made by wrap, whose writes are counted.
func bank(t *testing.T, wrap func(corestore.KVStoreService) corestore.KVStoreService) (sdk.Context, bankkeeper.BaseKeeper, *int) {
	t.Helper()
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey)
	enc, writes := moduletestutil.MakeTestEncodingConfig(), new(int)
	authtypes.RegisterInterfaces(enc.InterfaceRegistry)
	authority := authtypes.NewModuleAddress("gov").String()
	accounts := authkeeper.NewAccountKeeper(enc.Codec, runtime.NewKVStoreService(keys[authtypes.StoreKey]), authtypes.ProtoBaseAccount,
		map[string][]string{"mint": {authtypes.Minter}}, network.Accounts, network.Prefix, authority)
	store := wrap(counted{runtime.NewKVStoreService(keys[banktypes.StoreKey]), writes})
	return testutil.DefaultContextWithKeys(keys, nil, nil),
		bankkeeper.NewBaseKeeper(enc.Codec, store, accounts, nil, authority, log.NewNopLogger()), writes
}

// TestHoldersAreWrittenOnce plays the same payments over both stores: what x/bank answers is the same, and a payment between
// accounts that have coins writes two balances and nothing else.
func TestHoldersAreWrittenOnce(t *testing.T) {
	a, b := sdk.AccAddress("a___________________"), sdk.AccAddress("b___________________")
	play := func(wrap func(corestore.KVStoreService) corestore.KVStoreService) (owners []*banktypes.DenomOwner, writes int) {
		ctx, k, count := bank(t, wrap)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(k.MintCoins(ctx, "mint", network.Coins(100)))
		must(k.SendCoinsFromModuleToAccount(ctx, "mint", a, network.Coins(60)))
		must(k.SendCoinsFromModuleToAccount(ctx, "mint", b, network.Coins(40)))
		*count = 0
		must(k.SendCoins(ctx, a, b, network.Coins(10)))
		writes = *count
		must(k.SendCoins(ctx, a, b, network.Coins(50))) // all that is left
		must(k.SendCoins(ctx, b, a, network.Coins(1)))
		must(k.SendCoins(ctx, a, b, network.Coins(1)))
		must(k.SendCoins(ctx, b, a, network.Coins(7)))
		res, err := k.DenomOwners(ctx, &banktypes.QueryDenomOwnersRequest{Denom: network.Denom})
		must(err)
		return res.DenomOwners, writes
	}
	plain, twice := play(func(s corestore.KVStoreService) corestore.KVStoreService { return s })
	ours, once := play(bankstore.New)
	if len(plain) != 2 || len(ours) != 2 || ours[0].String() != plain[0].String() || ours[1].String() != plain[1].String() {
		t.Errorf("holders %v, want %v", ours, plain)
	}
	if once != 2 || twice != 4 {
		t.Errorf("a payment writes %d entries, x/bank alone %d; want 2 and 4", once, twice)
	}
}
