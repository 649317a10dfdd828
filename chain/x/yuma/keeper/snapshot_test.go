package keeper_test

import (
	"fmt"
	"reflect"
	"testing"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	emissionkeeper "agora/chain/x/emission/keeper"
	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// fork is a market that goes its own way from here: what happens in it does not happen in m.
func fork(m *yumatest.Market) *yumatest.Market {
	other := *m
	other.Ctx, _ = m.Ctx.CacheContext()
	return &other
}

// outcome is what the running tempo's epoch decides, and what it leaves.
func outcome(m *yumatest.Market, netuid uint32) (types.EpochRecord, []types.Row) {
	m.Helper()
	epoch := m.Schedule(netuid).Epoch
	m.NextTempo(netuid)
	q := keeper.NewQueryServer(m.Yuma)
	epochs, err := q.Epochs(m.Ctx, &types.QueryEpochsRequest{Netuid: netuid})
	m.Must(err)
	bonds, err := q.Bonds(m.Ctx, &types.QueryBondsRequest{Netuid: netuid})
	m.Must(err)
	if len(epochs.Records) == 0 || epochs.Records[0].Epoch != epoch {
		m.Fatalf("epoch %d left no record: %v", epoch, m.Failed)
	}
	return epochs.Records[0], bonds.Rows
}

// revealed is a market of voices that disagree, after the reveals of a tempo and before its epoch.
func revealed(t testing.TB, stakes ...uint64) (m *yumatest.Market, netuid uint32, voices []string) {
	m = yumatest.New(t)
	netuid = m.Open("owner", "chat")
	var opinions []yumatest.Opinion
	miner := uint32(len(stakes))
	for i, stake := range stakes {
		name := fmt.Sprint("val", i)
		m.Validate(name, stake)
		m.Speak(name, netuid)
		voices = append(voices, name)
		weights := []uint32{100, 300 + uint32(i)*50, uint32(i) * 100}
		opinions = append(opinions, yumatest.Opinion{Voice: name, Uids: []uint32{miner, miner + 1, miner + 2}, Weights: weights})
	}
	m.Miners(netuid, "miner", 4)
	m.NextTempo(netuid)
	for range 3 {
		m.RunTempo(netuid, opinions...)
	}
	s := m.Schedule(netuid)
	m.Until(s.RevealFrom)
	for _, o := range opinions {
		m.Must(m.Reveal(o.Voice, netuid, s.Epoch-1, o.Uids, o.Weights))
	}
	return m, netuid, voices
}

// Every parameter of the table, whoever may change it, waits for the next tempo: what an epoch reads of a parameter is
// in its snapshot, and nothing else of it can be read.
func TestNoParameterThatChangesInATempoChangesItsEpoch(t *testing.T) {
	m, netuid, _ := revealed(t, 2_000*tao, 1_500*tao, 1_200*tao, 900*tao)
	record, bonds := outcome(fork(m), netuid)
	if !record.Decided {
		t.Fatalf("nothing was decided: %+v", record)
	}
	for _, row := range subnettypes.Table() {
		changed := fork(m)
		if !change(changed, netuid, row.Name) {
			t.Errorf("%s could not be changed", row.Name)
			continue
		}
		gotRecord, gotBonds := outcome(changed, netuid)
		if row.Name == subnettypes.RegistrationOpen { // a closed subnet gets nothing from this block on
			gotRecord.Emission, gotRecord.Paid, gotRecord.Burned = record.Emission, record.Paid, record.Burned
			gotRecord.Emissions = record.Emissions
		}
		if !reflect.DeepEqual(gotRecord, record) || !reflect.DeepEqual(gotBonds, bonds) {
			t.Errorf("%s changed the epoch of the tempo it was changed in", row.Name)
		}
	}
}

// The owner's share of emission is another module's parameter, and waits all the same.
func TestAnOwnersShareThatChangesInATempoChangesItsEpochNot(t *testing.T) {
	m, netuid, _ := revealed(t, 2_000*tao, 1_500*tao, 1_200*tao, 900*tao)
	record, _ := outcome(fork(m), netuid)
	changed := fork(m)
	params, err := changed.Emission.Params(changed.Ctx)
	m.Must(err)
	params.OwnerShare, params.MinerShare, params.ValidatorShare = 1, 32_767, 32_767
	_, err = emissionkeeper.NewMsgServer(changed.Emission).UpdateParams(changed.Ctx, &emissiontypes.MsgUpdateParams{Authority: m.Authority, Params: params})
	m.Must(err)
	if got, _ := outcome(changed, netuid); !reflect.DeepEqual(got, record) {
		t.Errorf("another owner's share changed the epoch of its tempo: paid %d, want %d", got.Paid, record.Paid)
	}
	next, err := changed.Yuma.Snapshot(changed.Ctx, netuid)
	m.Must(err)
	if next.OwnerShare != 1 {
		t.Errorf("the next tempo begins with an owner's share of %d, want 1", next.OwnerShare)
	}
}

// change sets a parameter to another value by proposal: the farthest that the subnet takes.
func change(m *yumatest.Market, netuid uint32, name string) bool {
	m.Helper()
	rows, err := m.Subnet.Parameters(m.Ctx, netuid)
	m.Must(err)
	for _, row := range rows {
		for _, value := range []int64{row.Min, row.Max} {
			if row.Name == name && value != row.Value && m.Subnet.SetParameter(m.Ctx, m.Authority, netuid, name, value) == nil {
				return true
			}
		}
	}
	return false
}

func TestASnapshotHasEveryParameterOfTheTable(t *testing.T) {
	m, netuid, _ := revealed(t, 1_000*tao)
	s, err := m.Yuma.Snapshot(m.Ctx, netuid)
	m.Must(err)
	m.Must(s.Validate())
	for _, row := range subnettypes.Table() {
		if got, want := s.Value(row.Name), m.Subnet.Value(m.Ctx, netuid, row.Name); got != want {
			t.Errorf("%s = %d in the snapshot, %d in force", row.Name, got, want)
		}
	}
	s.Settings = s.Settings[1:]
	if s.Validate() == nil {
		t.Error("a snapshot without a parameter is taken")
	}
}

func TestNobodyPicksTheElectorateAfterTheReveals(t *testing.T) {
	m, netuid, _ := revealed(t, 3_000*tao, 2_500*tao, 2_500*tao, 2_000*tao)
	record, bonds := outcome(fork(m), netuid)
	fewer := fork(m)
	rows := subnettypes.Table()
	for _, row := range rows {
		if row.Name == subnettypes.MaxVoices {
			fewer.Govern(netuid, row.Name, row.Min)
		}
	}
	fewer.Govern(netuid, subnettypes.VoiceFloor, 1_000)
	got, kept := outcome(fewer, netuid)
	if !reflect.DeepEqual(got, record) || len(kept) != len(bonds) {
		t.Errorf("the epoch counted %v as voices and left %d rows of bonds, want %v and %d",
			got.Permits, len(kept), record.Permits, len(bonds))
	}
}

func TestStakeThatArrivesAfterTheTempoBeganDecidesNothing(t *testing.T) {
	m, netuid, voices := revealed(t, 4_500*tao, 5_500*tao)
	record, bonds := outcome(fork(m), netuid)
	late := fork(m)
	late.Until(late.Schedule(netuid).EpochAt)
	delegate(late, "whale", voices[0], 2_000*tao)
	got, kept := outcome(late, netuid)
	if !reflect.DeepEqual(got, record) || !reflect.DeepEqual(kept, bonds) {
		t.Errorf("stake of the epoch's own block changed what was decided: incentive %x, want %x", got.Incentive, record.Incentive)
	}
	next, err := late.Yuma.Snapshot(late.Ctx, netuid)
	late.Must(err)
	if next.Speakers[0].Stake != 6_500*tao {
		t.Errorf("the next tempo begins with %+v, want the new stake in it", next.Speakers)
	}
}

func TestStakeThatLeftBeforeTheEpochHasNoSay(t *testing.T) {
	m, netuid, voices := revealed(t, 3_000*tao, 2_000*tao, 1_000*tao)
	m.Jail(voices[0])
	record, _ := outcome(m, netuid)
	if record.Permits[0] != 0 || record.Permits[1] != 1 {
		t.Errorf("permits %v, want none for the jailed voice", record.Permits)
	}
	m.CheckMoney()
}

// Those who registered or spoke first after the tempo began are not in its epoch, and its columns end before them.
func TestWhoComesInATempoIsInTheEpochOfTheNext(t *testing.T) {
	m, netuid, _ := revealed(t, 2_000*tao, 1_000*tao)
	record, bonds := outcome(fork(m), netuid)
	late := fork(m)
	late.Validate("new", 50*tao)
	late.Speak("new", netuid)
	got, kept := outcome(late, netuid)
	if got.Uids() != record.Uids() || !reflect.DeepEqual(got.Incentive, record.Incentive) || !reflect.DeepEqual(kept, bonds) {
		t.Errorf("a newcomer changed the epoch of the tempo he came in: %d uids, want %d", got.Uids(), record.Uids())
	}
	s, err := late.Yuma.Snapshot(late.Ctx, netuid)
	late.Must(err)
	if n := len(s.Speakers); n != 3 || s.Seats != 7 {
		t.Errorf("the next tempo begins with %d voices and %d seats, want 3 and 7", n, s.Seats)
	}
}

// delegate bonds rao of a player to a validator.
func delegate(m *yumatest.Market, from, to string, rao uint64) {
	m.Helper()
	m.Fund(from, rao)
	_, err := stakingkeeper.NewMsgServerImpl(m.Staking).Delegate(m.Ctx, &stakingtypes.MsgDelegate{
		DelegatorAddress: yumatest.Address(from).String(), ValidatorAddress: sdk.ValAddress(yumatest.Address(to)).String(),
		Amount: sdk.NewCoin(network.Denom, math.NewIntFromUint64(rao)),
	})
	m.Must(err)
}
