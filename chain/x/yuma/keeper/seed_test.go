package keeper_test

import (
	"bytes"
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// seeded is a subnet of open models with two voices and a miner.
func seeded(t *testing.T) (*yumatest.Market, uint32) {
	m := yumatest.NewWith(t, func(p *subnettypes.Params) { p.NoticeSeconds = 0 })
	netuid := m.Open("owner", "open")
	m.Govern(netuid, subnettypes.Openness, 1)
	for _, name := range []string{"b", "a"} { // uid 0 is b's
		m.Validate(name, 1_000*tao)
		m.Speak(name, netuid)
	}
	m.Miners(netuid, "miner", 1)
	m.NextTempo(netuid)
	return m, netuid
}

func seedOf(m *yumatest.Market, netuid uint32, epoch uint64) types.Seed {
	m.Helper()
	res, err := keeper.NewQueryServer(m.Yuma).Seed(m.Ctx, &types.QuerySeedRequest{Netuid: netuid, Epoch: epoch})
	m.Must(err)
	return res.Seed
}

// speak commits, and reveals what was committed in the tempo before, with a salt of the voice's own.
func speakWith(m *yumatest.Market, netuid uint32, salts map[string][]byte) {
	m.Helper()
	s := m.Schedule(netuid)
	uids, weights := []uint32{2}, []uint32{1}
	for _, name := range []string{"a", "b"} {
		hash := types.CommitHash(yumatest.ChainID, netuid, s.Epoch, yumatest.Public(yumatest.HotKey(name)), uids, weights, salts[name])
		m.Must(m.Try(func(ctx sdk.Context) error {
			return m.Yuma.Commit(ctx, yumatest.HotAccount(name), netuid, s.Epoch, hash[:], nil)
		}))
	}
	m.Until(s.RevealFrom)
	for _, name := range []string{"a", "b"} {
		err := m.Try(func(ctx sdk.Context) error {
			return m.Yuma.Reveal(ctx, &types.MsgRevealWeights{
				HotAccount: yumatest.HotAccount(name), Netuid: netuid, Epoch: s.Epoch - 1, Uids: uids, Weights: weights, Salt: salts[name],
			})
		})
		if s.Epoch > 1 {
			m.Must(err)
		}
	}
	m.NextTempo(netuid)
}

// TestTheSeedIsMadeOfTheSaltsRevealed in the tempo before, in order of uid, and where nobody reveals of the seed before.
func TestTheSeedIsMadeOfTheSaltsRevealed(t *testing.T) {
	m, netuid := seeded(t)
	salts := map[string][]byte{"a": bytes.Repeat([]byte{1}, 16), "b": bytes.Repeat([]byte{2}, 16)}
	first := seedOf(m, netuid, 1)
	speakWith(m, netuid, salts) // nothing to reveal yet
	second := seedOf(m, netuid, 2)
	want := types.NextSeed(yumatest.ChainID, netuid, 2, nil, first.Seed)
	if second.Reveals != 0 || !bytes.Equal(second.Seed, want[:]) {
		t.Errorf("without reveals: %+v", second)
	}
	speakWith(m, netuid, salts)
	third := seedOf(m, netuid, 3)
	want = types.NextSeed(yumatest.ChainID, netuid, 3, [][]byte{salts["b"], salts["a"]}, second.Seed)
	if third.Reveals != 2 || !bytes.Equal(third.Seed, want[:]) || third.Height != m.Schedule(netuid).Start {
		t.Errorf("with two: %+v", third)
	}
	m.NextTempo(netuid)
	if fourth := seedOf(m, netuid, 4); fourth.Reveals != 0 || bytes.Equal(fourth.Seed, third.Seed) {
		t.Errorf("after a silent tempo: %+v", fourth)
	}
	for _, i := range m.Yuma.Invariants() {
		m.Must(i.Check(m.Ctx))
	}
}

// TestAClosedSubnetHasNoSeed, and an old one is forgotten with its subnet.
func TestAClosedSubnetHasNoSeed(t *testing.T) {
	m := yumatest.New(t)
	netuid := m.Open("owner", "closed")
	m.NextTempo(netuid)
	_, err := m.Yuma.Seed(m.Ctx, netuid, 1)
	m.Refuses(err, types.ErrNoSeed)
	m, netuid = seeded(t)
	m.Must(m.Subnet.Dissolve(m.Ctx, m.Authority, netuid))
	_, err = m.Yuma.Seed(m.Ctx, netuid, 1)
	m.Refuses(err, types.ErrNoSeed)
}

// TestASeedNamesTheModuleInForce as its tempo began, so that whoever comes later draws the items that were asked.
func TestASeedNamesTheModuleInForce(t *testing.T) {
	m := yumatest.NewWith(t, func(p *subnettypes.Params) { p.NoticeSeconds, p.OwnerChangeSeconds = 0, 1 })
	first := subnettypes.Mechanism{Id: subnettypes.TaskModule, Digest: "sha256:" + strings.Repeat("a", 64)}
	second := subnettypes.Mechanism{Id: subnettypes.TaskModule, Digest: "sha256:" + strings.Repeat("b", 64)}
	netuid := m.OpenFor("owner", "open", first)
	m.Govern(netuid, subnettypes.Openness, 1)
	m.NextTempo(netuid)
	m.Must(m.Subnet.Describe(m.Ctx, m.Authority, netuid, second, subnettypes.Identity{}))
	m.NextTempo(netuid)
	if a, b := seedOf(m, netuid, 1).Task, seedOf(m, netuid, 2).Task; a != first.Digest || b != second.Digest {
		t.Errorf("%q and then %q", a, b)
	}
	exact := m.Open("another", "exact")
	m.Govern(exact, subnettypes.Openness, 1)
	m.NextTempo(exact)
	if s := seedOf(m, exact, 1); s.Task != "" {
		t.Errorf("a family that is built in: %q", s.Task)
	}
}
