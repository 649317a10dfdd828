package keeper_test

import (
	"cmp"
	"slices"
	"testing"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

var (
	someUids    = []uint32{3, 4, 5}
	someWeights = []uint32{10, 20, 30}
)

func TestCommitsAreTakenInTheFirstHalfOfATempoOnly(t *testing.T) {
	m, netuid, voices, _ := market(t)
	s := m.Schedule(netuid)
	m.Until(s.CommitUntil)
	m.Must(m.CommitTo(voices[0], netuid, someUids, someWeights))
	m.NextBlock()
	m.Refuses(m.CommitTo(voices[1], netuid, someUids, someWeights), types.ErrCalendar)
}

func TestACommitNamesTheRunningEpoch(t *testing.T) {
	m, netuid, voices, _ := market(t)
	s := m.Schedule(netuid)
	for _, epoch := range []uint64{s.Epoch - 1, s.Epoch + 1} {
		hash := make([]byte, 32)
		m.Refuses(m.Yuma.Commit(m.Ctx, yumatest.HotAccount(voices[0]), netuid, epoch, hash, nil), types.ErrWrongEpoch)
	}
	m.Refuses(m.Yuma.Commit(m.Ctx, yumatest.HotAccount(voices[0]), netuid, s.Epoch, make([]byte, 31), nil), types.ErrInvalid)
}

func TestOnlyVoicesCommit(t *testing.T) {
	m, netuid, voices, miners := market(t)
	m.Refuses(m.CommitTo(miners[0], netuid, someUids, someWeights), types.ErrNotVoice)
	m.Refuses(m.CommitTo("nobody", netuid, someUids, someWeights), types.ErrNotVoice)
	// A second neuron of a validator has no say.
	m.Register(voices[0], netuid, "second")
	m.Refuses(m.CommitTo("second", netuid, someUids, someWeights), types.ErrNotVoice)
}

func TestFreeMessagesAreCountedInTheKeeperToo(t *testing.T) {
	m, netuid, voices, _ := market(t)
	commit := func(hash []byte) error { // a message that fails leaves its slot taken, as the ante handler sees to
		return m.Yuma.Commit(m.Ctx, yumatest.HotAccount(voices[0]), netuid, m.Schedule(netuid).Epoch, hash, nil)
	}
	for range subnettypes.SlotsPerTempo {
		m.Must(m.Subnet.TakeSlot(m.Ctx, netuid, yumatest.Public(yumatest.HotKey(voices[0])), subnettypes.SlotCommit))
	}
	m.Refuses(commit(make([]byte, 32)), subnettypes.ErrNoSlot)
	// The ante handler has counted for a transaction that comes through it.
	m.Ctx = subnettypes.WithSlotsTaken(m.Ctx)
	m.Must(commit(make([]byte, 32)))
}

// committed brings the market to the first block in which the commits of the last epoch are revealed.
func committed(t *testing.T) (m *yumatest.Market, netuid uint32, voices []string, epoch uint64) {
	m, netuid, voices, _ = market(t)
	for _, v := range voices {
		m.Must(m.CommitTo(v, netuid, someUids, someWeights))
	}
	epoch = m.Schedule(netuid).Epoch
	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	return m, netuid, voices, epoch
}

func TestARevealMustMatchItsCommit(t *testing.T) {
	m, netuid, voices, epoch := committed(t)
	m.Refuses(m.Reveal(voices[0], netuid, epoch, someUids, []uint32{10, 20, 31}), types.ErrMismatch)
	m.Must(m.Reveal(voices[0], netuid, epoch, someUids, someWeights))
	m.Refuses(m.Reveal(voices[0], netuid, epoch, someUids, someWeights), types.ErrRevealed)
}

func TestARevealComesExactlyTheDelayLater(t *testing.T) {
	m, netuid, voices, epoch := committed(t)
	m.Refuses(m.Reveal(voices[0], netuid, epoch+1, someUids, someWeights), types.ErrWrongEpoch)
	m.Until(m.Schedule(netuid).RevealUntil + 1)
	m.Refuses(m.Reveal(voices[0], netuid, epoch, someUids, someWeights), types.ErrCalendar)
	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	m.Refuses(m.Reveal(voices[0], netuid, epoch, someUids, someWeights), types.ErrWrongEpoch)
	m.Refuses(m.Reveal(voices[0], netuid, epoch+1, someUids, someWeights), types.ErrNoCommit)
}

func TestARevealWaitsForTheSecondHalf(t *testing.T) {
	m, netuid, voices, _ := market(t)
	m.Must(m.CommitTo(voices[0], netuid, someUids, someWeights))
	epoch := m.Schedule(netuid).Epoch
	m.NextTempo(netuid)
	m.Refuses(m.Reveal(voices[0], netuid, epoch, someUids, someWeights), types.ErrCalendar)
}

func TestAHotKeyRotatedAfterTheCommitLosesNothing(t *testing.T) {
	m, netuid, voices, epoch := committed(t)
	m.Rotate(voices[0], netuid, 0, "fresh")
	err := m.Yuma.Reveal(m.Ctx, &types.MsgRevealWeights{
		HotAccount: yumatest.HotAccount("fresh"), Netuid: netuid, Epoch: epoch,
		Uids: someUids, Weights: someWeights, Salt: yumatest.Salt,
	})
	m.Must(err)
	m.Refuses(m.Reveal(voices[0], netuid, epoch, someUids, someWeights), types.ErrNotVoice)
}

func TestACopiedCommitCannotBeRevealed(t *testing.T) {
	m, netuid, voices, _ := market(t)
	s := m.Schedule(netuid)
	hash := types.CommitHash(yumatest.ChainID, netuid, s.Epoch, yumatest.Public(yumatest.HotKey(voices[0])), someUids, someWeights, yumatest.Salt)
	m.Must(m.Yuma.Commit(m.Ctx, yumatest.HotAccount(voices[1]), netuid, s.Epoch, hash[:], nil))
	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	m.Refuses(m.Reveal(voices[1], netuid, s.Epoch, someUids, someWeights), types.ErrMismatch)
}

func TestOpenWeightsAreTakenOnlyWhereASubnetWantsThem(t *testing.T) {
	m, netuid, voices, _ := market(t)
	set := func() error {
		return m.Try(func(ctx sdk.Context) error {
			return m.Yuma.Set(ctx, yumatest.HotAccount(voices[0]), netuid, someUids, someWeights)
		})
	}
	m.Refuses(set(), types.ErrMode)
	m.Govern(netuid, subnettypes.CommitReveal, 0)
	m.Refuses(set(), types.ErrMode) // the change waits for the next tempo
	m.NextTempo(netuid)
	m.Must(set())
	m.Refuses(m.CommitTo(voices[0], netuid, someUids, someWeights), types.ErrMode)
	m.Refuses(m.Reveal(voices[0], netuid, 0, someUids, someWeights), types.ErrMode)
	m.Until(m.Schedule(netuid).RevealUntil + 1)
	m.Refuses(set(), types.ErrCalendar)
}

func TestOpenWeightsPayInTheSameTempo(t *testing.T) {
	m, netuid, voices, miners := market(t)
	m.Govern(netuid, subnettypes.CommitReveal, 0)
	m.NextTempo(netuid)
	before := m.Balance(miners[1])
	for _, v := range voices {
		m.Must(m.Yuma.Set(m.Ctx, yumatest.HotAccount(v), netuid, []uint32{4}, []uint32{7}))
	}
	m.NextTempo(netuid)
	if m.Balance(miners[1]) == before {
		t.Error("the only weighted miner earned nothing")
	}
}

func TestWeightsForAUidThatChangedHandsAreDropped(t *testing.T) {
	m, netuid, voices, miners := market(t)
	m.Govern(netuid, subnettypes.Immunity, 0)
	m.Govern(netuid, subnettypes.MaxUids, 16)
	miners = append(miners, m.Miners(netuid, "more", 9)...)
	for range 4 {
		m.NextTempo(netuid) // nobody is immune any more
	}
	var uids, weights []uint32
	for i := range miners {
		uids, weights = append(uids, uint32(3+i)), append(weights, 100)
	}
	opinions := agree(voices, uids, weights)
	price, err := m.Subnet.RegisterPrice(m.Ctx, netuid)
	m.Must(err)
	m.Bid("newcomer", netuid, "newcomer", price)
	m.RunTempo(netuid, opinions...) // commits
	newcomer, err := m.Subnet.NeuronOfHotKey(m.Ctx, netuid, yumatest.Public(yumatest.HotKey("newcomer")))
	m.Must(err)
	uid := newcomer.Uid
	if uid < 3 {
		t.Fatalf("a voice was evicted from uid %d", uid)
	}
	before := make([]uint64, len(miners))
	for i, name := range miners {
		before[i] = m.Balance(name)
	}
	had := m.Balance("newcomer")
	m.RunTempo(netuid, opinions...) // reveals
	if got := m.Balance("newcomer") - had; got != 0 {
		t.Errorf("the newcomer earned %d by weights for his predecessor", got)
	}
	for i, name := range miners {
		if earned := m.Balance(name) > before[i]; earned != (uint32(3+i) != uid) {
			t.Errorf("%s, uid %d of which %d changed hands, earned: %v", name, 3+i, uid, earned)
		}
	}
	m.CheckMoney()
}

func TestVoicesEarnNothingAsMiners(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{0, 1, 2, 3}, []uint32{100, 100, 100, 50})
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid, opinions...)
	graph := metagraph(m, netuid)
	for uid := range 3 {
		if got := graph.Uids[uid].Incentive; got != 0 {
			t.Errorf("voice %d has incentive %d", uid, got)
		}
	}
	if got := graph.Uids[3].Incentive; got < 65_000 {
		t.Errorf("the only miner has incentive %d", got)
	}
}

func TestDustVoicesHaveNoPermit(t *testing.T) {
	m, netuid, _, _ := market(t)
	m.Validate("dust", 10*tao) // of 3,010: below 0.5 %
	uid := m.Speak("dust", netuid)
	m.NextTempo(netuid)
	if graph := metagraph(m, netuid); graph.Uids[uid].Permit || !graph.Uids[uid].Voice {
		t.Errorf("dust voice: %+v", graph.Uids[uid])
	}
}

func TestAJailedVoiceHasNoStake(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	m.RunTempo(netuid, opinions...)
	m.Jail(voices[0])
	m.RunTempo(netuid, opinions...)
	if line := metagraph(m, netuid).Uids[0]; line.Permit || line.Stake != 0 || line.Dividends != 0 {
		t.Errorf("jailed voice: %+v", line)
	}
	m.CheckMoney()
}

func TestTheOwnersOwnMinersEarnNothing(t *testing.T) {
	m, netuid, voices, _ := market(t)
	uid := m.Register("owner", netuid, "owner's miner")
	m.NextBlock()
	opinions := agree(voices, []uint32{3, uid}, []uint32{1, 1})
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid, opinions...)
	accounts, err := m.Emission.Accounts(m.Ctx)
	m.Must(err)
	graph := metagraph(m, netuid)
	if graph.Uids[uid].Emission != 0 || graph.Uids[uid].Incentive != graph.Uids[3].Incentive {
		t.Errorf("the owner's miner: %+v, the other: %+v", graph.Uids[uid], graph.Uids[3])
	}
	if accounts[0].PaidMiners != graph.Uids[3].Emission || graph.Uids[3].Emission == 0 {
		t.Errorf("miners were paid %d, the other miner earned %d", accounts[0].PaidMiners, graph.Uids[3].Emission)
	}
	m.CheckMoney()
}

// Pay that is burned is no pay: a subnet whose only miner is its owner's is withheld its emission after the grace, gets no
// smoothed emission, and is open again once another miner works.
func TestASubnetThatPaysOnlyItsOwnerIsWithheldItsEmission(t *testing.T) {
	m := yumatest.New(t)
	netuid := m.Open("owner", "chat")
	m.Validate("val0", 1_000*tao)
	m.Speak("val0", netuid)
	m.Register("owner", netuid, "owner's miner")
	m.NextTempo(netuid)
	own := yumatest.Opinion{Voice: "val0", Uids: []uint32{1}, Weights: []uint32{1}}
	for range 8 {
		m.RunTempo(netuid, own)
	}
	share := func() uint32 {
		accounts, err := m.Emission.Accounts(m.Ctx)
		m.Must(err)
		return accounts[0].Share
	}
	if got := share(); got != 0 {
		t.Errorf("a share of %d for a subnet whose miners' pay is burned", got)
	}
	had := m.Balance("owner")
	m.RunTempo(netuid, own)
	if m.Balance("owner") != had {
		t.Error("its owner is still paid")
	}
	rank, err := m.Subnet.ExportGenesis(m.Ctx)
	m.Must(err)
	if s := rank.Standings[0]; s.Smoothed != 0 || s.Emissions[1] != 0 {
		t.Errorf("%+v", s)
	}
	m.Register("miner", netuid, "miner")
	both := yumatest.Opinion{Voice: "val0", Uids: []uint32{1, 2}, Weights: []uint32{9, 1}}
	m.NextTempo(netuid) // the last commit lapses
	for range 4 {
		m.RunTempo(netuid, both)
	}
	if got := share(); got == 0 || m.Balance("miner") == 0 {
		t.Errorf("a share of %d, the miner was paid %d", got, m.Balance("miner"))
	}
	m.CheckMoney()
}

func TestMetagraphAndHistoryComeInPages(t *testing.T) {
	m, netuid, voices, _ := market(t)
	for range 4 {
		m.RunTempo(netuid, agree(voices, []uint32{3, 4}, []uint32{1, 2})...)
	}
	q := keeper.NewQueryServer(m.Yuma)
	var uids []uint32
	var key []byte
	for {
		res, err := q.Metagraph(m.Ctx, &types.QueryMetagraphRequest{Netuid: netuid, Pagination: page(key, 3)})
		m.Must(err)
		for _, line := range res.Uids {
			uids = append(uids, line.Uid)
		}
		if key = res.Pagination.NextKey; key == nil {
			break
		}
	}
	if len(uids) != 7 || uids[6] != 6 {
		t.Errorf("pages of the metagraph give %v", uids)
	}
	epochs, err := q.Epochs(m.Ctx, &types.QueryEpochsRequest{Netuid: netuid, Pagination: page(nil, 2)})
	m.Must(err)
	if len(epochs.Records) != 2 || epochs.Records[0].Epoch != epochs.Records[1].Epoch+1 {
		t.Errorf("the newest epochs are %+v", epochs.Records)
	}
	rows, err := q.Weights(m.Ctx, &types.QueryWeightsRequest{Netuid: netuid})
	m.Must(err)
	bonds, err := q.Bonds(m.Ctx, &types.QueryBondsRequest{Netuid: netuid})
	m.Must(err)
	if len(rows.Rows) != 3 || len(bonds.Rows) != 3 || len(bonds.Rows[0].Entries) != 8 {
		t.Errorf("%d rows of weights, %d of bonds", len(rows.Rows), len(bonds.Rows))
	}
}

func TestCommitsComeInPagesByEpochAndOperator(t *testing.T) {
	m, netuid, voices, _ := market(t)
	for range 3 {
		m.RunTempo(netuid, agree(voices, []uint32{3, 4}, []uint32{1, 2})...)
	}
	other := m.Open("another owner", "other")
	q := keeper.NewQueryServer(m.Yuma)
	all, err := q.Commits(m.Ctx, &types.QueryCommitsRequest{Netuid: netuid})
	m.Must(err)
	if len(all.Commits) < len(voices) || len(all.Pagination.NextKey) != 0 {
		t.Fatalf("%d commits, next %x", len(all.Commits), all.Pagination.NextKey)
	}
	var paged []types.Commit
	for key, more := []byte(nil), true; more; more = key != nil {
		res, err := q.Commits(m.Ctx, &types.QueryCommitsRequest{Netuid: netuid, Pagination: page(key, 2)})
		m.Must(err)
		if len(res.Commits) > 2 {
			t.Fatalf("%d commits in a page of 2", len(res.Commits))
		}
		paged, key = append(paged, res.Commits...), res.Pagination.NextKey
	}
	byPlace := func(a, b types.Commit) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Operator, b.Operator))
	}
	if !slices.EqualFunc(paged, all.Commits, func(a, b types.Commit) bool { return a.String() == b.String() }) || !slices.IsSortedFunc(paged, byPlace) {
		t.Errorf("pages give %v, not %v", paged, all.Commits)
	}
	if none, err := q.Commits(m.Ctx, &types.QueryCommitsRequest{Netuid: other}); err != nil || len(none.Commits) != 0 {
		t.Errorf("another subnet has %v, %v", none, err)
	}
}

func TestHistoryIsARing(t *testing.T) {
	m, netuid, _, _ := market(t)
	params := types.DefaultParams()
	params.History = 3
	_, err := keeper.NewMsgServer(m.Yuma).UpdateParams(m.Ctx, &types.MsgUpdateParams{Authority: m.Authority, Params: params})
	m.Must(err)
	for range 6 {
		m.NextTempo(netuid)
	}
	res, err := keeper.NewQueryServer(m.Yuma).Epochs(m.Ctx, &types.QueryEpochsRequest{Netuid: netuid})
	m.Must(err)
	if len(res.Records) != 3 || res.Records[0].Epoch != m.Schedule(netuid).Epoch-1 {
		t.Errorf("%d records, the newest of epoch %d", len(res.Records), res.Records[0].Epoch)
	}
}

func TestParamsBelongToGovernance(t *testing.T) {
	m, _, _, _ := market(t)
	server := keeper.NewMsgServer(m.Yuma)
	_, err := server.UpdateParams(m.Ctx, &types.MsgUpdateParams{Authority: m.Fund("x", 1), Params: types.DefaultParams()})
	m.Refuses(err, types.ErrNotAllowed)
	_, err = server.UpdateParams(m.Ctx, &types.MsgUpdateParams{Authority: m.Authority})
	m.Refuses(err, types.ErrParams)
}

func TestADissolvedSubnetLeavesNothingBehind(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid, opinions...)
	m.Must(m.CommitTo(voices[0], netuid, someUids, someWeights))
	m.Must(m.Subnet.Dissolve(m.Ctx, m.Authority, netuid))
	m.NextBlock()
	g, err := m.Yuma.ExportGenesis(m.Ctx)
	m.Must(err)
	if len(g.Commits)+len(g.Weights)+len(g.Bonds)+len(g.Records)+len(g.Carries) != 0 {
		t.Errorf("left: %+v", g)
	}
	if accounts, _ := m.Emission.Accounts(m.Ctx); len(accounts) != 0 {
		t.Errorf("left: %+v", accounts)
	}
	m.CheckMoney()
}

func TestARevealOf256WeightsFitsTheGasOfAFreeMessage(t *testing.T) {
	m := yumatest.New(t)
	netuid := m.Open("owner", "chat")
	m.Govern(netuid, subnettypes.MaxUids, 257)
	m.Validate("val", 1_000*tao)
	m.Speak("val", netuid)
	m.Miners(netuid, "miner", 256)
	m.NextTempo(netuid)
	uids, weights := make([]uint32, 256), make([]uint32, 256)
	for i := range uids {
		uids[i], weights[i] = uint32(i+1), uint32(i*255)
	}
	spent := func(message func() error) uint64 {
		m.Ctx = m.Ctx.WithGasMeter(storetypes.NewGasMeter(10_000_000))
		m.Must(message())
		return m.Ctx.GasMeter().GasConsumed()
	}
	commit := spent(func() error { return m.CommitTo("val", netuid, uids, weights) })
	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	epoch := m.Schedule(netuid).Epoch - 1
	reveal := spent(func() error { return m.Reveal("val", netuid, epoch, uids, weights) })
	t.Logf("commit %d, reveal %d gas", commit, reveal)
	// The ante handler allows 200,000 and 400 per weight; it needs some 60,000 itself.
	if commit > 140_000 || reveal > 140_000+400*256 {
		t.Errorf("commit %d, reveal %d gas", commit, reveal)
	}
}
