package keeper_test

import (
	"testing"

	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// busy is a market with something in every table, and the state of its yuma module.
func busy(t *testing.T) (*yumatest.Market, *types.GenesisState) {
	t.Helper()
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid)
	m.Must(m.Yuma.Commit(m.Ctx, yumatest.HotAccount("val0"), netuid, m.Schedule(netuid).Epoch, make([]byte, 32), make([]byte, 32)))
	g, err := m.Yuma.ExportGenesis(m.Ctx)
	m.Must(err)
	m.Must(g.Validate())
	return m, g
}

// broken names the first invariant that does not hold.
func broken(m *yumatest.Market) string {
	for _, i := range m.Yuma.Invariants() {
		if i.Check(m.Ctx) != nil {
			return i.Name
		}
	}
	return ""
}

// adrift adds damage that no look at the module alone can see.
var adrift = map[string]func(*types.GenesisState){
	"commit of a lost subnet":  func(g *types.GenesisState) { last(g.Commits).Netuid = 44 },
	"commit of a lost neuron":  func(g *types.GenesisState) { last(g.Commits).Uid = 44 },
	"commit of the future":     func(g *types.GenesisState) { last(g.Commits).Epoch = 44 },
	"commit from the future":   func(g *types.GenesisState) { last(g.Commits).Height = 1 << 40 },
	"weights of a lost neuron": func(g *types.GenesisState) { last(g.Weights).Uid = 44 },
	"weights on a lost neuron": func(g *types.GenesisState) { last(g.Weights).Entries = []byte{44, 0, 1, 0} },
	"weights of the future":    func(g *types.GenesisState) { last(g.Weights).Epoch = 44 },
	"bonds of nobody's epoch":  func(g *types.GenesisState) { last(g.Bonds).Epoch++ },
	"bonds of long ago":        func(g *types.GenesisState) { last(g.Carries).DecidedEpoch += 21 },
	"bonds of a miner":         func(g *types.GenesisState) { last(g.Bonds).Uid = 4 },
	"bonds in a lost subnet":   func(g *types.GenesisState) { last(g.Bonds).Netuid = 44 },
	"bonds on a lost neuron":   func(g *types.GenesisState) { last(g.Bonds).Entries = []byte{44, 0, 1, 0} },
	"record of a lost subnet":  func(g *types.GenesisState) { last(g.Records).Netuid = 44 },
	"record of the future":     func(g *types.GenesisState) { last(g.Records).Epoch = 44 },
	"record of lost neurons": func(g *types.GenesisState) {
		*last(g.Records) = types.EpochRecord{Netuid: 1, Epoch: last(g.Records).Epoch, Permits: make([]byte, 99), Active: make([]byte, 99)}
	},
	"carry of a lost subnet":   func(g *types.GenesisState) { last(g.Carries).Netuid = 44 },
	"a decision in the future": func(g *types.GenesisState) { last(g.Carries).DecidedEpoch = 44 },
}

func last[T any](list []T) *T { return &list[len(list)-1] }

func TestInvariantsSeeDamage(t *testing.T) {
	for name, damage := range adrift {
		t.Run(name, func(t *testing.T) {
			m, g := busy(t)
			if name := broken(m); name != "" {
				t.Fatalf("broken before the damage: %s", name)
			}
			damage(g)
			m.Must(g.Validate())
			m.Must(m.Yuma.InitGenesis(m.Ctx, *g))
			if broken(m) == "" {
				t.Error("no invariant is broken")
			}
		})
	}
}

func TestACommitThatIsForgottenWaitsForNoSeed(t *testing.T) {
	for name, forget := range map[string]func(*yumatest.Market) error{
		"the hot key is rotated": func(m *yumatest.Market) error {
			m.Rotate("val0", 1, 0, "fresh")
			return nil
		},
		"the subnet is dissolved": func(m *yumatest.Market) error {
			return m.Subnet.Dissolve(m.Ctx, m.Authority, 1)
		},
	} {
		m, g := busy(t)
		if c := last(g.Commits); c.Uid != 0 || len(c.EvidenceRoot) == 0 || len(c.Seed) > 0 {
			t.Fatalf("%s: the commit does not wait: %+v", name, c)
		}
		m.Must(forget(m))
		if which := broken(m); which != "" {
			t.Errorf("%s: broken: %s", name, which)
		}
	}
}
