package keeper_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cosmos/gogoproto/proto"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/network"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

const tao = network.TAO

// market is a subnet with three voices of equal stake and four miners.
func market(t testing.TB) (m *yumatest.Market, netuid uint32, voices, miners []string) {
	m = yumatest.New(t)
	netuid = m.Open("owner", "chat")
	for i := range 3 {
		name := fmt.Sprint("val", i)
		m.Validate(name, 1_000*tao)
		m.Speak(name, netuid)
		voices = append(voices, name)
	}
	miners = m.Miners(netuid, "miner", 4)
	m.NextTempo(netuid)
	return m, netuid, voices, miners
}

// agree makes every voice say the same.
func agree(voices []string, uids, weights []uint32) (all []yumatest.Opinion) {
	for _, v := range voices {
		all = append(all, yumatest.Opinion{Voice: v, Uids: uids, Weights: weights})
	}
	return all
}

// event returns the last typed event of E's kind in a context.
func event[E proto.Message](t testing.TB, ctx sdk.Context) (found E, ok bool) {
	t.Helper()
	for _, e := range ctx.EventManager().ABCIEvents() {
		if e.Type != proto.MessageName(found) {
			continue
		}
		msg, err := sdk.ParseTypedEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		found, ok = msg.(E), true
	}
	return found, ok
}

func metagraph(m *yumatest.Market, netuid uint32) *types.QueryMetagraphResponse {
	m.Helper()
	res, err := keeper.NewQueryServer(m.Yuma).Metagraph(m.Ctx, &types.QueryMetagraphRequest{Netuid: netuid})
	m.Must(err)
	return res
}

func TestMinersArePaidByTheWeightsThatVoicesRevealed(t *testing.T) {
	m, netuid, voices, miners := market(t)
	opinions := agree(voices, []uint32{3, 4, 5, 6}, []uint32{100, 200, 300, 400})
	before := make([]uint64, len(miners))
	m.RunTempo(netuid, opinions...) // commits only
	for i, name := range miners {
		before[i] = m.Balance(name)
	}
	m.RunTempo(netuid, opinions...) // reveals, pays
	graph := metagraph(m, netuid)
	for i, name := range miners {
		earned := m.Balance(name) - before[i]
		if want := graph.Uids[3+i].Emission; earned != want || want == 0 {
			t.Errorf("%s earned %d, the metagraph says %d", name, earned, want)
		}
		if i > 0 && graph.Uids[3+i].Incentive <= graph.Uids[2+i].Incentive {
			t.Errorf("%s has incentive %d, the worse one %d", name, graph.Uids[3+i].Incentive, graph.Uids[2+i].Incentive)
		}
	}
	m.CheckMoney()
}

func TestAnEpochSplitsItsEmissionAsThePlanSays(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 1})
	m.RunTempo(netuid, opinions...)
	s := m.Schedule(netuid)
	for _, o := range opinions {
		m.Must(m.CommitTo(o.Voice, netuid, o.Uids, o.Weights))
	}
	m.Until(s.RevealFrom)
	for _, o := range opinions {
		m.Must(m.Reveal(o.Voice, netuid, s.Epoch-1, o.Uids, o.Weights))
	}
	m.Until(s.EpochAt)
	budget := m.Pending(netuid)
	m.Must(m.Yuma.EndBlock(m.Ctx))
	run, ok := event[*types.EpochRun](t, m.Ctx)
	if !ok || !run.Decided || run.Emission != budget.Total {
		t.Fatalf("%+v, budget %+v", run, budget)
	}
	half := budget.Shared / 2
	if run.Owner != budget.Owner || half-run.Miners > 10 || half-run.Validators > 10 {
		t.Errorf("owner %d, miners %d, validators %d of %+v", run.Owner, run.Miners, run.Validators, budget)
	}
	if run.Owner+run.Miners+run.Validators+run.Burned != run.Emission {
		t.Errorf("%+v does not add up", run)
	}
	m.CheckMoney()
}

func TestNominatorsOfAVoiceEarnThroughDistribution(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid, opinions...)
	dividend := metagraph(m, netuid).Uids[0].Emission
	paid := func() uint64 {
		rewards, err := m.Distribution.GetValidatorOutstandingRewards(m.Ctx, sdk.ValAddress(yumatest.Address("val0")))
		m.Must(err)
		return rewards.Rewards.AmountOf(network.Denom).TruncateInt().Uint64()
	}
	had := paid() // the first of ten parts
	res, err := keeper.NewQueryServer(m.Yuma).Validators(m.Ctx, &types.QueryValidatorsRequest{})
	m.Must(err)
	for _, v := range res.Validators {
		if v.Operator == yumatest.Address("val0").String() && (had+v.Waiting != dividend || had < dividend/10) {
			t.Errorf("%d are paid and %d on their way, the dividend was %d", had, v.Waiting, dividend)
		}
	}
	m.Until(m.Schedule(netuid).EpochAt)
	if got := paid(); got != dividend || got == 0 {
		t.Errorf("val0's nominators may withdraw %d a tempo later, the dividend was %d", got, dividend)
	}
}

func TestWithoutAQuorumEmissionIsCarriedAndThenBurned(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	ripen(m, netuid, opinions...)
	// Two of three fall silent: a third of the stake cannot decide while the others count.
	const carried = 8
	for i := range carried {
		m.RunTempo(netuid, opinions[:1]...)
		pending := m.Pending(netuid)
		// Epochs that decide nothing do not close the gate: what they would have paid is there when one does.
		if want := uint64(10*(i+1)) * tao; pending.Total < want {
			t.Fatalf("epoch %d without a quorum: %d pending, want at least %d", i, pending.Total, want)
		}
	}
	// The ninth burns what was carried; after it they count no more, and the one that speaks decides about what is new.
	had := m.Earned(voices[0])
	for range 2 {
		m.RunTempo(netuid, opinions[:1]...)
		if pending := m.Pending(netuid); pending.Total > 2*tao {
			t.Fatalf("%d still pending", pending.Total)
		}
	}
	if got := m.Earned(voices[0]) - had; got == 0 || got > 5*tao {
		t.Errorf("the voice that is left earned %d", got)
	}
	m.CheckMoney()
	// Where nobody speaks at all, what is carried burns in the end.
	burned := uint64(0)
	for range 11 {
		m.RunTempo(netuid)
		accounts, err := m.Emission.Accounts(m.Ctx)
		m.Must(err)
		burned = accounts[0].Burned
	}
	if burned < 90*tao {
		t.Errorf("only %d burned after eleven silent epochs", burned)
	}
	m.CheckMoney()
}

func TestAFailingEpochLeavesTheOthersAlone(t *testing.T) {
	m, netuid, voices, _ := market(t)
	other := m.Open("owner2", "other")
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	m.RunTempo(netuid, opinions...)
	keeper.BreakEpochs(m.Yuma, netuid)
	epoch, otherEpoch := m.Schedule(netuid).Epoch, m.Schedule(other).Epoch
	m.RunTempo(netuid, opinions...)
	m.NextTempo(other)
	if got := m.Schedule(netuid).Epoch; got != epoch+1 {
		t.Errorf("the broken subnet's epoch is %d, want %d", got, epoch+1)
	}
	if got := m.Schedule(other).Epoch; got <= otherEpoch {
		t.Errorf("the other subnet's epoch is still %d", got)
	}
	if len(m.Failed) == 0 || !strings.Contains(m.Failed[0], "a bug") {
		t.Errorf("the failure was not announced: %v", m.Failed)
	}
	if pending := m.Pending(netuid); pending.Total < 10*tao/2 {
		t.Errorf("the broken subnet lost its emission: %d pending", pending.Total)
	}
	m.CheckMoney()
}

func TestEpochsBeyondTheBoundWaitForTheNextBlock(t *testing.T) {
	m := yumatest.New(t)
	params := types.DefaultParams()
	params.MaxEpochsPerBlock = 1
	_, err := keeper.NewMsgServer(m.Yuma).UpdateParams(m.Ctx, &types.MsgUpdateParams{Authority: m.Authority, Params: params})
	m.Must(err)
	for i := range 11 { // netuids 1 and 11 share their blocks
		m.Open(fmt.Sprint("owner", i), fmt.Sprint("s", i))
	}
	first, second := m.Schedule(1), m.Schedule(11)
	if first.EpochAt != second.EpochAt {
		t.Fatalf("epochs at %d and %d", first.EpochAt, second.EpochAt)
	}
	m.Until(first.EpochAt)
	m.Must(m.Yuma.EndBlock(m.Ctx))
	if run, ok := event[*types.EpochRun](t, m.Ctx); !ok || run.Netuid != 1 {
		t.Errorf("ran %+v", run)
	}
	if deferred, ok := event[*types.EpochDeferred](t, m.Ctx); !ok || deferred.Netuid != 11 {
		t.Errorf("deferred %+v", deferred)
	}
	m.Ctx = m.Ctx.WithBlockHeight(first.EpochAt + 1).WithEventManager(sdk.NewEventManager())
	m.Must(m.Yuma.EndBlock(m.Ctx))
	if run, ok := event[*types.EpochRun](t, m.Ctx); !ok || run.Netuid != 11 {
		t.Errorf("then ran %+v", run)
	}
	if m.Schedule(1).Epoch != first.Epoch+1 || m.Schedule(11).Epoch != second.Epoch+1 {
		t.Error("an epoch ran twice or not at all")
	}
}

func page(key []byte, limit uint64) *query.PageRequest {
	return &query.PageRequest{Key: key, Limit: limit}
}

func TestValidatorsAreComparedByYieldAndConsistency(t *testing.T) {
	m, netuid, voices, _ := market(t)
	opinions := agree(voices, []uint32{3, 4}, []uint32{1, 2})
	m.RunTempo(netuid, opinions...)
	for i := range 6 {
		if i%2 == 0 {
			m.RunTempo(netuid, opinions...)
		} else {
			m.RunTempo(netuid, opinions[:2]...)
		}
	}
	res, err := keeper.NewQueryServer(m.Yuma).Validators(m.Ctx, &types.QueryValidatorsRequest{Epochs: 6})
	m.Must(err)
	byName := map[string]types.ValidatorYield{}
	for _, v := range res.Validators {
		for _, name := range voices {
			if v.Operator == yumatest.Address(name).String() {
				byName[name] = v
			}
		}
	}
	steady, lazy := byName["val0"], byName["val2"]
	if steady.Epochs != 6 || steady.Spoken != 6 || lazy.Spoken >= 4 || steady.Earned <= lazy.Earned {
		t.Errorf("steady %+v, lazy %+v", steady, lazy)
	}
	if steady.Commission != 1_000 || steady.Stake != 1_000*tao {
		t.Errorf("%+v", steady)
	}
	// A TAO per 12 seconds, 41 % to validators, a third of it and more to this one: some 10^5 % on a stake this small.
	want := steady.PerYear / 10 * 9 / (1_000 * tao / 10_000)
	if got := uint64(steady.Yield); got+1 < want || got > want+1 || steady.PerYear < 300_000*tao {
		t.Errorf("yield %d, want %d of %+v", got, want, steady)
	}
}
