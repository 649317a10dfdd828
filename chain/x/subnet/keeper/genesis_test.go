package keeper_test

import (
	"reflect"
	"strings"
	"testing"

	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet"
	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

// busyMarket has something in every table.
func busyMarket(t *testing.T) *market {
	m, netuid := fullSubnet(t)
	hot := types.HotAccount(public(hotKey("carl"))).String()
	m.must(m.k.SetModel(m.ctx, hot, netuid, card("a")))
	m.must(m.k.SetProfile(m.ctx, types.Profile{Operator: m.player("val", 0), Addresses: []string{"[::1]:4000"}}))
	m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{1, 2, 3, 4}, []bool{false, true, false, false}))
	m.must(m.k.ProposeOwner(m.ctx, m.player("dora", 0), netuid, 3, m.player("heir", 0)))
	m.create("bob", "quiet")
	m.must(m.bid("eve", netuid, "eve", 20*tao))
	m.must(m.bid("fay", netuid, "fay", 15*tao))
	return m
}

func TestExportedGenesisGivesTheSameState(t *testing.T) {
	m := busyMarket(t)
	exported, err := m.k.ExportGenesis(m.ctx)
	m.must(err)
	m.must(exported.Validate())
	for name, list := range map[string]int{
		"subnets": len(exported.Subnets), "values": len(exported.Values), "neurons": len(exported.Neurons),
		"profiles": len(exported.Profiles), "voices": len(exported.Voices), "standings": len(exported.Standings),
		"slots": len(exported.Slots), "bids": len(exported.Bids), "creations": len(exported.CreationsUnixNano),
	} {
		if list == 0 {
			t.Errorf("%s is empty: this test proves nothing about it", name)
		}
	}
	other := emptyMarket(t)
	other.must(other.k.InitGenesis(other.ctx, *exported))
	again, err := other.k.ExportGenesis(other.ctx)
	m.must(err)
	if !reflect.DeepEqual(exported, again) {
		t.Errorf("before %+v\nafter  %+v", exported, again)
	}
	neuron, err := other.k.NeuronOfHotKey(other.ctx, 1, public(hotKey("carl")))
	m.must(err)
	if neuron.Uid != 2 {
		t.Errorf("the index leads to uid %d", neuron.Uid)
	}
}

func TestAHandWrittenGenesisIsMadeReady(t *testing.T) {
	m := emptyMarket(t)
	m.ctx = m.ctx.WithBlockHeight(0)
	ann := m.player("ann", 0)
	genesis := types.DefaultGenesis()
	genesis.Params.MinTempo = 10
	genesis.NextNetuid = 3
	genesis.Values = []types.SubnetValue{
		{Netuid: 1, Value: types.Value{Name: types.Tempo, Value: 10}}, {Netuid: 2, Value: types.Value{Name: types.Tempo, Value: 10}},
	}
	genesis.Subnets = []types.Subnet{
		{Netuid: 1, Owner: ann, Name: "chat", Mechanism: types.Mechanism{Id: "exact"}, Started: true, Size_: 1},
		{Netuid: 2, Owner: ann, Name: "text", Mechanism: types.Mechanism{Id: "continuation"}, Started: true},
	}
	genesis.Neurons = []types.Neuron{{Netuid: 1, HotKey: public(hotKey("a")), Owner: ann}}
	m.must(genesis.Validate())
	m.must(m.k.InitGenesis(m.ctx, *genesis))
	chat, text := m.subnet(1), m.subnet(2)
	if chat.Tempo != 10 || chat.TempoStart > 1 || keeper.EpochAt(chat) < 1 {
		t.Errorf("calendar of chat %+v", chat)
	}
	if keeper.EpochAt(chat) == keeper.EpochAt(text) {
		t.Error("both epochs fall in one block")
	}
	if _, hot := m.k.HotAccountKey(m.ctx, types.HotAccount(public(hotKey("a")))); !hot {
		t.Error("the hot key cannot sign")
	}
	m.holds()
}

func TestInvariantsSeeDamage(t *testing.T) {
	for name, damage := range map[string]func(*types.GenesisState){
		"bid without coins":      func(g *types.GenesisState) { g.Bids[0].Amount++ },
		"bid in a closed market": func(g *types.GenesisState) { g.Bids[0].Netuid = 2 },
		"two bids of one key":    func(g *types.GenesisState) { g.Bids[1].HotKey = g.Bids[0].HotKey },
		"lock without coins":     func(g *types.GenesisState) { g.Subnets[0].Lock++ },
		"wrong size":             func(g *types.GenesisState) { g.Subnets[0].Size_ = 9 },
		"hot key of two owners":  func(g *types.GenesisState) { g.Neurons[3].HotKey = g.Neurons[2].HotKey },
		"uid left out":           func(g *types.GenesisState) { g.Neurons = g.Neurons[1:] },
		"voice of another":       func(g *types.GenesisState) { g.Voices[0].Uid = 3 },
		"name of two subnets":    func(g *types.GenesisState) { g.Subnets[1].Name = g.Subnets[0].Name },
		"value out of bounds":    func(g *types.GenesisState) { g.Values[0].Value.Value = -5 },
		"value of a lost subnet": func(g *types.GenesisState) { g.Values[0].Netuid = 44 },
		"max_uids beyond all bounds": func(g *types.GenesisState) {
			last := &g.Values[len(g.Values)-1]
			last.Value = types.Value{Name: types.MaxUids, Value: 5_000}
		},
		"standing of a lost subnet": func(g *types.GenesisState) { g.Standings[0].Netuid = 44 },
		"standing of lost neurons":  func(g *types.GenesisState) { g.Standings[0].KeptUntil = make([]uint64, 3) },
		"slots of a lost subnet":    func(g *types.GenesisState) { g.Slots[0].Netuid = 44 },
		"too many slots":            func(g *types.GenesisState) { g.Slots[0].Taken = 3 },
		"slots of the future":       func(g *types.GenesisState) { g.Slots[0].Epoch = 44 },
		"slots of a key that left":  func(g *types.GenesisState) { g.Slots[0].HotKey = public(hotKey("stranger")) },
		"safe for ever":             func(g *types.GenesisState) { g.Neurons[2].JudgedFrom = 1 << 40 },
		"neuron of a hot account":   func(g *types.GenesisState) { g.Neurons[2].Owner = types.HotAccount(g.Neurons[3].HotKey).String() },
		"subnet of a hot account":   func(g *types.GenesisState) { g.Subnets[0].Owner = types.HotAccount(g.Neurons[3].HotKey).String() },
		"owner in capitals":         func(g *types.GenesisState) { g.Subnets[0].Owner = strings.ToUpper(g.Subnets[0].Owner) },
		"heir in capitals":          func(g *types.GenesisState) { g.Neurons[3].NewOwner = strings.ToUpper(g.Neurons[3].NewOwner) },
		"profile in capitals":       func(g *types.GenesisState) { g.Profiles[0].Operator = strings.ToUpper(g.Profiles[0].Operator) },
		"second voice in capitals": func(g *types.GenesisState) {
			v := g.Voices[0]
			v.Operator, v.Uid = strings.ToUpper(v.Operator), 2
			g.Neurons[2].Owner = v.Operator
			g.Voices = append(g.Voices, v)
		},
		"neuron of a lost subnet": func(g *types.GenesisState) {
			g.Neurons = append(g.Neurons, types.Neuron{Netuid: 44, HotKey: public(hotKey("x")), Owner: g.Neurons[0].Owner})
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := busyMarket(t)
			genesis, err := before.k.ExportGenesis(before.ctx)
			before.must(err)
			held := before.balanceOf(before.moduleAccount())
			damage(genesis)
			m := emptyMarket(t)
			m.must(m.k.InitGenesis(m.ctx, *genesis))
			for _, invariant := range m.k.Invariants(func(sdk.Context) uint64 { return held }) {
				if invariant.Check(m.ctx) != nil {
					return
				}
			}
			t.Error("no invariant is broken")
		})
	}
}

func TestGenesisThatDoesNotFitIsRefused(t *testing.T) {
	for name, damage := range map[string]func(*types.GenesisState){
		"netuid not below the next": func(g *types.GenesisState) { g.NextNetuid = 1 },
		"root":                      func(g *types.GenesisState) { g.Subnets[0].Netuid = 0 },
		"name of two subnets":       func(g *types.GenesisState) { g.Subnets[1].Name = g.Subnets[0].Name },
		"bad name":                  func(g *types.GenesisState) { g.Subnets[1].Name = "Bad Name" },
		"value of a lost subnet":    func(g *types.GenesisState) { g.Values[0].Netuid = 44 },
		"unknown value":             func(g *types.GenesisState) { g.Values[0].Value.Name = "no such" },
		"value out of bounds":       func(g *types.GenesisState) { g.Values[0].Value.Value = -5 },
		"uid left out":              func(g *types.GenesisState) { g.Neurons = g.Neurons[1:] },
		"wrong size":                func(g *types.GenesisState) { g.Subnets[0].Size_ = 9 },
		"short hot key":             func(g *types.GenesisState) { g.Neurons[0].HotKey = []byte{1} },
		"hot key of two owners":     func(g *types.GenesisState) { g.Neurons[3].HotKey = g.Neurons[2].HotKey },
		"voice of another":          func(g *types.GenesisState) { g.Voices[0].Uid = 3 },
		"two voices of one":         func(g *types.GenesisState) { g.Voices = append(g.Voices, g.Voices[0]) },
		"bad profile":               func(g *types.GenesisState) { g.Profiles[0].Addresses = []string{"nowhere"} },
		"value twice":               func(g *types.GenesisState) { g.Values = append(g.Values, g.Values[0]) },
		"alpha_low above alpha_high": func(g *types.GenesisState) {
			g.Values = append(g.Values, types.SubnetValue{Netuid: 2, Value: types.Value{Name: types.AlphaLow, Value: 60_000}})
		},
		"min_burn above max_burn": func(g *types.GenesisState) {
			g.Values = append(g.Values,
				types.SubnetValue{Netuid: 2, Value: types.Value{Name: types.MinBurn, Value: 1_000_000_000}},
				types.SubnetValue{Netuid: 2, Value: types.Value{Name: types.MaxBurn, Value: 999_999_999}})
		},
		"tempo beyond all bounds": func(g *types.GenesisState) {
			g.Values = append(g.Values, types.SubnetValue{Netuid: 2, Value: types.Value{Name: types.Tempo, Value: 1_000_001}})
		},
		"profile twice":             func(g *types.GenesisState) { g.Profiles = append(g.Profiles, g.Profiles[0]) },
		"profile in capitals":       func(g *types.GenesisState) { g.Profiles[0].Operator = strings.ToUpper(g.Profiles[0].Operator) },
		"owner in capitals":         func(g *types.GenesisState) { g.Subnets[0].Owner = strings.ToUpper(g.Subnets[0].Owner) },
		"heir in capitals":          func(g *types.GenesisState) { g.Neurons[3].NewOwner = strings.ToUpper(g.Neurons[3].NewOwner) },
		"standing of a lost subnet": func(g *types.GenesisState) { g.Standings[0].Netuid = 44 },
		"standing twice":            func(g *types.GenesisState) { g.Standings = append(g.Standings, g.Standings[0]) },
		"standing out of step":      func(g *types.GenesisState) { g.Standings[0].KeptUntil = make([]uint64, 3) },
		"standing of too many": func(g *types.GenesisState) {
			g.Standings[0].KeptUntil, g.Standings[0].Emissions = make([]uint64, 17), make([]uint64, 17)
		},
		"bid in a closed market": func(g *types.GenesisState) { g.Bids[1].Netuid = 2 },
		"bid in a lost market":   func(g *types.GenesisState) { g.Bids[1].Netuid = 44 },
		"bid of nothing":         func(g *types.GenesisState) { g.Bids[0].Amount = 0 },
		"bids out of order":      func(g *types.GenesisState) { g.Bids[0].Number = 44 },
		"two bids of one key":    func(g *types.GenesisState) { g.Bids[1].HotKey = g.Bids[0].HotKey },
		"bid of a short key":     func(g *types.GenesisState) { g.Bids[0].HotKey = []byte{1} },
		"bidder in capitals":     func(g *types.GenesisState) { g.Bids[0].Owner = strings.ToUpper(g.Bids[0].Owner) },
		"slots of a lost subnet": func(g *types.GenesisState) { g.Slots[0].Netuid = 44 },
		"slots twice":            func(g *types.GenesisState) { g.Slots = append(g.Slots, g.Slots[0]) },
		"slots of no kind":       func(g *types.GenesisState) { g.Slots[0].Kind = 5 },
		"slots of a short key":   func(g *types.GenesisState) { g.Slots[0].HotKey = []byte{1} },
		"too many slots":         func(g *types.GenesisState) { g.Slots[0].Taken = 3 },
		"slots of the future":    func(g *types.GenesisState) { g.Slots[0].Epoch = 44 },
		"no subnets at all":      func(g *types.GenesisState) { g.Params.MaxSubnets = 0 },
	} {
		m := busyMarket(t)
		genesis, err := m.k.ExportGenesis(m.ctx)
		m.must(err)
		damage(genesis)
		if genesis.Validate() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// What was set under older bounds stays, and a genesis of it starts.
func TestValuesOlderThanTheirBoundsAreImported(t *testing.T) {
	for name, change := range map[string]func(*types.Params){
		"min_tempo is raised":  func(p *types.Params) { p.MinTempo = 5_000 },
		"max_tempo is lowered": func(p *types.Params) { p.MinTempo, p.MaxTempo = 3, 4 },
		"max_uids is lowered":  func(p *types.Params) { p.MinUids, p.MaxUids = 16, 16 },
	} {
		m := busyMarket(t)
		m.must(m.k.SetParameter(m.ctx, m.k.Authority(), 1, types.Tempo, 400))
		m.must(m.k.SetParameter(m.ctx, m.k.Authority(), 1, types.MaxUids, 100))
		params, err := m.k.Params(m.ctx)
		m.must(err)
		change(&params)
		_, err = m.server.UpdateParams(m.ctx, &types.MsgUpdateParams{Authority: m.k.Authority(), Params: params})
		m.must(err)
		m.holds()
		exported, err := m.k.ExportGenesis(m.ctx)
		m.must(err)
		if err := exported.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAModuleWithoutItsLocksDoesNotStart(t *testing.T) {
	before := busyMarket(t)
	genesis, err := before.k.ExportGenesis(before.ctx)
	before.must(err)
	cdc := moduletestutil.MakeTestEncodingConfig().Codec
	starts := func(m *market) (did bool) {
		defer func() { did = recover() == nil }()
		subnet.NewAppModule(cdc, m.k).InitGenesis(m.ctx, cdc, cdc.MustMarshalJSON(genesis))
		return true
	}
	if !starts(before) {
		t.Error("a genesis with its locks does not start")
	}
	if starts(emptyMarket(t)) {
		t.Error("a genesis without its locks starts")
	}
}
