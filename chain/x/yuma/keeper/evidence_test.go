package keeper_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// judged is a market in which val0 committed to weights with a sheet of ten answers each of uids 3 and 4, in the first
// block in which they can be revealed with two of the leaves.
func judged(t *testing.T) (m *yumatest.Market, netuid uint32, msg *types.MsgRevealWeights, all []types.Leaf) {
	m, netuid, _, miners := market(t)
	m.Govern(netuid, subnettypes.EvidenceLeaves, 2)
	m.NextTempo(netuid)
	epoch := m.Schedule(netuid).Epoch
	voice := yumatest.Public(yumatest.HotKey("val0"))
	for i, name := range miners[:2] {
		for k := range 10 {
			item, answer := sha256.Sum256([]byte{byte(i), byte(k), 0}), sha256.Sum256([]byte{byte(i), byte(k), 1})
			signed := types.AnswerBytes(yumatest.ChainID, netuid, epoch, voice, item[:], answer[:])
			all = append(all, types.Leaf{
				Uid: uint32(3 + i), Item: item[:], Answer: answer[:], Score: 100,
				Signature: ed25519.Sign(yumatest.HotKey(name), signed),
			})
		}
	}
	sheet := types.NewSheet(all)
	root := types.EvidenceRoot(sheet)
	uids, weights := []uint32{3, 4}, []uint32{1, 2}
	hash := types.CommitHash(yumatest.ChainID, netuid, epoch, voice, uids, weights, yumatest.Salt)
	m.NextBlock()
	m.Must(m.Yuma.Commit(m.Ctx, yumatest.HotAccount("val0"), netuid, epoch, hash[:], root[:]))
	m.NextBlock()
	seed := m.Ctx.HeaderHash()
	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	msg = &types.MsgRevealWeights{
		HotAccount: yumatest.HotAccount("val0"), Netuid: netuid, Epoch: epoch, Uids: uids, Weights: weights,
		Salt: yumatest.Salt, Sheet: &sheet,
	}
	for _, index := range sheet.Choose(seed, hash[:], uids, weights, 2) {
		msg.Leaves = append(msg.Leaves, all[index])
	}
	return m, netuid, msg, all
}

func reveal(m *yumatest.Market, msg *types.MsgRevealWeights) error {
	return m.Try(func(ctx sdk.Context) error { return m.Yuma.Reveal(subnettypes.WithSlotsTaken(ctx), msg) })
}

func TestARevealOpensTheLeavesThatTheNextBlockChose(t *testing.T) {
	m, _, msg, all := judged(t)
	chosen := msg.Leaves
	for name, spoil := range map[string]func(){
		"no leaves":        func() { msg.Leaves = nil },
		"one too few":      func() { msg.Leaves = chosen[:1] },
		"in another order": func() { msg.Leaves = []types.Leaf{chosen[1], chosen[0]} },
		"others":           func() { msg.Leaves = []types.Leaf{all[(chosen[0].Index+1)%20], chosen[1]} },
		"one changed":      func() { msg.Leaves[0].Score++ },
		"one not signed":   func() { msg.Leaves[0].Signature = nil },
		"of an unknown sheet": func() {
			msg.Sheet = &types.Sheet{Root: make([]byte, 32), Uids: []uint32{3, 4}, Counts: []uint32{10, 10}}
		},
		"without a sheet": func() { msg.Sheet = nil },
	} {
		sheet := msg.Sheet
		msg.Leaves = append([]types.Leaf(nil), chosen...)
		spoil()
		if err := reveal(m, msg); err == nil {
			t.Errorf("%s: taken", name)
		}
		msg.Sheet = sheet
	}
	msg.Leaves = chosen
	m.Must(reveal(m, msg))
}

// TestLeavesThatNobodyAskedForAreNoReveal opens leaves where the subnet asks for none.
func TestLeavesThatNobodyAskedForAreNoReveal(t *testing.T) {
	m, netuid, voices, epoch := committed(t)
	msg := &types.MsgRevealWeights{
		HotAccount: yumatest.HotAccount(voices[0]), Netuid: netuid, Epoch: epoch, Uids: someUids, Weights: someWeights,
		Salt: yumatest.Salt, Leaves: make([]types.Leaf, 280),
	}
	m.Refuses(reveal(m, msg), types.ErrEvidence)
	msg.Leaves = nil
	m.Must(reveal(m, msg))
}

func TestAMinerCannotSpoilARevealByRotatingHisKey(t *testing.T) {
	m, netuid, msg, _ := judged(t)
	m.Rotate("miner0", netuid, 3, "miner0's next key")
	m.Rotate("miner1", netuid, 4, "miner1's next key")
	m.Must(reveal(m, msg))
}

func TestACommitWithoutASheetIsNoRevealWhereEvidenceIsAsked(t *testing.T) {
	m, netuid, voices, _ := market(t)
	m.Govern(netuid, subnettypes.EvidenceLeaves, 1)
	m.NextTempo(netuid)
	epoch := m.Schedule(netuid).Epoch
	m.Must(m.CommitTo(voices[0], netuid, someUids, someWeights))
	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	m.Refuses(m.Reveal(voices[0], netuid, epoch, someUids, someWeights), types.ErrEvidence)
}

// TestRulesDoNotChangeUnderACommit lets an owner ask for evidence, more weights and smaller ones when others have
// committed: they reveal under the rules of their commits.
func TestRulesDoNotChangeUnderACommit(t *testing.T) {
	m, netuid, voices, epoch := committed(t)
	m.Govern(netuid, subnettypes.EvidenceLeaves, 16)
	m.Govern(netuid, subnettypes.MinAllowedWeights, 7)
	m.Govern(netuid, subnettypes.MaxWeightLimit, 655)
	m.Must(m.Reveal(voices[0], netuid, epoch, someUids, someWeights))
}

// TestTheCalendarDoesNotChangeWithinATempo changes the reveal delay and the mode when reveals are due: both wait.
func TestTheCalendarDoesNotChangeWithinATempo(t *testing.T) {
	m, netuid, voices, epoch := committed(t)
	m.Govern(netuid, subnettypes.RevealDelay, 2)
	m.Govern(netuid, subnettypes.CommitReveal, 0)
	if s := m.Schedule(netuid); s.RevealDelay != 1 || !s.CommitReveal {
		t.Errorf("the running tempo has %+v", s)
	}
	m.Must(m.Reveal(voices[0], netuid, epoch, someUids, someWeights))
	m.NextTempo(netuid)
	if s := m.Schedule(netuid); s.RevealDelay != 2 || s.CommitReveal {
		t.Errorf("the next tempo has %+v", s)
	}
}

// TestACommitThatIsVoidedInItsOwnBlockDoesNotStopTheChain rotates the key before the commit gets its seed.
func TestACommitThatIsVoidedInItsOwnBlockDoesNotStopTheChain(t *testing.T) {
	m, netuid, _, _ := market(t)
	hash, root := make([]byte, 32), make([]byte, 32)
	m.Must(m.Yuma.Commit(m.Ctx, yumatest.HotAccount("val0"), netuid, m.Schedule(netuid).Epoch, hash, root))
	m.Rotate("val0", netuid, 0, "fresh")
	m.NextBlock()
	g, err := m.Yuma.ExportGenesis(m.Ctx)
	m.Must(err)
	if len(g.Commits) != 0 {
		t.Errorf("%d commits left", len(g.Commits))
	}
}
