package bench

import (
	"encoding/json"
	"slices"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/gogoproto/proto"

	corestore "cosmossdk.io/core/store"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/codec/address"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/runtime"
	"github.com/cosmos/cosmos-sdk/std"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/x/auth"
	"github.com/cosmos/cosmos-sdk/x/auth/ante"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtx "github.com/cosmos/cosmos-sdk/x/auth/tx"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	authzkeeper "github.com/cosmos/cosmos-sdk/x/authz/keeper"
	authzmodule "github.com/cosmos/cosmos-sdk/x/authz/module"
	"github.com/cosmos/cosmos-sdk/x/bank"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/consensus"
	consensuskeeper "github.com/cosmos/cosmos-sdk/x/consensus/keeper"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	distr "github.com/cosmos/cosmos-sdk/x/distribution"
	distrkeeper "github.com/cosmos/cosmos-sdk/x/distribution/keeper"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	"github.com/cosmos/cosmos-sdk/x/evidence"
	evidencekeeper "github.com/cosmos/cosmos-sdk/x/evidence/keeper"
	evidencetypes "github.com/cosmos/cosmos-sdk/x/evidence/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	feegrantkeeper "github.com/cosmos/cosmos-sdk/x/feegrant/keeper"
	feegrantmodule "github.com/cosmos/cosmos-sdk/x/feegrant/module"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/cosmos-sdk/x/gov"
	govkeeper "github.com/cosmos/cosmos-sdk/x/gov/keeper"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	"github.com/cosmos/cosmos-sdk/x/slashing"
	slashingkeeper "github.com/cosmos/cosmos-sdk/x/slashing/keeper"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	"github.com/cosmos/cosmos-sdk/x/staking"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	txsigning "github.com/cosmos/cosmos-sdk/x/tx/signing"
	"github.com/cosmos/cosmos-sdk/x/upgrade"
	upgradekeeper "github.com/cosmos/cosmos-sdk/x/upgrade/keeper"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	"agora/chain/app"
	"agora/chain/network"
)

// bareApp is what the SDK alone costs: every module of it that our chain has, wired as its documentation says, with its
// own ante handler and codecs.
type bareApp struct {
	*baseapp.BaseApp
	app.Encoding
	keys    map[string]*storetypes.KVStoreKey
	modules *module.Manager
}

var bareStores = []string{
	authtypes.StoreKey, banktypes.StoreKey, stakingtypes.StoreKey, distrtypes.StoreKey, slashingtypes.StoreKey,
	evidencetypes.StoreKey, govtypes.StoreKey, upgradetypes.StoreKey, authzkeeper.StoreKey, feegrant.StoreKey, consensustypes.StoreKey,
}

// barePermissions lists the module accounts of the SDK.
var barePermissions = map[string][]string{
	authtypes.FeeCollectorName: nil, distrtypes.ModuleName: nil, govtypes.ModuleName: {authtypes.Burner},
	stakingtypes.BondedPoolName:         {authtypes.Burner, authtypes.Staking},
	stakingtypes.NotBondedPoolName:      {authtypes.Burner, authtypes.Staking},
	stakingtypes.KeyRotationFeePoolName: {authtypes.Burner},
}

func bareChain(b testing.TB, home string, db dbm.DB) *bareApp {
	b.Helper()
	enc := bareEncoding(b)
	a := &bareApp{
		BaseApp:  baseapp.NewBaseApp("bare", log.NewNopLogger(), db, enc.TxConfig.TxDecoder(), shipped(home)...),
		Encoding: enc, keys: storetypes.NewKVStoreKeys(bareStores...),
	}
	a.SetInterfaceRegistry(enc.Registry)
	a.SetTxEncoder(enc.TxConfig.TxEncoder())
	a.MountKVStores(a.keys)
	a.wire(b)
	a.SetInitChainer(func(ctx sdk.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
		var state map[string]json.RawMessage
		if err := json.Unmarshal(req.AppStateBytes, &state); err != nil {
			return nil, err
		}
		return a.modules.InitGenesis(ctx, enc.Codec, state)
	})
	a.SetPreBlocker(func(ctx sdk.Context, _ *abci.RequestFinalizeBlock) (*sdk.ResponsePreBlock, error) {
		return a.modules.PreBlock(ctx)
	})
	a.SetBeginBlocker(a.modules.BeginBlock)
	a.SetEndBlocker(a.modules.EndBlock)
	must(b, a.LoadLatestVersion())
	return a
}

func bareEncoding(b testing.TB) app.Encoding {
	b.Helper()
	registry, err := codectypes.NewInterfaceRegistryWithOptions(codectypes.InterfaceRegistryOptions{
		ProtoFiles: proto.HybridResolver,
		SigningOptions: txsigning.Options{
			AddressCodec: address.NewBech32Codec(network.Prefix), ValidatorAddressCodec: address.NewBech32Codec(network.Prefix + "valoper"),
		},
	})
	must(b, err)
	cdc, amino := codec.NewProtoCodec(registry), codec.NewLegacyAmino()
	std.RegisterInterfaces(registry)
	return app.Encoding{Registry: registry, Codec: cdc, TxConfig: authtx.NewTxConfig(cdc, authtx.DefaultSignModes), Amino: amino}
}

// wire builds the keepers, the modules and the ante handler.
func (a *bareApp) wire(b testing.TB) {
	b.Helper()
	store := func(name string) corestore.KVStoreService { return runtime.NewKVStoreService(a.keys[name]) }
	cdc, authority := a.Codec, authtypes.NewModuleAddress(govtypes.ModuleName).String()
	people, operators := address.NewBech32Codec(network.Prefix), address.NewBech32Codec(network.Prefix+"valoper")
	params := consensuskeeper.NewKeeper(cdc, store(consensustypes.StoreKey), authority, runtime.EventService{})
	a.SetParamStore(params.ParamsStore)
	accounts := authkeeper.NewAccountKeeper(cdc, store(authtypes.StoreKey), authtypes.ProtoBaseAccount, barePermissions, people,
		network.Prefix, authority, authkeeper.WithUnorderedTransactions(true))
	coins := bankkeeper.NewBaseKeeper(cdc, store(banktypes.StoreKey), accounts, nil, authority, log.NewNopLogger())
	stake := stakingkeeper.NewKeeper(cdc, store(stakingtypes.StoreKey), accounts, coins, authority, operators,
		address.NewBech32Codec(network.Prefix+"valcons"))
	rewards := distrkeeper.NewKeeper(cdc, store(distrtypes.StoreKey), accounts, coins, stake, authtypes.FeeCollectorName, authority)
	slash := slashingkeeper.NewKeeper(cdc, a.Amino, store(slashingtypes.StoreKey), stake, authority)
	proof := evidencekeeper.NewKeeper(cdc, store(evidencetypes.StoreKey), stake, slash, people, runtime.ProvideCometInfoService())
	allowances := feegrantkeeper.NewKeeper(cdc, store(feegrant.StoreKey), accounts)
	grants := authzkeeper.NewKeeper(store(authzkeeper.StoreKey), cdc, a.MsgServiceRouter(), accounts)
	plans := upgradekeeper.NewKeeper(map[int64]bool{}, store(upgradetypes.StoreKey), cdc, b.TempDir(), a.BaseApp, authority)
	votes := govkeeper.NewKeeper(cdc, store(govtypes.StoreKey), accounts, coins, rewards, a.MsgServiceRouter(), govtypes.DefaultConfig(),
		authority, govkeeper.NewDefaultCalculateVoteResultsAndVotingPower(stake))
	stake.SetHooks(stakingtypes.NewMultiStakingHooks(rewards.Hooks(), slash.Hooks()))
	a.modules = module.NewManager(
		auth.NewAppModule(cdc, accounts, nil), bank.NewAppModule(cdc, coins, accounts), staking.NewAppModule(cdc, stake, accounts, coins),
		distr.NewAppModule(cdc, rewards, accounts, coins, stake), slashing.NewAppModule(cdc, slash, accounts, coins, stake, a.Registry),
		evidence.NewAppModule(*proof), gov.NewAppModule(cdc, votes, accounts, coins), upgrade.NewAppModule(plans, people),
		genutil.NewAppModule(accounts, stake, a, a.TxConfig), consensus.NewAppModule(cdc, params),
		authzmodule.NewAppModule(cdc, grants, accounts, coins, a.Registry), feegrantmodule.NewAppModule(cdc, accounts, coins, allowances, a.Registry),
	)
	order(a.modules)
	module.NewBasicManagerFromManager(a.modules, nil).RegisterInterfaces(a.Registry)
	must(b, a.modules.RegisterServices(module.NewConfigurator(cdc, a.MsgServiceRouter(), a.GRPCQueryRouter())))
	handler, err := ante.NewAnteHandler(ante.HandlerOptions{
		AccountKeeper: accounts, BankKeeper: coins, FeegrantKeeper: allowances, SignModeHandler: a.TxConfig.SignModeHandler(),
		SigGasConsumer: ante.DefaultSigVerificationGasConsumer,
	})
	must(b, err)
	a.SetAnteHandler(handler)
}

// order is our chain's without its own modules.
func order(m *module.Manager) {
	genesis := []string{
		authtypes.ModuleName, banktypes.ModuleName, distrtypes.ModuleName, stakingtypes.ModuleName, slashingtypes.ModuleName,
		govtypes.ModuleName, genutiltypes.ModuleName, evidencetypes.ModuleName, authz.ModuleName, feegrant.ModuleName,
		upgradetypes.ModuleName, consensustypes.ModuleName,
	}
	m.SetOrderInitGenesis(genesis...)
	m.SetOrderExportGenesis(slices.Clone(genesis)...)
	m.SetOrderPreBlockers(upgradetypes.ModuleName, authtypes.ModuleName)
	m.SetOrderBeginBlockers(distrtypes.ModuleName, slashingtypes.ModuleName, evidencetypes.ModuleName, stakingtypes.ModuleName, authz.ModuleName)
	m.SetOrderEndBlockers(banktypes.ModuleName, govtypes.ModuleName, feegrant.ModuleName, stakingtypes.ModuleName)
}
