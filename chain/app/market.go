package app

import (
	corestore "cosmossdk.io/core/store"

	"github.com/cosmos/cosmos-sdk/runtime"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	emissionkeeper "agora/chain/x/emission/keeper"
	emissiontypes "agora/chain/x/emission/types"
	feekeeper "agora/chain/x/fee/keeper"
	feetypes "agora/chain/x/fee/types"
	marketkeeper "agora/chain/x/market/keeper"
	markettypes "agora/chain/x/market/types"
	modelkeeper "agora/chain/x/model/keeper"
	modeltypes "agora/chain/x/model/types"
	pausekeeper "agora/chain/x/pause/keeper"
	pausetypes "agora/chain/x/pause/types"
	subnetkeeper "agora/chain/x/subnet/keeper"
	subnettypes "agora/chain/x/subnet/types"
	yumakeeper "agora/chain/x/yuma/keeper"
	yumatypes "agora/chain/x/yuma/types"
)

// storeOf opens the part of the state that a module owns.
func (app *App) storeOf(name string) corestore.KVStoreService {
	return runtime.NewKVStoreService(app.keys[name])
}

// makeMarketKeepers makes the keepers of our modules and ties them: subnets burn through emission, emission knows the
// subnets, and both hear of what the other forgets. Staking's hooks are set last, so that every module above hears.
func (app *App) makeMarketKeepers() {
	k, cdc, auth := &app.Keepers, app.Codec, authority()
	k.Emission = emissionkeeper.NewKeeper(cdc, app.storeOf(emissiontypes.StoreKey), auth, k.Account, k.Bank, k.Staking, k.Distribution, nil)
	k.Subnet = subnetkeeper.NewKeeper(cdc, app.storeOf(subnettypes.StoreKey), auth, k.Account, k.Bank, k.Staking, k.Emission)
	k.Emission.SetSubnets(k.Subnet)
	k.Yuma = yumakeeper.NewKeeper(cdc, app.storeOf(yumatypes.StoreKey), auth, k.Subnet, k.Emission)
	k.Model = modelkeeper.NewKeeper(cdc, app.storeOf(modeltypes.StoreKey), auth, k.Subnet, k.Bank, k.Emission)
	k.Subnet.SetModels(k.Model)
	k.Yuma.SetModels(k.Model)
	k.Subnet.SetHooks(subnettypes.MultiHooks{k.Yuma.Hooks(), k.Emission.Hooks(), k.Model.Hooks()})
	k.Staking.SetHooks(stakingtypes.NewMultiStakingHooks(k.Distribution.Hooks(), k.Slashing.Hooks(), takeLimit{staking: k.Staking}))
	k.Fee = feekeeper.NewKeeper(cdc, app.storeOf(feetypes.StoreKey), auth, k.Subnet)
	k.Market = marketkeeper.NewKeeper(cdc, app.storeOf(markettypes.StoreKey), auth, k.Bank, k.Staking, k.Subnet, k.Emission)
	k.Pause = pausekeeper.NewKeeper(cdc, app.storeOf(pausetypes.StoreKey), auth, k.Staking, app.knows)
	app.SetCircuitBreaker(k.Pause) // the router hands it to services that register later
}

// knows tells whether a message type has a handler.
func (app *App) knows(typeURL string) bool {
	return app.MsgServiceRouter().HandlerByTypeURL(typeURL) != nil
}
