package app

import (
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/x/auth"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	authzmodule "github.com/cosmos/cosmos-sdk/x/authz/module"
	"github.com/cosmos/cosmos-sdk/x/bank"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/consensus"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	distr "github.com/cosmos/cosmos-sdk/x/distribution"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	"github.com/cosmos/cosmos-sdk/x/evidence"
	evidencetypes "github.com/cosmos/cosmos-sdk/x/evidence/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	feegrantmodule "github.com/cosmos/cosmos-sdk/x/feegrant/module"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/cosmos-sdk/x/gov"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	"github.com/cosmos/cosmos-sdk/x/slashing"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	"github.com/cosmos/cosmos-sdk/x/staking"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	"github.com/cosmos/cosmos-sdk/x/upgrade"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	"agora/chain/x/emission"
	emissiontypes "agora/chain/x/emission/types"
	"agora/chain/x/fee"
	feetypes "agora/chain/x/fee/types"
	marketmodule "agora/chain/x/market"
	markettypes "agora/chain/x/market/types"
	"agora/chain/x/model"
	modeltypes "agora/chain/x/model/types"
	"agora/chain/x/pause"
	pausetypes "agora/chain/x/pause/types"
	"agora/chain/x/subnet"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma"
	yumatypes "agora/chain/x/yuma/types"
)

//lint:ignore SA1019 the SDK's manager takes no other type
func (app *App) modules() []module.AppModule {
	cdc, k := app.Codec, &app.Keepers
	//lint:ignore SA1019 as above
	return []module.AppModule{
		auth.NewAppModule(cdc, k.Account, nil),
		bank.NewAppModule(cdc, k.Bank, k.Account),
		staking.NewAppModule(cdc, k.Staking, k.Account, k.Bank),
		distr.NewAppModule(cdc, k.Distribution, k.Account, k.Bank, k.Staking),
		slashing.NewAppModule(cdc, k.Slashing, k.Account, k.Bank, k.Staking, app.Registry),
		evidence.NewAppModule(*k.Evidence),
		gov.NewAppModule(cdc, k.Gov, k.Account, k.Bank),
		genutil.NewAppModule(k.Account, k.Staking, app, app.TxConfig),
		upgrade.NewAppModule(k.Upgrade, accounts),
		authzmodule.NewAppModule(cdc, k.Authz, k.Account, k.Bank, app.Registry),
		feegrantmodule.NewAppModule(cdc, k.Account, k.Bank, k.Feegrant, app.Registry),
		consensus.NewAppModule(cdc, k.Consensus),
		emission.NewAppModule(cdc, k.Emission),
		subnet.NewAppModule(cdc, k.Subnet),
		yuma.NewAppModule(cdc, k.Yuma),
		pause.NewAppModule(cdc, k.Pause),
		fee.NewAppModule(cdc, k.Fee),
		model.NewAppModule(cdc, k.Model),
		marketmodule.NewAppModule(cdc, k.Market),
	}
}

// setOrder fixes the order of the phases. Minting comes before distribution, bank's end of block before all others,
// and staking last, since it alone returns validator updates.
func setOrder(m *module.Manager) {
	genesis := []string{
		authtypes.ModuleName, banktypes.ModuleName, distrtypes.ModuleName, stakingtypes.ModuleName, slashingtypes.ModuleName,
		govtypes.ModuleName, genutiltypes.ModuleName, evidencetypes.ModuleName, authz.ModuleName, feegrant.ModuleName,
		upgradetypes.ModuleName, consensustypes.ModuleName, emissiontypes.ModuleName, subnettypes.ModuleName, yumatypes.ModuleName,
		pausetypes.ModuleName, feetypes.ModuleName, modeltypes.ModuleName, markettypes.ModuleName,
	}
	m.SetOrderInitGenesis(genesis...)
	m.SetOrderExportGenesis(genesis...)
	m.SetOrderPreBlockers(upgradetypes.ModuleName, authtypes.ModuleName)
	m.SetOrderBeginBlockers(emissiontypes.ModuleName, yumatypes.ModuleName, distrtypes.ModuleName, slashingtypes.ModuleName,
		evidencetypes.ModuleName, stakingtypes.ModuleName, authz.ModuleName)
	m.SetOrderEndBlockers(banktypes.ModuleName, subnettypes.ModuleName, yumatypes.ModuleName, govtypes.ModuleName, feegrant.ModuleName,
		feetypes.ModuleName, stakingtypes.ModuleName)
}
