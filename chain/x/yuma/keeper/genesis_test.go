package keeper_test

import (
	"bytes"
	"testing"

	"agora/chain/x/yuma"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

func TestGenesisRoundTrips(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid)
	// One commit still waits for its seed.
	m.Must(m.Yuma.Commit(m.Ctx, yumatest.HotAccount("val0"), netuid, m.Schedule(netuid).Epoch, make([]byte, 32), make([]byte, 32)))

	yuma, err := m.Yuma.ExportGenesis(m.Ctx)
	m.Must(err)
	m.Must(yuma.Validate())
	emission, err := m.Emission.ExportGenesis(m.Ctx)
	m.Must(err)
	m.Must(emission.Validate())
	if len(yuma.Commits) == 0 || len(yuma.Weights) != 3 || len(yuma.Bonds) != 3 || len(yuma.Records) < 3 || len(yuma.Carries) != 1 {
		t.Fatalf("a poor genesis: %d commits, %d rows, %d bonds, %d records, %d carries",
			len(yuma.Commits), len(yuma.Weights), len(yuma.Bonds), len(yuma.Records), len(yuma.Carries))
	}

	copied := yumatest.Bare(t)
	copied.Must(copied.Yuma.InitGenesis(copied.Ctx, *yuma))
	copied.Must(copied.Emission.InitGenesis(copied.Ctx, *emission))
	again, err := copied.Yuma.ExportGenesis(copied.Ctx)
	m.Must(err)
	if !bytes.Equal(m.Codec.MustMarshalJSON(yuma), m.Codec.MustMarshalJSON(again)) {
		t.Error("yuma's state differs after import")
	}
	emissionAgain, err := copied.Emission.ExportGenesis(copied.Ctx)
	m.Must(err)
	if !bytes.Equal(m.Codec.MustMarshalJSON(emission), m.Codec.MustMarshalJSON(emissionAgain)) {
		t.Error("emission's state differs after import")
	}
	copied.Must(copied.Yuma.BeginBlock(copied.Ctx.WithHeaderHash([]byte("a hash"))))
	seeded, err := copied.Yuma.ExportGenesis(copied.Ctx)
	m.Must(err)
	last := seeded.Commits[len(seeded.Commits)-1]
	if !bytes.Equal(last.Seed, []byte("a hash")) {
		t.Error("the commit of the last block lost its seed")
	}
}

func TestABrokenGenesisIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*types.GenesisState){
		"no history":      func(g *types.GenesisState) { g.Params.History = 0 },
		"no epochs":       func(g *types.GenesisState) { g.Params.MaxEpochsPerBlock = 0 },
		"short hash":      func(g *types.GenesisState) { g.Commits[0].Hash = []byte{1} },
		"short hot key":   func(g *types.GenesisState) { g.Commits[0].HotKey = []byte{1} },
		"seed of no root": func(g *types.GenesisState) { g.Commits[0].Seed, g.Commits[0].EvidenceRoot = []byte{1}, nil },
		"commit in root":  func(g *types.GenesisState) { g.Commits[0].Netuid = 0 },
		"commit twice":    func(g *types.GenesisState) { g.Commits = append(g.Commits, g.Commits[len(g.Commits)-1]) },
		"half an entry":   func(g *types.GenesisState) { g.Weights[0].Entries = []byte{1} },
		"uid beyond all":  func(g *types.GenesisState) { g.Weights[0].Uid = 4_096 },
		"uids descend":    func(g *types.GenesisState) { g.Weights[0].Entries = []byte{2, 0, 1, 0, 1, 0, 1, 0} },
		"weights descend": func(g *types.GenesisState) { g.Weights[0], g.Weights[1] = g.Weights[1], g.Weights[0] },
		"bonds twice":     func(g *types.GenesisState) { g.Bonds[1] = g.Bonds[0] },
		"record twice":    func(g *types.GenesisState) { g.Records[1] = g.Records[0] },
		"short column":    func(g *types.GenesisState) { g.Records[1].Stake = []byte{1} },
		"short emissions": func(g *types.GenesisState) { g.Records[1].Emissions = []uint64{1} },
		"short activity":  func(g *types.GenesisState) { g.Records[1].Active = nil },
		"carry twice":     func(g *types.GenesisState) { g.Carries = append(g.Carries, g.Carries[0]) },
		"carry in root":   func(g *types.GenesisState) { g.Carries[0].Netuid = 0 },
		"negative height": func(g *types.GenesisState) { g.Carries[0].DecidedHeight = -1 },
	} {
		m, g := busy(t)
		spoil(g)
		if g.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
		starts(t, name, m, g, false)
	}
	m, g := busy(t)
	starts(t, "a good one", m, g, true)
	for name, damage := range adrift {
		m, g := busy(t)
		damage(g)
		starts(t, name, m, g, false)
	}
}

// starts fails the test unless the module starts from a genesis exactly if it should.
func starts(t *testing.T, name string, m *yumatest.Market, g *types.GenesisState, should bool) {
	t.Helper()
	defer func() {
		if r := recover(); (r == nil) != should {
			t.Errorf("%s: the module starts: %t, %v", name, r == nil, r)
		}
	}()
	yuma.NewAppModule(m.Codec, m.Yuma).InitGenesis(m.Ctx, m.Codec, m.Codec.MustMarshalJSON(g))
}
