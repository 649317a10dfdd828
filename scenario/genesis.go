package scenario

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"cosmossdk.io/math"

	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"agora/chain/app"
	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

// purse is what a validator has beside its stake, and everybody whose funds a story does not state, in TAO.
const purse = 200

// lock is what every subnet of the stage holds, in rao.
const lock = 1_000 * network.TAO

// pace is fast: a validator that misses more than half of 20 blocks is jailed.
var pace = app.Pace{
	SlashingWindow: 20, MinSigned: math.LegacyNewDecWithPrec(50, 2),
	VotingPeriod: time.Minute, DepositPeriod: 10 * time.Minute, JailTime: 10 * time.Second,
}

// plan is what there is before the first block.
type plan struct {
	stakes  map[string]uint64            // rao, by validator
	funds   map[string]uint64            // rao, by account
	order   []string                     // accounts in the order of their introduction
	subnets []market                     // netuid 1, 2, …
	params  map[string]map[string]string // by module
}

// market is a subnet of the plan.
type market struct {
	name, owner    string
	values         map[string]int64
	voices, miners []string
}

// introduce gives name an account with the default purse unless it has one.
func (p *plan) introduce(name string) {
	if p.funds == nil {
		p.funds = map[string]uint64{}
	}
	if _, known := p.funds[name]; !known {
		p.funds[name] = purse * network.TAO
		p.order = append(p.order, name)
	}
}

// begin writes the genesis and starts the chain with its first block.
func (w *World) begin() error {
	g := w.App.NewGenesis(pace)
	for i := range w.plan.subnets {
		w.plan.people(&w.plan.subnets[i], w.people.names)
	}
	for _, name := range w.plan.order {
		g.Fund(Account(name), w.plan.funds[name]+w.plan.stakes[name])
	}
	for _, name := range w.people.names {
		if err := g.Bond(ChainID, Cold(name), consensus(name).PubKey(), name, w.plan.stakes[name]); err != nil {
			return err
		}
	}
	if err := w.fill(g); err != nil {
		return err
	}
	doc, err := g.Document(ChainID, w.Now)
	if err != nil {
		return err
	}
	params := doc.Consensus.Params.ToProto()
	return w.Begin(&abci.RequestInitChain{
		Time: w.Now, ChainId: ChainID, ConsensusParams: &params, InitialHeight: 1, AppStateBytes: doc.AppState,
	})
}

// Begin starts the chain from a genesis and makes the first block.
func (w *World) Begin(req *abci.RequestInitChain) error {
	res, err := w.App.InitChain(req)
	if err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	w.Genesis = req
	w.people.begin(res.Validators)
	_, err = w.Block()
	return err
}

// people introduces everybody in a subnet and gives every validator a voice where the story names none.
func (p *plan) people(m *market, validators []string) {
	p.introduce(m.owner)
	if m.voices == nil {
		m.voices = validators
	}
	for _, name := range append(append([]string{}, m.voices...), m.miners...) {
		p.introduce(name)
	}
}

// fill writes the modules of the market.
func (w *World) fill(g *app.Genesis) error {
	g.Endow(authtypes.NewModuleAddress(subnettypes.ModuleName), uint64(len(w.plan.subnets))*lock)
	var err error
	app.SetModule(g, subnettypes.ModuleName, func(s *subnettypes.GenesisState) {
		s.Params.MinTempo, s.Params.MaxTempo, s.Params.MinUids = 10, 100, 16
		err = edit(&s.Params, w.plan.params[subnettypes.ModuleName])
		for i, m := range w.plan.subnets {
			w.fillSubnet(s, uint32(i+1), m)
		}
		s.NextNetuid = uint32(len(w.plan.subnets)) + 1
	})
	if err != nil {
		return err
	}
	app.SetModule(g, emissiontypes.ModuleName, func(s *emissiontypes.GenesisState) {
		err = edit(&s.Params, w.plan.params[emissiontypes.ModuleName])
	})
	if err != nil {
		return err
	}
	app.SetModule(g, yumatypes.ModuleName, func(s *yumatypes.GenesisState) {
		err = edit(&s.Params, w.plan.params[yumatypes.ModuleName])
	})
	return err
}

func (w *World) fillSubnet(s *subnettypes.GenesisState, netuid uint32, m market) {
	s.Subnets = append(s.Subnets, subnettypes.Subnet{
		Netuid: netuid, Owner: Account(m.owner).String(), Name: m.name, Mechanism: subnettypes.Mechanism{Id: "exact"},
		CreatedHeight: 1, CreatedTime: w.Now, Started: true, StartedHeight: 1, Lock: lock,
		Size_: uint32(len(m.voices) + len(m.miners)),
	})
	for _, row := range subnettypes.Table() {
		if value, set := m.values[row.Name]; set {
			s.Values = append(s.Values, subnettypes.SubnetValue{Netuid: netuid, Value: subnettypes.Value{Name: row.Name, Value: value}})
		}
	}
	for i, name := range append(append([]string{}, m.voices...), m.miners...) {
		owner := Account(name).String()
		s.Neurons = append(s.Neurons, subnettypes.Neuron{Netuid: netuid, Uid: uint32(i), HotKey: w.key(name), Owner: owner})
		if i < len(m.voices) {
			s.Voices = append(s.Voices, subnettypes.Voice{Netuid: netuid, Operator: owner, Uid: uint32(i)})
		}
	}
}

// key is the public hot key of that name, whose name is remembered.
func (w *World) key(name string) []byte {
	public := Public(name)
	w.names[string(public)] = name
	return public
}

// edit sets fields of a module's parameters by their names in JSON.
func edit[T any](params *T, values map[string]string) error {
	bz, err := json.Marshal(params)
	if err != nil {
		return err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(bz, &fields); err != nil {
		return err
	}
	for name, value := range values {
		if _, err := strconv.ParseUint(value, 10, 64); err != nil {
			return fmt.Errorf("%s=%s: %w", name, value, err)
		}
		fields[name] = json.RawMessage(value)
	}
	if bz, err = json.Marshal(fields); err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(bz)))
	d.DisallowUnknownFields()
	return d.Decode(params)
}
