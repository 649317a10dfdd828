package keeper_test

import (
	"bytes"
	"testing"

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
		"params": func(g *types.GenesisState) { g.Params.History = 0 },
		"commit": func(g *types.GenesisState) { g.Commits = []types.Commit{{Hash: []byte{1}}} },
		"row":    func(g *types.GenesisState) { g.Weights = []types.Row{{Entries: []byte{1}}} },
	} {
		g := types.DefaultGenesis()
		spoil(g)
		if g.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
