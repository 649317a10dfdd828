package keeper_test

import (
	"fmt"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

// TestWhoCommitsFirstIsTheAuthor: bob, who has got the file in between, commits second and publishes first.
func TestWhoCommitsFirstIsTheAuthor(t *testing.T) {
	m := open(t)
	m.Must(m.commit("ann", "weights"))
	m.Must(m.commit("bob", "weights"))
	m.blocks(types.LeastWait)
	m.Must(m.publish("bob", "weights"))
	m.Must(m.publish("ann", "weights"))
	if author := m.model("weights").Author; author != yumatest.Address("ann").String() {
		t.Errorf("the author is %s", author)
	}
	m.Refuses(m.publish("bob", "weights"), types.ErrNoCommit)
	m.Must(m.commit("cid", "weights"))
	m.blocks(types.LeastWait)
	m.Refuses(m.publish("cid", "weights"), types.ErrTaken)
	m.holds()
}

// TestACopiedCommitOpensNothing: the hash names its maker, so who copies it from ann's transaction cannot open it, and who
// reads the digest in her publication has no commit that is old enough, nor an earlier one.
func TestACopiedCommitOpensNothing(t *testing.T) {
	m := open(t)
	m.Must(m.commit("ann", "weights"))
	hash := types.CommitHash(yumatest.ChainID, m.netuid, yumatest.Address("ann").String(), digest("weights"), salt("ann", "weights"))
	_, err := m.Model.Commit(m.Ctx, m.Fund("eve", 3*tao), m.netuid, hash[:], 0)
	m.Must(err)
	m.blocks(types.LeastWait)
	stolen := m.publication("ann", "weights")
	stolen.Author = yumatest.Address("eve").String()
	m.Refuses(m.send(stolen), types.ErrNoCommit)
	m.Must(m.commit("eve", "weights"))
	m.Refuses(m.publish("eve", "weights"), types.ErrTooSoon)
	m.Must(m.publish("ann", "weights"))
	m.blocks(types.LeastWait)
	m.Refuses(m.publish("eve", "weights"), types.ErrTaken)
	m.holds()
}

func TestACommitCanBeOpenedForAWhile(t *testing.T) {
	m := open(t)
	m.Must(m.commit("ann", "weights"))
	m.Must(m.commit("ann", "others"))
	m.Refuses(m.commit("ann", "others"), types.ErrTaken)
	m.blocks(1)
	m.Refuses(m.publish("ann", "weights"), types.ErrTooSoon)
	m.Ctx = m.Ctx.WithBlockHeight(m.Ctx.BlockHeight() - 1 + types.MostWait)
	m.Must(m.publish("ann", "weights"))
	m.Ctx = m.Ctx.WithBlockHeight(m.Ctx.BlockHeight() + 1)
	m.Refuses(m.publish("ann", "others"), types.ErrNoCommit)
	m.Must(m.commit("bob", "weights"))
	g, err := m.Model.ExportGenesis(m.Ctx)
	m.Must(err)
	if len(g.Commits) != 1 {
		t.Errorf("%d commits are kept: what nobody can open is not forgotten", len(g.Commits))
	}
}

// TestTheFeeIsBurned: a tenth at the commit, the rest at publication, a fifth of it for each gigabyte, under the fee that
// was in force at the commit.
func TestTheFeeIsBurned(t *testing.T) {
	m := open(t)
	m.Must(m.commit("ann", "weights"))
	spent := func() uint64 { return 3*tao - m.Balance("ann") }
	if spent() != tao/10 {
		t.Fatalf("the commit cost %d rao", spent())
	}
	m.Govern(m.netuid, subnettypes.ModelFee, 50*tao)
	m.blocks(types.LeastWait)
	msg := m.publication("ann", "weights")
	msg.Bytes = 1_500_000_000
	before := m.Supply()
	m.Must(m.send(msg))
	if want := uint64(tao + 3*tao/10); spent() != want {
		t.Errorf("1.5 GB cost %d rao, want %d", spent(), want)
	}
	if burned := before - m.Supply(); burned != 9*tao/10+3*tao/10 {
		t.Errorf("%d rao were burned", burned)
	}
	_, err := m.Model.Commit(m.Ctx, m.Fund("bob", 50*tao), m.netuid, make([]byte, 32), 49*tao)
	m.Refuses(err, types.ErrTooExpensive)
	m.holds()
}

func TestSizeFeeIsTotal(t *testing.T) {
	for _, c := range []struct{ fee, bytes, want uint64 }{
		{tao, 1_000_000_000, tao / 5}, {tao, 0, 0}, {0, 1 << 40, 0}, {100 * tao, 1 << 63, 1 << 63},
	} {
		if have := types.SizeFee(c.fee, c.bytes); have != c.want {
			t.Errorf("%d bytes at %d rao: %d, want %d", c.bytes, c.fee, have, c.want)
		}
	}
}

func TestASubnetTakesWhatItSays(t *testing.T) {
	m := open(t)
	m.Govern(m.netuid, subnettypes.MaxModelBytes, 100_000_000)
	mit, _ := subnettypes.LicenceValue("MIT", "Apache-2.0")
	m.Govern(m.netuid, subnettypes.Licences, mit)
	m.Must(m.commit("ann", "weights"))
	m.blocks(types.LeastWait)
	for name, c := range map[string]struct {
		change func(*types.MsgPublishModel)
		want   error
	}{
		"too large":       {func(p *types.MsgPublishModel) { p.Bytes++ }, types.ErrTooLarge},
		"another licence": {func(p *types.MsgPublishModel) { p.Licence = "CC-BY-4.0" }, types.ErrLicence},
		"one unheard of":  {func(p *types.MsgPublishModel) { p.Licence = "LicenseRef-mine" }, types.ErrLicence},
		"no licence":      {func(p *types.MsgPublishModel) { p.Licence = "" }, types.ErrInvalid},
		"a program":       {func(p *types.MsgPublishModel) { p.Format = "pickle" }, types.ErrInvalid},
		"a file":          {func(p *types.MsgPublishModel) { p.Sources = []string{"file:///etc/passwd"} }, types.ErrInvalid},
		"a name in two":   {func(p *types.MsgPublishModel) { p.Name = "ann/weights" }, types.ErrInvalid},
		"no parameters":   {func(p *types.MsgPublishModel) { p.Parameters = 0 }, types.ErrInvalid},
	} {
		msg := m.publication("ann", "weights")
		c.change(msg)
		if err := m.send(msg); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			m.Refuses(err, c.want)
		}
	}
	m.Must(m.publish("ann", "weights"))
}

func TestNamesAreTheirAuthorsOwn(t *testing.T) {
	m := open(t)
	m.make("ann", "weights")
	m.Must(m.commit("ann", "better"))
	m.Must(m.commit("bob", "other"))
	m.blocks(types.LeastWait)
	again, other := m.publication("ann", "better"), m.publication("bob", "other")
	again.Name, other.Name = "weights", "weights"
	m.Must(m.send(other))
	m.Refuses(m.send(again), types.ErrTaken)
	m.Must(m.Model.Retire(m.Ctx, yumatest.Address("ann").String(), m.netuid, digest("weights")))
	m.Must(m.send(again))
	m.holds()
}

// TestADigestKeepsItsFirstCommitter through retirement and removal; publishing again brings back its order, not its share.
func TestADigestKeepsItsFirstCommitter(t *testing.T) {
	m := open(t)
	m.Govern(m.netuid, subnettypes.AuthorShare, 2_000)
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(601e9))
	m.make("ann", "weights")
	first := m.model("weights")
	m.Refuses(m.Model.Remove(m.Ctx, m.netuid, digest("weights")), types.ErrInUse)
	m.Refuses(m.Model.Retire(m.Ctx, yumatest.Address("bob").String(), m.netuid, digest("weights")), types.ErrNotAllowed)
	m.Must(m.Model.Retire(m.Ctx, yumatest.Address("ann").String(), m.netuid, digest("weights")))
	m.Must(m.Model.Remove(m.Ctx, m.netuid, digest("weights")))
	m.holds()
	m.Must(m.commit("bob", "weights"))
	m.Must(m.commit("ann", "weights"))
	m.blocks(types.LeastWait)
	m.Refuses(m.publish("bob", "weights"), types.ErrTaken)
	m.Must(m.publish("ann", "weights"))
	again := m.model("weights")
	if first.AuthorShare != 2_000 || again.AuthorShare != 0 || again.Height != first.Height || again.Index != first.Index {
		t.Errorf("a share of %d and order %d.%d became %d and %d.%d", first.AuthorShare, first.Height, first.Index,
			again.AuthorShare, again.Height, again.Index)
	}
	m.holds()
}

// TestAFullListLosesWhatEarnedLongestAgo fills a subnet with models, of which only some may go.
func TestAFullListLosesWhatEarnedLongestAgo(t *testing.T) {
	m := open(t)
	g := full(m.netuid)
	m.Must(m.Model.InitGenesis(m.Ctx, g))
	m.Must(m.commit("ann", "weights"))
	m.blocks(types.LeastWait)
	m.Refuses(m.publish("ann", "weights"), types.ErrNoRoom)
	for m.Schedule(m.netuid).Epoch < types.IdleTempos {
		m.NextTempo(m.netuid)
	}
	m.Must(m.publish("ann", "weights"))
	after, err := m.Model.ExportGenesis(m.Ctx)
	m.Must(err)
	if len(after.Models) != types.MaxModels || len(after.Tombstones) != 1 || after.Tombstones[0].Index != 7 {
		t.Errorf("%d models, tombstones %v: want that of the one that earned longest ago", len(after.Models), after.Tombstones)
	}
	m.holds()
}

// full is a genesis with as many models as a subnet lists; of those that have earned nothing for long enough number 7
// earned longest ago, and number 3, which earned before it, is named by the market.
func full(netuid uint32) types.GenesisState {
	g := types.GenesisState{
		NextIndex: types.MaxModels,
		Markets:   []types.Market{{Netuid: netuid, PaidCount: 1_000, Served: []types.Served{{Digest: digest("3"), Part: 1}}}},
	}
	author := yumatest.Address("author").String()
	for i := range types.MaxModels {
		name := fmt.Sprint(i)
		model := types.Model{
			Netuid: netuid, Digest: digest(name), Author: author, Index: uint64(i), Name: name, Licence: "MIT", Format: types.GGUF,
			Bytes: 1, Parameters: 1, PaidCount: 901,
		}
		switch {
		case i == 3:
			model.PaidCount = 10
		case i == 7:
			model.PaidCount = 20
		case i > 1_000:
			model.PaidCount = 30
		}
		g.Models = append(g.Models, model)
	}
	return g
}

func TestWhoCannotOwnIsNoAuthor(t *testing.T) {
	m := open(t)
	m.Register("miner", m.netuid, "key")
	for _, account := range []string{yumatest.HotAccount("key"), m.Authority[:len(m.Authority)-1]} {
		err := m.Try(func(ctx sdk.Context) error {
			_, err := m.Model.Commit(ctx, account, m.netuid, make([]byte, 32), 0)
			return err
		})
		if err == nil {
			t.Errorf("%s is taken for an author", account)
		}
	}
}
