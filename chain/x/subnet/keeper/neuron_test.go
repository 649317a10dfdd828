package keeper_test

import (
	"reflect"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
)

func coins(rao uint64) sdk.Coins { return network.Coins(rao) }

// card is a model card with everything that is required.
func card(name string) types.ModelCard {
	return types.ModelCard{
		Name: name, Digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		Licence: "Apache-2.0", Input: "text", Output: "text", Context: 512,
	}
}

func TestRotatingTheHotKeyLosesNothing(t *testing.T) {
	m, netuid := fullSubnet(t)
	val := m.player("val", 0)
	m.must(m.k.SetModel(m.ctx, types.HotAccount(public(hotKey("val"))).String(), netuid, card("judge")))
	m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{0, 4, 0, 0}, []bool{false, true, false, false}))
	before := m.neuron(netuid, 1)
	m.pass(3)
	m.must(m.k.Rotate(m.ctx, val, netuid, 1, m.claim(val, netuid, hotKey("new"))))
	after := m.neuron(netuid, 1)
	before.HotKey, before.Rotated = public(hotKey("new")), m.ctx.BlockHeight()
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	if operator, is := m.k.VoiceOf(m.ctx, netuid, 1); !is || operator != val {
		t.Error("the voice is lost")
	}
	genesis, err := m.k.ExportGenesis(m.ctx)
	m.must(err)
	if genesis.Standings[0].Emissions[1] != 4 {
		t.Error("the standing is lost")
	}
	if _, hot := m.k.HotAccountKey(m.ctx, types.HotAccount(public(hotKey("val")))); hot {
		t.Error("the old key still signs")
	}
	m.holds()
}

func TestRotationIsRefused(t *testing.T) {
	m, netuid := fullSubnet(t)
	carl, dora := m.player("carl", 0), m.player("dora", 0)
	m.refuses(m.k.Rotate(m.ctx, dora, netuid, 2, m.claim(dora, netuid, hotKey("new"))), types.ErrNotAllowed)
	m.refuses(m.k.Rotate(m.ctx, carl, netuid, 2, m.claim(dora, netuid, hotKey("new"))), types.ErrProof)
	m.refuses(m.k.Rotate(m.ctx, carl, netuid, 2, m.claim(carl, netuid, hotKey("dora"))), types.ErrHotKeyTaken)
	m.refuses(m.k.Rotate(m.ctx, carl, netuid, 2, m.claim(carl, netuid, hotKey("carl"))), types.ErrHotKeyTaken)
	m.refuses(m.k.Rotate(m.ctx, carl, netuid, 99, m.claim(carl, netuid, hotKey("new"))), types.ErrNoNeuron)
}

// TestARotationBringsFreeMessagesBackOncePerTempo rotates to another key and back within a tempo.
func TestARotationBringsFreeMessagesBackOncePerTempo(t *testing.T) {
	m, netuid := fullSubnet(t)
	key := func(name string) []byte { return public(hotKey(name)) }
	owner, from := m.player("carl", 0), "carl"
	sendAll := func() {
		for range types.SlotsPerTempo {
			m.must(m.k.TakeSlot(m.ctx, netuid, key(from), types.SlotModel))
		}
	}
	rotate := func(to string) {
		m.must(m.k.Rotate(m.ctx, owner, netuid, 2, m.claim(owner, netuid, hotKey(to))))
		from = to
	}
	for range 2 { // tempos
		m.advance(netuid)
		m.pass(1)
		sendAll()
		rotate(from + "+")
		sendAll()
		for _, to := range []string{from + "+", from + "++"} {
			rotate(to)
			m.refuses(m.k.TakeSlot(m.ctx, netuid, key(to), types.SlotModel), types.ErrNoSlot)
		}
	}
	m.must(m.k.TakeSlot(m.ctx, netuid, key(from), types.SlotCommit))
	m.holds()
}

func TestANewOwnerWaitsThreeDays(t *testing.T) {
	m, netuid := fullSubnet(t)
	carl, heir := m.player("carl", 0), m.player("heir", 0)
	m.must(m.k.ProposeOwner(m.ctx, carl, netuid, 2, heir))
	m.refuses(m.k.AcceptOwner(m.ctx, heir, netuid, 2), types.ErrTooSoon)
	m.wait(71 * time.Hour)
	m.refuses(m.k.AcceptOwner(m.ctx, heir, netuid, 2), types.ErrTooSoon)
	if m.neuron(netuid, 2).Owner != carl {
		t.Fatal("pay goes to the new owner before the wait is over")
	}
	m.wait(time.Hour)
	m.refuses(m.k.AcceptOwner(m.ctx, m.player("dora", 0), netuid, 2), types.ErrNoChange)
	m.must(m.k.AcceptOwner(m.ctx, heir, netuid, 2))
	if n := m.neuron(netuid, 2); n.Owner != heir || n.NewOwner != "" {
		t.Fatalf("after the wait %+v", n)
	}
	m.refuses(m.k.AcceptOwner(m.ctx, heir, netuid, 2), types.ErrNoChange)
	m.holds()
}

func TestTheOldOwnerOrGovernanceCancels(t *testing.T) {
	m, netuid := fullSubnet(t)
	carl, heir := m.player("carl", 0), m.player("heir", 0)
	for _, who := range []string{carl, m.gov} {
		m.must(m.k.ProposeOwner(m.ctx, carl, netuid, 2, heir))
		m.refuses(m.k.CancelOwner(m.ctx, heir, netuid, 2), types.ErrNotAllowed)
		m.must(m.k.CancelOwner(m.ctx, who, netuid, 2))
		m.refuses(m.k.CancelOwner(m.ctx, who, netuid, 2), types.ErrNoChange)
		m.wait(100 * time.Hour)
		m.refuses(m.k.AcceptOwner(m.ctx, heir, netuid, 2), types.ErrNoChange)
	}
}

func TestAnotherProposalWaitsAgain(t *testing.T) {
	m, netuid := fullSubnet(t)
	carl, thief, heir := m.player("carl", 0), m.player("thief", 0), m.player("heir", 0)
	m.must(m.k.ProposeOwner(m.ctx, carl, netuid, 2, thief))
	m.wait(71 * time.Hour)
	m.must(m.k.ProposeOwner(m.ctx, carl, netuid, 2, heir))
	m.wait(2 * time.Hour)
	m.refuses(m.k.AcceptOwner(m.ctx, thief, netuid, 2), types.ErrNoChange)
	m.refuses(m.k.AcceptOwner(m.ctx, heir, netuid, 2), types.ErrTooSoon)
}

func TestAVoiceEndsWithItsOwner(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.must(m.k.ProposeOwner(m.ctx, m.player("val", 0), netuid, 1, m.player("heir", 0)))
	m.wait(72 * time.Hour)
	m.must(m.k.AcceptOwner(m.ctx, m.player("heir", 0), netuid, 1))
	if _, is := m.k.VoiceOf(m.ctx, netuid, 1); is {
		t.Error("a neuron that was handed over speaks for the old owner's stake")
	}
	m.holds()
}

func TestAKeyInTwoSubnetsCannotGetTwoOwners(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.wait(25 * time.Hour)
	other := m.started("bob", "other")
	m.register("carl", other, "carl")
	carl, heir := m.player("carl", 0), m.player("heir", 0)
	m.refuses(m.k.ProposeOwner(m.ctx, carl, netuid, 2, heir), types.ErrHotKeyTaken)
	m.must(m.k.Rotate(m.ctx, carl, other, 0, m.claim(carl, other, hotKey("second"))))
	m.must(m.k.ProposeOwner(m.ctx, carl, netuid, 2, heir))
	m.refuses(m.k.ProposeOwner(m.ctx, carl, netuid, 2, m.moduleAccount()), types.ErrCannotPay)
}

func TestAModelCardIsSetByTheHotKeyTwicePerTempo(t *testing.T) {
	m, netuid := fullSubnet(t)
	hot := types.HotAccount(public(hotKey("carl"))).String()
	m.must(m.k.SetModel(m.ctx, hot, netuid, card("a")))
	m.must(m.k.SetModel(m.ctx, hot, netuid, card("b")))
	m.refuses(m.k.SetModel(m.ctx, hot, netuid, card("c")), types.ErrNoSlot)
	if got := m.neuron(netuid, 2).Card.Name; got != "b" {
		t.Fatalf("card %q", got)
	}
	m.advance(netuid)
	m.must(m.k.SetModel(m.ctx, hot, netuid, card("c")))
	m.refuses(m.k.SetModel(m.ctx, m.player("carl", 0), netuid, card("d")), types.ErrNoNeuron)
	m.refuses(m.k.SetModel(m.ctx, hot, netuid, types.ModelCard{Name: "bare"}), types.ErrInvalid)
}

func TestSlotsTakenByTheAnteHandlerAreNotTakenAgain(t *testing.T) {
	m, netuid := fullSubnet(t)
	key := public(hotKey("carl"))
	hot := types.HotAccount(key).String()
	anted := types.WithSlotsTaken(m.ctx)
	for range types.SlotsPerTempo {
		m.must(m.k.TakeSlot(anted, netuid, key, types.SlotModel))
		m.must(m.k.SetModel(anted, hot, netuid, card("a")))
	}
	m.refuses(m.k.HasSlot(anted, netuid, key, types.SlotModel), types.ErrNoSlot)
	m.must(m.k.HasSlot(anted, netuid, key, types.SlotCommit)) // every kind has its own
	m.refuses(m.k.SetModel(m.ctx, hot, netuid, card("b")), types.ErrNoSlot)
}

func TestSlotsNeedARegisteredKey(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.refuses(m.k.TakeSlot(m.ctx, netuid, public(hotKey("stranger")), types.SlotCommit), types.ErrNoNeuron)
	m.refuses(m.k.TakeSlot(m.ctx, 77, public(hotKey("carl")), types.SlotCommit), types.ErrNoSubnet)
}
