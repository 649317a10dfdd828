package keeper_test

import (
	"fmt"
	"strings"
	"testing"

	"agora/chain/x/subnet/types"
)

func TestAVoiceIsTheOperatorsOwnNeuronAndChangesOncePerTempo(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.govern(netuid, types.MaxUids, 20)
	val := m.player("val", 0)
	second := m.register("val", netuid, "val2")
	m.refuses(m.k.SetVoice(m.ctx, val, netuid, 2), types.ErrNotAllowed)
	m.refuses(m.k.SetVoice(m.ctx, m.player("carl", 0), netuid, 2), types.ErrNoValidator)
	m.refuses(m.k.SetVoice(m.ctx, val, netuid, second), types.ErrTooSoon)
	m.advance(netuid)
	m.pass(1)
	m.must(m.k.SetVoice(m.ctx, val, netuid, second))
	if _, is := m.k.VoiceOf(m.ctx, netuid, 1); is {
		t.Error("one stake has two voices")
	}
	if operator, is := m.k.VoiceOf(m.ctx, netuid, second); !is || operator != val {
		t.Error("the new voice does not speak")
	}
	m.holds()
}

// TestCapitalsAreNoSecondPerson spells the operator in capitals, which bech32 allows: his stake must not speak twice.
func TestCapitalsAreNoSecondPerson(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.govern(netuid, types.MaxUids, 20)
	val := m.player("val", 100*tao)
	loud := strings.ToUpper(val)
	_, err := m.k.Register(m.ctx, loud, netuid, m.claim(loud, netuid, hotKey("loud")), tao)
	m.refuses(err, types.ErrInvalid)
	m.refuses(m.k.SetVoice(m.ctx, loud, netuid, m.register("val", netuid, "quiet")), types.ErrNotAllowed)
	m.refuses(m.k.SetProfile(m.ctx, types.Profile{Operator: loud}), types.ErrInvalid)
	_, err = m.k.Create(m.ctx, loud, "loud", types.Mechanism{}, types.Identity{}, 0)
	m.refuses(err, types.ErrInvalid)
	m.refuses(m.k.ProposeOwner(m.ctx, val, netuid, 1, strings.ToUpper(m.player("carl", 0))), types.ErrInvalid)
	m.holds()
}

func TestTheVoiceHasTheBondedStake(t *testing.T) {
	m, netuid := fullSubnet(t)
	voices := func() []types.VoiceEntry {
		list, err := m.k.Voices(m.ctx, netuid)
		m.must(err)
		return list
	}
	if v := voices(); len(v) != 1 || v[0].Stake != 100*tao || !v[0].Permitted || v[0].Voice.Uid != 1 {
		t.Fatalf("voices %+v", v)
	}
	m.must(m.k.SetProfile(m.ctx, types.Profile{
		Operator: m.player("val", 0), Addresses: []string{"127.0.0.1:4000"}, GatewayUrl: "https://gate.example",
	}))
	if v := voices(); len(v[0].Addresses) != 1 || v[0].GatewayUrl != "https://gate.example" {
		t.Errorf("the profile is not in the directory: %+v", v)
	}
	m.validate("other", 50*tao) // somebody must stay bonded
	m.jail("val")
	if v := voices(); v[0].Stake != 0 || v[0].Permitted {
		t.Errorf("a jailed validator speaks: %+v", v)
	}
}

func TestPermitsGoToTheTopByStakeAboveTheFloor(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	m.govern(netuid, types.MaxVoices, 16)
	stakes := []uint64{300, 10, 200, 1, 1000, 0} // TAO; the floor is 0.5 % of 2,811
	for range 13 {
		stakes = append(stakes, 100)
	}
	for i, stake := range stakes {
		name := fmt.Sprint("v", i)
		if stake > 0 {
			m.validate(name, stake*tao)
		}
		uid := m.register(name, netuid, name)
		if stake > 0 {
			m.must(m.k.SetVoice(m.ctx, m.player(name, 0), netuid, uid))
		}
	}
	m.permits(netuid, 0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	m.govern(netuid, types.VoiceFloor, 30)
	m.permits(netuid, 0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	m.govern(netuid, types.MaxVoices, 64)
	m.permits(netuid, 0, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18) // 1 TAO is dust
	m.govern(netuid, types.VoiceFloor, 0)
	m.permits(netuid, 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
}

// permits fails the test unless exactly these uids are permitted.
func (m *market) permits(netuid uint32, uids ...uint32) {
	m.Helper()
	voices, err := m.k.Voices(m.ctx, netuid)
	m.must(err)
	var permitted []uint32
	for _, v := range voices {
		if v.Permitted {
			permitted = append(permitted, v.Voice.Uid)
		}
	}
	if fmt.Sprint(permitted) != fmt.Sprint(uids) {
		m.Errorf("permitted %v, want %v", permitted, uids)
	}
}

func TestOnlyValidatorsAreInTheDirectory(t *testing.T) {
	m := newMarket(t, nil)
	m.refuses(m.k.SetProfile(m.ctx, types.Profile{Operator: m.player("ann", 0)}), types.ErrNoValidator)
	val := m.validate("val", 10*tao)
	m.refuses(m.k.SetProfile(m.ctx, types.Profile{Operator: val, GatewayUrl: "file:///etc/passwd"}), types.ErrInvalid)
	m.must(m.k.SetProfile(m.ctx, types.Profile{Operator: val, MarkupBps: 500}))
	profile, err := m.k.Profile(m.ctx, val)
	m.must(err)
	if profile.MarkupBps != 500 {
		t.Fatalf("stored %+v", profile)
	}
}
