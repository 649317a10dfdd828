package yuma

import "agora/mechanism/fixed"

// millionth is the unit of Params.BondsMovingAverage.
const millionth = 1_000_000

// Params selects the formula of an epoch. Start from Default or Upstream and
// change fields; the zero value is a legal but useless formula.
type Params struct {
	// Kappa is the share of stake that must agree before a weight counts
	// (u16, 65535 = 1).
	Kappa uint16
	// BondsPenalty is beta: how much of a weight above consensus is lost for
	// bonds (u16; 0 keeps the weight, 65535 keeps what consensus allows).
	BondsPenalty uint16
	// BondsMovingAverage is what yesterday's bonds keep, in millionths; above
	// one million counts as one million.
	BondsMovingAverage uint32
	// Yuma3 selects absolute bonds paid by current stake instead of bonds
	// relative to the column.
	Yuma3 bool
	// LiquidAlpha lets every pair of validator and miner move its bond at its
	// own speed between AlphaLow and AlphaHigh (Yuma3 only).
	LiquidAlpha bool
	// AlphaLow and AlphaHigh bound that speed (u16, 65535 = 1).
	AlphaLow, AlphaHigh uint16
	// AlphaSteepness is the slope of the sigmoid, in hundredths.
	AlphaSteepness int16
	// StakeThreshold is the least stake in rao that counts at all.
	StakeThreshold uint64
	// MaxValidators is the number of permits an epoch hands out.
	MaxValidators int
	// ActivityCutoffFactor is the age of the last update, in thousandths of a
	// tempo, beyond which a validator is inactive.
	ActivityCutoffFactor uint32
	// CommitReveal drops weights on neurons that registered after the commit.
	CommitReveal bool

	// ActivityGiven takes Input.Active instead of the age of the last update.
	ActivityGiven bool
	// PermitsGiven keeps Input.Permit for the next epoch instead of choosing
	// the top of the stake.
	PermitsGiven bool
	// OwnerPrivileges exempts Input.Owner from threshold, permit and the ban
	// on self-weights.
	OwnerPrivileges bool
	// NoConsensusNoPay pays nobody where the sum of incentives is zero, instead
	// of handing everything to the validators.
	NoConsensusNoPay bool
	// SplitHalves pays miners and validators from their own half of the
	// emission, in one exact division each.
	SplitHalves bool
	// DecayAbsentBonds lets a bond without a current weight decay under liquid
	// alpha instead of vanishing at once.
	DecayAbsentBonds bool
	// StakeWeightedBonds divides what a miner's bonds earn by stake times bond
	// instead of dividing it by bond and multiplying with stake afterwards
	// (Yuma3 only):
	//
	//	D_i = Σ_j I_j·A_i·E_ij / Σ_k A_k·E_kj    instead of
	//	D_i = A_i·Σ_j I_j·E_ij / Σ_k E_kj, normalised
	//
	// so that every miner is worth its incentive in dividends, and voices that
	// say the same earn as one voice that holds their stake.
	StakeWeightedBonds bool
}

// Upstream returns the reference chain's formula and its default values.
func Upstream() Params {
	return Params{
		Kappa:                32767,
		BondsPenalty:         65535,
		BondsMovingAverage:   900_000,
		AlphaLow:             45875,
		AlphaHigh:            58982,
		AlphaSteepness:       1000,
		MaxValidators:        64,
		ActivityCutoffFactor: 13_889,
		OwnerPrivileges:      true,
	}
}

// Default returns the formula of this chain; docs/epoch.md gives the reason for
// every difference from Upstream.
func Default() Params {
	p := Upstream()
	p.Kappa = 32768
	p.Yuma3 = true
	p.ActivityGiven = true
	p.PermitsGiven = true
	p.OwnerPrivileges = false
	p.NoConsensusNoPay = true
	p.SplitHalves = true
	p.DecayAbsentBonds = true
	p.StakeWeightedBonds = true
	return p
}

// alpha returns the weight of this epoch in the moving average of bonds:
// 1 − floor32(BondsMovingAverage / 10^6).
func (p *Params) alpha() fixed.I32F32 {
	kept := min(uint64(p.BondsMovingAverage), millionth)
	return fixed.One.Sub(fixed.Ratio(kept, millionth).I32())
}

// cutoff returns the age in blocks of a last update that still counts as active:
// max(1, factor·tempo/1000).
func (p *Params) cutoff(tempo uint64) uint64 {
	return max(1, fixed.Part(uint64(p.ActivityCutoffFactor), tempo, 1000))
}
