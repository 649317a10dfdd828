package keeper_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

// Whatever voices say, however they fall silent, are jailed or replaced: no rao is lost or made.
func TestMoneyIsConservedOverRandomEpochs(t *testing.T) {
	var paid uint64
	rapid.Check(t, func(rt *rapid.T) {
		m := yumatest.New(t)
		netuids := []uint32{m.Open("owner0", "first"), m.Open("owner1", "second")}
		for _, netuid := range netuids {
			m.Govern(netuid, subnettypes.MaxUids, 16)
			m.Govern(netuid, subnettypes.Immunity, 0)
		}
		for i := range 3 {
			name := fmt.Sprint("val", i)
			m.Validate(name, rapid.Uint64Range(1, 5_000).Draw(rt, "stake")*tao)
			for _, netuid := range netuids {
				m.SpeakAs(name, fmt.Sprint(name, "/", netuid), netuid)
			}
		}
		for _, netuid := range netuids {
			for i := range 12 {
				m.Register(fmt.Sprint("owner", i%3), netuid, fmt.Sprint("miner", i, "/", netuid))
			}
		}
		minted, supply := ledger(m)
		var before [][]yumatest.Opinion
		m.NextTempo(netuids[1]) // one block after the other's
		for step := range rapid.IntRange(3, 10).Draw(rt, "tempos") {
			disturb(rt, m, rapid.SampledFrom(netuids).Draw(rt, "netuid"), step)
			now := [][]yumatest.Opinion{drawOpinions(rt, netuids[0]), drawOpinions(rt, netuids[1])}
			runTempo(m, netuids, before, now)
			before = now
			m.CheckMoney()
		}
		mintedNow, supplyNow := ledger(m)
		if mintedNow-minted != supplyNow-supply {
			t.Fatalf("minted and not burned %d, the supply grew by %d", mintedNow-minted, supplyNow-supply)
		}
		if len(m.Failed) > 0 {
			t.Fatalf("epochs failed: %v", m.Failed)
		}
		l, err := m.Emission.Ledger(m.Ctx)
		m.Must(err)
		paid += l.Paid
	})
	if paid == 0 {
		t.Error("nobody was ever paid")
	}
}

// runTempo lets voices commit to what they say now and reveal what they said in the last tempo. A voice that is none any
// more is refused, which is no failure here.
func runTempo(m *yumatest.Market, netuids []uint32, before, now [][]yumatest.Opinion) {
	m.Helper()
	for i, opinions := range now {
		for _, o := range opinions {
			if err := m.CommitTo(o.Voice, netuids[i], o.Uids, o.Weights); err != nil {
				m.Log(err)
			}
		}
	}
	m.Until(m.Schedule(netuids[1]).RevealFrom)
	for i, opinions := range before {
		for _, o := range opinions {
			if err := m.Reveal(o.Voice, netuids[i], m.Schedule(netuids[i]).Epoch-1, o.Uids, o.Weights); err != nil {
				m.Log(err)
			}
		}
	}
	m.NextTempo(netuids[1])
}

// ledger returns what was minted and not burned, and the supply without what players were given.
func ledger(m *yumatest.Market) (kept, supply uint64) {
	m.Helper()
	l, err := m.Emission.Ledger(m.Ctx)
	m.Must(err)
	return l.Minted - l.Burned - l.BurnedOther, m.Supply() - m.Given
}

// disturb does one thing that may happen between two epochs.
func disturb(rt *rapid.T, m *yumatest.Market, netuid uint32, step int) {
	switch rapid.IntRange(0, 5).Draw(rt, "event") {
	case 0:
		if jailed, _ := m.Staking.IsValidatorJailed(m.Ctx, yumatest.ConsensusAddress("val2")); !jailed {
			m.Jail("val2")
		}
	case 1:
		name := fmt.Sprint("newcomer", step, "/", netuid)
		if _, err := m.TryRegister(name, netuid, name, 20*tao); err != nil {
			m.Log(err) // the subnet may be closed
		}
	case 2:
		m.Govern(netuid, subnettypes.RegistrationOpen, rapid.Int64Range(0, 1).Draw(rt, "open"))
	case 3:
		m.Govern(netuid, subnettypes.LiquidAlpha, rapid.Int64Range(0, 1).Draw(rt, "liquid"))
	case 4:
		m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(yumatest.BlockTime * 1_000)) // a long halt
	}
}

// drawOpinions lets some of the voices say something.
func drawOpinions(rt *rapid.T, netuid uint32) (opinions []yumatest.Opinion) {
	for i := range 3 {
		if rapid.IntRange(0, 3).Draw(rt, "speaks") == 0 {
			continue
		}
		uids := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 6), 1, 7, rapid.ID[uint32]).Draw(rt, "uids")
		weights := make([]uint32, len(uids))
		for k := range weights {
			weights[k] = rapid.Uint32Range(0, 65_535).Draw(rt, "weight")
		}
		opinions = append(opinions, yumatest.Opinion{Voice: fmt.Sprint("val", i, "/", netuid), Uids: uids, Weights: weights})
	}
	return opinions
}
