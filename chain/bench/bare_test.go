package bench

import (
	"encoding/json"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/runtime"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/x/auth"
	"github.com/cosmos/cosmos-sdk/x/auth/ante"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/bank"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/consensus"
	consensuskeeper "github.com/cosmos/cosmos-sdk/x/consensus/keeper"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/cosmos-sdk/x/staking"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/app"
	"agora/chain/network"
)

// bareChain is what the SDK alone costs: accounts, coins and stake, with the SDK's own ante handler.
func bareChain(b *testing.B, enc app.Encoding, db dbm.DB) *baseapp.BaseApp {
	b.Helper()
	base := baseapp.NewBaseApp("bare", log.NewNopLogger(), db, enc.TxConfig.TxDecoder(), baseapp.SetChainID(chainID))
	base.SetInterfaceRegistry(enc.Registry)
	base.SetTxEncoder(enc.TxConfig.TxEncoder())
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, stakingtypes.StoreKey, consensustypes.StoreKey)
	base.MountKVStores(keys)
	gov := authtypes.NewModuleAddress("gov").String()
	permissions := map[string][]string{
		authtypes.FeeCollectorName: nil, stakingtypes.BondedPoolName: {authtypes.Burner, authtypes.Staking},
		stakingtypes.NotBondedPoolName: {authtypes.Burner, authtypes.Staking}, stakingtypes.KeyRotationFeePoolName: {authtypes.Burner},
	}
	params := consensuskeeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[consensustypes.StoreKey]), gov, runtime.EventService{})
	base.SetParamStore(params.ParamsStore)
	accounts := authkeeper.NewAccountKeeper(enc.Codec, runtime.NewKVStoreService(keys[authtypes.StoreKey]), authtypes.ProtoBaseAccount,
		permissions, address.NewBech32Codec(network.Prefix), network.Prefix, gov)
	coins := bankkeeper.NewBaseKeeper(enc.Codec, runtime.NewKVStoreService(keys[banktypes.StoreKey]), accounts, nil, gov, log.NewNopLogger())
	stake := stakingkeeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[stakingtypes.StoreKey]), accounts, coins, gov,
		address.NewBech32Codec(network.Prefix+"valoper"), address.NewBech32Codec(network.Prefix+"valcons"))
	modules := module.NewManager(
		auth.NewAppModule(enc.Codec, accounts, nil), bank.NewAppModule(enc.Codec, coins, accounts),
		staking.NewAppModule(enc.Codec, stake, accounts, coins), consensus.NewAppModule(enc.Codec, params),
		genutil.NewAppModule(accounts, stake, base, enc.TxConfig),
	)
	order(modules)
	if err := modules.RegisterServices(module.NewConfigurator(enc.Codec, base.MsgServiceRouter(), base.GRPCQueryRouter())); err != nil {
		b.Fatal(err)
	}
	handler, err := ante.NewAnteHandler(ante.HandlerOptions{
		AccountKeeper: accounts, BankKeeper: coins, SignModeHandler: enc.TxConfig.SignModeHandler(), SigGasConsumer: ante.DefaultSigVerificationGasConsumer,
	})
	if err != nil {
		b.Fatal(err)
	}
	base.SetAnteHandler(handler)
	base.SetInitChainer(func(ctx sdk.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
		var state map[string]json.RawMessage
		if err := json.Unmarshal(req.AppStateBytes, &state); err != nil {
			return nil, err
		}
		return modules.InitGenesis(ctx, enc.Codec, state)
	})
	base.SetBeginBlocker(modules.BeginBlock)
	base.SetEndBlocker(modules.EndBlock)
	if err := base.LoadLatestVersion(); err != nil {
		b.Fatal(err)
	}
	return base
}

func order(m *module.Manager) {
	m.SetOrderInitGenesis(authtypes.ModuleName, banktypes.ModuleName, stakingtypes.ModuleName, genutiltypes.ModuleName, consensustypes.ModuleName)
	m.SetOrderBeginBlockers(stakingtypes.ModuleName)
	m.SetOrderEndBlockers(banktypes.ModuleName, stakingtypes.ModuleName)
}
