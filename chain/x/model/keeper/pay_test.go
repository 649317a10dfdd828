package keeper_test

import (
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// trade is an open market with an author's share of 20 %, one voice, and miners that serve models.
type trade struct {
	*market
	voice uint32
	uids  map[string]uint32
}

// begin lets miners serve models: pairs of owner and model. A model "a/b" was made by a.
func begin(t *testing.T, share int64, serving ...[2]string) *trade {
	m := &trade{open(t), 0, map[string]uint32{}}
	m.Validate("val", 1_000*tao)
	m.voice = m.Speak("val", m.netuid)
	m.Govern(m.netuid, subnettypes.AuthorShare, share)
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(time.Hour))
	for _, s := range serving {
		m.uids[s[0]] = m.Register(s[0], m.netuid, "key of "+s[0])
		if _, err := m.Model.Model(m.Ctx, m.netuid, digest(s[1])); err != nil {
			m.make("author of "+s[1], s[1])
		}
		m.Must(m.serve("key of "+s[0], s[1]))
	}
	m.NextTempo(m.netuid)
	return m
}

// epochs lets the voice weigh all miners alike for n tempos and returns what the last epoch decided.
func (m *trade) epochs(n int) yumatypes.EpochRecord {
	m.Helper()
	opinion := yumatest.Opinion{Voice: "val"}
	for uid := range uint32(len(m.uids) + 1) {
		if uid != m.voice {
			opinion.Uids, opinion.Weights = append(opinion.Uids, uid), append(opinion.Weights, 1)
		}
	}
	for range n {
		m.RunTempo(m.netuid, opinion)
	}
	m.holds()
	g, err := m.Yuma.ExportGenesis(m.Ctx)
	m.Must(err)
	return g.Records[len(g.Records)-1]
}

// TestTheAuthorIsPaidWhereverHisModelRuns: two servers of ann's model and one of bob's, all weighed alike.
func TestTheAuthorIsPaidWhereverHisModelRuns(t *testing.T) {
	m := begin(t, 2_000, [2]string{"s1", "a"}, [2]string{"s2", "a"}, [2]string{"s3", "b"})
	paidBefore := m.Balance("author of a")
	last := m.epochs(3)
	if !last.Decided || last.Paid == 0 {
		t.Fatalf("the epoch decided nothing: %+v", last)
	}
	a, b := m.model("a"), m.model("b")
	if got := m.Balance("author of a") - paidBefore; got != a.EarnedAuthor {
		t.Errorf("the author of a has %d rao more, the book says %d", got, a.EarnedAuthor)
	}
	for _, s := range []struct {
		model types.Model
		parts uint64
	}{{a, 2}, {b, 1}} {
		// Each server's part of an epoch is rounded down, so at most a rao is missing for each.
		want := s.model.Earned / 5
		if s.model.EarnedAuthor > want || s.model.EarnedAuthor+2*s.parts*3 < want {
			t.Errorf("of %d rao the author got %d, want a fifth", s.model.Earned, s.model.EarnedAuthor)
		}
	}
	if a.Earned < 2*b.Earned-6 || a.Earned > 2*b.Earned+6 {
		t.Errorf("two servers earned %d, one %d", a.Earned, b.Earned)
	}
	for name, uid := range m.uids {
		if last.Authors[uid] != last.Emissions[uid]/5 {
			t.Errorf("%s: %d of %d rao went to the author", name, last.Authors[uid], last.Emissions[uid])
		}
	}
	m.metagraph(last)
}

// metagraph shows the same.
func (m *trade) metagraph(last yumatypes.EpochRecord) {
	m.Helper()
	for _, uid := range m.uids {
		line := m.line(uid)
		if line.Digest == "" || line.Author == "" || line.AuthorEmission != last.Authors[uid] || line.Emission != last.Emissions[uid] {
			m.Errorf("uid %d: %+v", uid, line)
		}
	}
}

func (m *trade) line(uid uint32) yumatypes.Uid {
	m.Helper()
	res, err := m.Metagraph(m.netuid)
	m.Must(err)
	return res.Uids[uid]
}

// TestTheOwnersPartIsBurned: alice owns the subnet, has published what others serve, and serves herself. Neither brings
// her a rao, and what her own miner serves pays no author.
func TestTheOwnersPartIsBurned(t *testing.T) {
	m := begin(t, 3_000, [2]string{"s1", "hers"}, [2]string{"alice", "theirs"}, [2]string{"s2", "theirs"})
	// The model is hers: its author hands all he has to alice.
	m.Must(m.Model.MoveAccount(m.Ctx, yumatest.Address("author of hers").String(), yumatest.Address("alice").String()))
	before := m.Balance("alice")
	m.epochs(3)
	accounts, err := m.Emission.Accounts(m.Ctx)
	m.Must(err)
	if got := m.Balance("alice") - before; got != accounts[0].PaidOwner {
		t.Errorf("alice has %d rao more, her share as owner is %d", got, accounts[0].PaidOwner)
	}
	hers, theirs := m.model("hers"), m.model("theirs")
	if hers.Earned == 0 || hers.EarnedAuthor != 0 {
		t.Errorf("hers earned %d, its author %d", hers.Earned, hers.EarnedAuthor)
	}
	// s2 earns of theirs what s1 does of hers before alice's 30 %: alice's own miner adds nothing.
	if whole := hers.Earned * 10 / 7; theirs.Earned < whole-20 || theirs.Earned > whole+20 {
		t.Errorf("theirs earned %d, want as much as one server: %d", theirs.Earned, whole)
	}
}

// TestCommonsAndTheRetiredHaveNoAuthor: the share stays with their servers.
func TestCommonsAndTheRetiredHaveNoAuthor(t *testing.T) {
	m := begin(t, 3_000, [2]string{"s1", "public"}, [2]string{"s2", "old"})
	m.Refuses(m.Model.ListCommons(m.Ctx, yumatest.Address("alice").String(), m.netuid, []string{digest("public")}), types.ErrNotAllowed)
	m.Must(m.Model.ListCommons(m.Ctx, m.Authority, m.netuid, []string{digest("public")}))
	m.Must(m.Model.Retire(m.Ctx, yumatest.Address("author of old").String(), m.netuid, digest("old")))
	last := m.epochs(3)
	if len(last.Authors) > 0 {
		t.Errorf("authors got %v", last.Authors)
	}
	if m.model("public").Earned == 0 || m.model("old").Earned == 0 {
		t.Error("nobody earned")
	}
}

// TestTheCardOfTheTempoCounts: s1 serves a in the tempo that weights judge, and shows b's card when they pay.
func TestTheCardOfTheTempoCounts(t *testing.T) {
	m := begin(t, 2_000, [2]string{"s1", "a"}, [2]string{"s2", "b"})
	m.epochs(2)
	before := m.model("a")
	m.Must(m.serve("key of s1", "b"))
	m.epochs(1)
	if after := m.model("a"); after.EarnedAuthor <= before.EarnedAuthor {
		t.Error("a card set within the tempo took the author's part")
	}
	m.epochs(2)
	paid := m.model("a")
	m.epochs(2)
	if m.model("a").Earned != paid.Earned {
		t.Error("a still earns though nobody serves it")
	}
}

// TestAnOpenSubnetsCardsNamePublishedModels holds the cards of open subnets, and no others, to the list.
func TestAnOpenSubnetsCardsNamePublishedModels(t *testing.T) {
	m := open(t)
	m.Register("s1", m.netuid, "key")
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(time.Hour))
	m.Refuses(m.serve("key", "nothing"), types.ErrNoModel)
	m.make("ann", "weights")
	m.Must(m.serve("key", "weights"))
	m.Refuses(m.Model.Remove(m.Ctx, m.netuid, digest("weights")), types.ErrInUse)
}

// TestAStartedSubnetOpensAfterTheNotice and closes after it; the author's share rises after it and falls at once.
func TestAStartedSubnetOpensAfterTheNotice(t *testing.T) {
	m := yumatest.NewWith(t, func(p *subnettypes.Params) { p.NoticeSeconds = 600 })
	netuid := m.Open("alice", "open")
	now := func(name string) int64 { return m.Subnet.Value(m.Ctx, netuid, name) }
	m.Govern(netuid, subnettypes.Openness, 1)
	m.Govern(netuid, subnettypes.AuthorShare, 3_000)
	if now(subnettypes.Openness) != 0 || now(subnettypes.AuthorShare) != 0 {
		t.Error("a change came at once")
	}
	m.Refuses(m.Subnet.SetParameter(m.Ctx, m.Authority, netuid, subnettypes.CommitReveal, 0), subnettypes.ErrOutOfBounds)
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(600 * time.Second))
	if now(subnettypes.Openness) != 1 || now(subnettypes.AuthorShare) != 3_000 {
		t.Error("a change did not come")
	}
	m.Govern(netuid, subnettypes.AuthorShare, 1_000)
	m.Govern(netuid, subnettypes.Openness, 0)
	if now(subnettypes.Openness) != 1 || now(subnettypes.AuthorShare) != 1_000 {
		t.Error("the share does not fall at once, or the subnet is closed at once")
	}
}

func TestAServingMarketChangesAfterTheNotice(t *testing.T) {
	m := open(t)
	alice := yumatest.Address("alice").String()
	served := []types.Served{{Digest: digest("a"), Part: 3}, {Digest: digest("b"), Part: 1}}
	set := func(sender string) error {
		return m.Try(func(ctx sdk.Context) error {
			_, err := m.Model.SetServed(ctx, sender, m.netuid, served)
			return err
		})
	}
	named := func() int {
		market, err := m.Model.Market(m.Ctx, m.netuid)
		m.Must(err)
		return len(market.ServedAt(m.Ctx.BlockTime().UnixNano()))
	}
	m.Refuses(set(yumatest.Address("eve").String()), types.ErrNotAllowed)
	m.Must(set(alice))
	if named() != 0 {
		t.Error("the owner's change came at once")
	}
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(600 * time.Second))
	if named() != 2 {
		t.Error("the owner's change did not come")
	}
	served = append(served, types.Served{Digest: digest("c"), Part: 1})
	m.Must(set(m.Authority))
	if named() != 3 {
		t.Error("a proposal's change did not come at once")
	}
	served[2].Digest = served[0].Digest
	m.Refuses(set(alice), types.ErrInvalid)
}
