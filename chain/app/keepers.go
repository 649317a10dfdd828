package app

import (
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/runtime"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	authzkeeper "github.com/cosmos/cosmos-sdk/x/authz/keeper"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	consensuskeeper "github.com/cosmos/cosmos-sdk/x/consensus/keeper"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	distrkeeper "github.com/cosmos/cosmos-sdk/x/distribution/keeper"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	evidencekeeper "github.com/cosmos/cosmos-sdk/x/evidence/keeper"
	evidencetypes "github.com/cosmos/cosmos-sdk/x/evidence/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	feegrantkeeper "github.com/cosmos/cosmos-sdk/x/feegrant/keeper"
	govkeeper "github.com/cosmos/cosmos-sdk/x/gov/keeper"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	slashingkeeper "github.com/cosmos/cosmos-sdk/x/slashing/keeper"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	upgradekeeper "github.com/cosmos/cosmos-sdk/x/upgrade/keeper"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	"agora/chain/bankstore"
	"agora/chain/network"
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

// Keepers are the modules' books.
type Keepers struct {
	Account      authkeeper.AccountKeeper
	Bank         bankkeeper.BaseKeeper
	Staking      *stakingkeeper.Keeper
	Distribution distrkeeper.Keeper
	Slashing     slashingkeeper.Keeper
	Evidence     *evidencekeeper.Keeper
	Gov          *govkeeper.Keeper
	Upgrade      *upgradekeeper.Keeper
	Authz        authzkeeper.Keeper
	Feegrant     feegrantkeeper.Keeper
	Consensus    consensuskeeper.Keeper

	Subnet   *subnetkeeper.Keeper
	Yuma     *yumakeeper.Keeper
	Emission *emissionkeeper.Keeper
	Model    *modelkeeper.Keeper
	Pause    *pausekeeper.Keeper
	Fee      *feekeeper.Keeper
	Market   *marketkeeper.Keeper
}

// moduleAccounts lists the accounts that modules own and what each may do with coins.
var moduleAccounts = []struct {
	module string
	may    []string
}{
	{authtypes.FeeCollectorName, nil},
	{distrtypes.ModuleName, nil},
	{stakingtypes.BondedPoolName, []string{authtypes.Burner, authtypes.Staking}},
	{stakingtypes.NotBondedPoolName, []string{authtypes.Burner, authtypes.Staking}},
	{stakingtypes.KeyRotationFeePoolName, []string{authtypes.Burner}},
	{govtypes.ModuleName, []string{authtypes.Burner}},
	{emissiontypes.ModuleName, []string{authtypes.Minter, authtypes.Burner}},
	{subnettypes.ModuleName, []string{authtypes.Burner}},
	{modeltypes.ModuleName, nil},
	{markettypes.ModuleName, nil},
}

func storeNames() []string {
	return []string{
		authtypes.StoreKey, banktypes.StoreKey, stakingtypes.StoreKey, distrtypes.StoreKey, slashingtypes.StoreKey,
		evidencetypes.StoreKey, govtypes.StoreKey, upgradetypes.StoreKey, authzkeeper.StoreKey, feegrant.StoreKey,
		consensustypes.StoreKey, emissiontypes.StoreKey, subnettypes.StoreKey, yumatypes.StoreKey,
		pausetypes.StoreKey, feetypes.StoreKey, modeltypes.StoreKey, markettypes.StoreKey,
	}
}

// authority is the account that only passed proposals can sign for.
func authority() string { return authtypes.NewModuleAddress(govtypes.ModuleName).String() }

// blockedAccounts cannot receive coins from users; gov can, for deposits.
func blockedAccounts() map[string]bool {
	blocked := map[string]bool{}
	for _, owner := range moduleAccounts {
		blocked[authtypes.NewModuleAddress(owner.module).String()] = owner.module != govtypes.ModuleName
	}
	return blocked
}

// permissions is what each module may do with coins, as the account keeper takes it.
func permissions() map[string][]string {
	all := map[string][]string{}
	for _, owner := range moduleAccounts {
		all[owner.module] = owner.may
	}
	return all
}

func (app *App) makeKeepers(logger log.Logger, options servertypes.AppOptions) {
	store, cdc, auth := app.storeOf, app.Codec, authority()
	k := &app.Keepers
	k.Consensus = consensuskeeper.NewKeeper(cdc, store(consensustypes.StoreKey), auth, runtime.EventService{})
	app.SetParamStore(k.Consensus.ParamsStore)
	k.Account = authkeeper.NewAccountKeeper(cdc, store(authtypes.StoreKey), authtypes.ProtoBaseAccount, permissions(),
		accounts, network.Prefix, auth, authkeeper.WithUnorderedTransactions(true))
	k.Bank = bankkeeper.NewBaseKeeper(cdc, bankstore.New(store(banktypes.StoreKey)), k.Account, blockedAccounts(), auth, logger)
	k.Staking = stakingkeeper.NewKeeper(cdc, store(stakingtypes.StoreKey), k.Account, k.Bank, auth, operators, consensors)
	k.Distribution = distrkeeper.NewKeeper(cdc, store(distrtypes.StoreKey), k.Account, k.Bank, k.Staking, authtypes.FeeCollectorName, auth)
	k.Slashing = slashingkeeper.NewKeeper(cdc, app.Amino, store(slashingtypes.StoreKey), k.Staking, auth)
	k.Evidence = evidencekeeper.NewKeeper(cdc, store(evidencetypes.StoreKey), k.Staking, k.Slashing, accounts, runtime.ProvideCometInfoService())
	k.Feegrant = feegrantkeeper.NewKeeper(cdc, store(feegrant.StoreKey), k.Account)
	k.Authz = authzkeeper.NewKeeper(store(authzkeeper.StoreKey), cdc, app.MsgServiceRouter(), k.Account)
	home, _ := options.Get("home").(string)
	k.Upgrade = upgradekeeper.NewKeeper(skipped(options), store(upgradetypes.StoreKey), cdc, home, app.BaseApp, auth)
	app.makeMarketKeepers()
	k.Gov = govkeeper.NewKeeper(cdc, store(govtypes.StoreKey), k.Account, k.Bank, k.Distribution, app.MsgServiceRouter(),
		govtypes.DefaultConfig(), auth, govkeeper.NewDefaultCalculateVoteResultsAndVotingPower(k.Staking))
}
