package app

import (
	"encoding/json"
	"fmt"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"
	gogoproto "github.com/cosmos/gogoproto/proto"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
)

// Genesis is a first state under construction: one document per module.
type Genesis struct {
	app      *App
	state    map[string]json.RawMessage
	accounts []authtypes.GenesisAccount
	balances []banktypes.Balance
	created  []sdk.Tx
}

// Pace says how fast a network punishes and decides: a public one in hours and days, a local one in minutes.
type Pace struct {
	SlashingWindow int64 // blocks
	MinSigned      math.LegacyDec
	VotingPeriod   time.Duration
	DepositPeriod  time.Duration
	JailTime       time.Duration
}

// The paces of a public and of a local network.
var (
	PublicPace = Pace{10_800, math.LegacyNewDecWithPrec(5, 2), 3 * 24 * time.Hour, 3 * 24 * time.Hour, 10 * time.Minute}
	LocalPace  = Pace{60, math.LegacyNewDecWithPrec(50, 2), time.Minute, 10 * time.Minute, 10 * time.Second}
)

// unbonding is how long undelegated stake can still be slashed; evidence is younger than it.
const (
	unbonding   = 3 * 24 * time.Hour
	evidenceAge = 48 * time.Hour
)

// NewGenesis starts from every module's defaults with this network's parameters.
func (app *App) NewGenesis(p Pace) *Genesis {
	g := &Genesis{app: app, state: app.Basics.DefaultGenesis(app.Codec)}
	SetModule(g, stakingtypes.ModuleName, func(s *stakingtypes.GenesisState) {
		s.Params.UnbondingTime, s.Params.MaxValidators, s.Params.HistoricalEntries = unbonding, 100, 0
		s.Params.BondDenom, s.Params.KeyRotationFee = network.Denom, tao(10)
	})
	SetModule(g, slashingtypes.ModuleName, func(s *slashingtypes.GenesisState) {
		s.Params.SignedBlocksWindow, s.Params.MinSignedPerWindow = p.SlashingWindow, p.MinSigned
		s.Params.DowntimeJailDuration = p.JailTime
		s.Params.SlashFractionDoubleSign = math.LegacyNewDecWithPrec(5, 2)
		s.Params.SlashFractionDowntime = math.LegacyNewDecWithPrec(1, 4)
	})
	SetModule(g, distrtypes.ModuleName, func(s *distrtypes.GenesisState) { s.Params.CommunityTax = math.LegacyZeroDec() })
	SetModule(g, govtypes.ModuleName, func(s *govv1.GenesisState) { setGov(s.Params, p) })
	SetModule(g, banktypes.ModuleName, func(s *banktypes.GenesisState) { s.DenomMetadata = []banktypes.Metadata{money()} })
	return g
}

func setGov(params *govv1.Params, p Pace) {
	expedited := p.VotingPeriod / 2
	params.MinDeposit, params.ExpeditedMinDeposit = sdk.NewCoins(tao(100)), sdk.NewCoins(tao(500))
	params.MinInitialDepositRatio = math.LegacyNewDecWithPrec(25, 2).String()
	params.VotingPeriod, params.MaxDepositPeriod, params.ExpeditedVotingPeriod = &p.VotingPeriod, &p.DepositPeriod, &expedited
}

func tao(n int64) sdk.Coin { return sdk.NewCoin(network.Denom, math.NewInt(n*network.TAO)) }

func money() banktypes.Metadata {
	return banktypes.Metadata{
		Description: "The money of Agora", Base: network.Denom, Display: "tao", Name: "TAO", Symbol: "TAO",
		DenomUnits: []*banktypes.DenomUnit{{Denom: network.Denom}, {Denom: "tao", Exponent: 9}},
	}
}

// SetModule edits one module's document in place; T is its GenesisState.
func SetModule[T any, P interface {
	*T
	gogoproto.Message
}](g *Genesis, name string, edit func(P),
) {
	state := P(new(T))
	g.app.Codec.MustUnmarshalJSON(g.state[name], state)
	edit(state)
	g.state[name] = g.app.Codec.MustMarshalJSON(state)
}

// Open adds an account without money.
func (g *Genesis) Open(address sdk.AccAddress) {
	g.accounts = append(g.accounts, authtypes.NewBaseAccount(address, nil, uint64(len(g.accounts)), 0))
}

// Fund adds an account with rao.
func (g *Genesis) Fund(address sdk.AccAddress, rao uint64) {
	g.Open(address)
	g.Endow(address, rao)
}

// Endow gives rao to an address whose account exists or is made by its module.
func (g *Genesis) Endow(address sdk.AccAddress, rao uint64) {
	g.balances = append(g.balances, banktypes.Balance{Address: address.String(), Coins: network.Coins(rao)})
}

// Document seals the state for a chain that starts at t.
func (g *Genesis) Document(chainID string, t time.Time) (*genutiltypes.AppGenesis, error) {
	packed, err := authtypes.PackAccounts(g.accounts)
	if err != nil {
		return nil, err
	}
	SetModule(g, authtypes.ModuleName, func(s *authtypes.GenesisState) { s.Accounts = packed })
	SetModule(g, banktypes.ModuleName, func(s *banktypes.GenesisState) { s.Balances = g.balances })
	state, err := genutil.SetGenTxsInAppGenesisState(g.app.Codec, g.app.TxConfig.TxJSONEncoder(), g.state, g.created)
	if err != nil {
		return nil, fmt.Errorf("genesis transactions: %w", err)
	}
	bz, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	return &genutiltypes.AppGenesis{
		AppName: Name, ChainID: chainID, GenesisTime: t, InitialHeight: 1, AppState: bz,
		Consensus: &genutiltypes.ConsensusGenesis{Params: consensusParams()},
	}, nil
}

func consensusParams() *cmttypes.ConsensusParams {
	p := cmttypes.DefaultConsensusParams()
	p.Block.MaxBytes, p.Block.MaxGas = 4<<20, 100_000_000
	p.Evidence.MaxAgeDuration = evidenceAge
	p.Evidence.MaxAgeNumBlocks = int64(evidenceAge / (2 * time.Second))
	return p
}
