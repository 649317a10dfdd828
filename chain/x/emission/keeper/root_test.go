package keeper_test

import (
	"fmt"
	"testing"
	"time"

	"agora/chain/x/emission/keeper"
	"agora/chain/x/emission/types"
	"agora/chain/x/yuma/yumatest"
)

// percent is what netuid got of a mint of 12 seconds, rounded.
func percent(m *yumatest.Market, netuid uint32) uint64 {
	m.Helper()
	before := account(m, netuid).Pending
	minted := mintFor(m, 12*time.Second)
	return ((account(m, netuid).Pending-before)*200/minted + 1) / 2
}

func TestVotesThatStandAloneDirectTheirOwnPart(t *testing.T) {
	m, netuids := voters(t)
	vote(m, "val0", netuids, 1, 0) // a quarter of the stake; nobody else has said anything anywhere
	burned := ledger(m).Burned
	if a := percent(m, netuids[0]); a != 25 {
		t.Errorf("%d %%", a)
	}
	if got := ledger(m).Burned - burned; got != tao*3/4 {
		t.Errorf("%d burned of the part of those who neither voted nor spoke", got)
	}
	vote(m, "val1", netuids, 0, 1)
	if a, b := percent(m, netuids[0]), percent(m, netuids[1]); a != 25 || b != 25 {
		t.Errorf("%d %% and %d %%", a, b)
	}
	m.CheckMoney()
}

func TestAVoteCountsUpToWhatTheMajoritySupports(t *testing.T) {
	m, netuids := voters(t)
	for i := range 3 {
		vote(m, fmt.Sprint("val", i), netuids, 9, 1)
	}
	vote(m, "val3", netuids, 0, 1) // all on the subnet that the others give a tenth
	// 3/4·9/10 and 1/10; 22.5 are clipped and go back by votes, 67.5 to 32.5.
	if b := percent(m, netuids[1]); b != 17 {
		t.Errorf("the minority's subnet has %d %%", b)
	}
}

func TestSilentStakeCountsWhereItSpokeLast(t *testing.T) {
	m, netuids := voters(t)
	operators := func(of ...int) (all []string) {
		for _, i := range of {
			all = append(all, yumatest.Address(fmt.Sprint("val", i)).String())
		}
		return all
	}
	m.Must(m.Emission.Spoke(m.Ctx, netuids[0], operators(0, 1, 2)))
	m.Must(m.Emission.Spoke(m.Ctx, netuids[1], operators(2, 1)))
	vote(m, "val0", netuids, 0, 1) // who votes does not count where he spoke
	if a := percent(m, netuids[0]); a != 25 {
		t.Errorf("%d %% of two halves of a quarter", a)
	}
	// val0's vote is clipped at the half that two of four stand for, and all that is clipped goes back to it.
	if b := percent(m, netuids[1]); b != 50 {
		t.Errorf("%d %%", b)
	}
	m.Must(m.Emission.Spoke(m.Ctx, netuids[1], nil))
	vote(m, "val0", netuids, 0, 1)
	if a := percent(m, netuids[0]); a != 50 {
		t.Errorf("%d %% after they fell silent in the other", a)
	}
	m.CheckMoney()
}

func TestStakeThatMovesCountsWithinTenBlocks(t *testing.T) {
	m, netuids := voters(t)
	vote(m, "val0", netuids, 1, 0)
	mintFor(m, 12*time.Second)
	m.Jail("val1")
	for range 10 {
		mintFor(m, 12*time.Second)
	}
	if a := percent(m, netuids[0]); a != 33 {
		t.Errorf("%d %% by one of the three that are left", a)
	}
}

func TestAVoteForASubnetThatHasNotStartedBurnsItsPart(t *testing.T) {
	m, netuids := voters(t)
	lock, err := m.Subnet.CreatePrice(m.Ctx)
	m.Must(err)
	idle, err := m.Subnet.Create(m.Ctx, m.Fund("sleeper", lock), "idle", mechanism, identity, 0)
	m.Must(err)
	all := append(netuids, idle.Netuid)
	for i := range 3 {
		vote(m, fmt.Sprint("val", i), all, 1, 1, 0)
	}
	vote(m, "val3", all, 0, 0, 1)
	burned := ledger(m).Burned
	if a := percent(m, netuids[0]); a != 38 { // 37.5
		t.Errorf("%d %%", a)
	}
	if got := ledger(m).Burned - burned; got != tao/4 {
		t.Errorf("%d burned", got)
	}
	m.CheckMoney()
}

func TestWhatADissolvedSubnetWasVotedIsForgotten(t *testing.T) {
	m, netuids := voters(t)
	vote(m, "val0", netuids, 1, 3)
	vote(m, "val1", netuids, 0, 1)
	m.Must(m.Emission.Spoke(m.Ctx, netuids[1], []string{yumatest.Address("val2").String()}))
	mintFor(m, 12*time.Second)
	m.Must(m.Subnet.Dissolve(m.Ctx, m.Authority, netuids[1]))
	res, err := keeper.NewQueryServer(m.Emission).RootVotes(m.Ctx, &types.QueryRootVotesRequest{})
	m.Must(err)
	if len(res.Votes) != 1 || len(res.Votes[0].Netuids) != 1 {
		t.Errorf("%+v", res.Votes)
	}
	if a := percent(m, netuids[0]); a != 25 {
		t.Errorf("%d %%, want no more than the stake of who still votes", a)
	}
	m.CheckMoney()
}

func TestARootVoteLapses(t *testing.T) {
	m, netuids := voted(t)
	if a := percent(m, netuids[0]); a != 50 {
		t.Errorf("%d %%", a)
	}
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(90 * 24 * time.Hour))
	for range 10 {
		mintFor(m, 12*time.Second)
	}
	if a := percent(m, netuids[0]); a != 0 {
		t.Errorf("a vote of 90 days still brings %d %%", a)
	}
	res, err := keeper.NewQueryServer(m.Emission).RootVotes(m.Ctx, &types.QueryRootVotesRequest{})
	m.Must(err)
	if len(res.Votes) != 0 {
		t.Errorf("%d lapsed votes are kept", len(res.Votes))
	}
}
