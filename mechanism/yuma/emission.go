package yuma

import (
	"math/bits"

	"agora/mechanism/fixed"
)

// normalizeRanks ends step 8: I = R / Σ R.
func (r *Runner) normalizeRanks() {
	var sum uint64
	for _, rank := range r.rank {
		sum += rank
	}
	divisor := fixed.NewDivisor(sum)
	for j, rank := range r.rank {
		r.result.Exact.Incentive[j] = fixed.I32F32(divisor.Quotient(rank))
	}
}

// sumDividends ends step 11: b_i = Σ_j En_ij·I_j, and
//
//	D = normalised b_i         under Yuma2 and with Params.StakeWeightedBonds
//	D = normalised b_i·A_i     under Yuma3 otherwise
func (r *Runner) sumDividends() {
	r.each(phaseDividends)
	exact := &r.result.Exact
	var sum uint64
	for k, i := range r.seats {
		var trust, earned uint64
		for _, w := range r.workers {
			trust += w.table[k].trust
			earned += w.earned[k]
		}
		switch f := &r.formula; {
		case f.backed:
			earned >>= paidBits - 32
		case f.absolute:
			earned = fixed.Mul(earned, r.stake[i])
		}
		exact.ValidatorTrust[i] = fixed.I32F32(trust)
		exact.Dividends[i] = fixed.I32F32(earned)
		sum += earned
	}
	divisor := fixed.NewDivisor(sum)
	for i, earned := range exact.Dividends {
		exact.Dividends[i] = fixed.I32F32(divisor.Quotient(uint64(earned)))
	}
}

// sumDividends adds what the worker's columns pay to every seat.
func (w *worker) sumDividends() {
	start, backed := 0, w.run.formula.backed
	for c, end := range w.ends {
		bonds, sum := w.bonds[start:end], w.sums[c]
		incentive := uint64(w.run.result.Exact.Incentive[w.first+c])
		switch start = end; {
		case incentive == 0 || sum == 0:
		case backed:
			w.payBacked(bonds, sum, incentive)
		default:
			w.payBonds(bonds, sum, incentive)
		}
	}
}

// paidBits says in which units payBacked adds up: 2^−62, of which all pay fits a
// word.
const paidBits = 62

// payBacked adds the pay of one column where bonds are weighted with stake: each is
// worth A_i·E_ij at the column's price p_j = I_j / Σ_k A_k·E_kj. With that sum, and
// every part of it, shifted by s so that its first bit is set,
//
//	p = floor(I·2^94 / (sum·2^s)),   pay = floor(A·E·2^s · p / 2^64)
//
// of which the price has 31 significant bits or more.
func (w *worker) payBacked(bonds []uint64, sum, incentive uint64) {
	shift, earned := bits.LeadingZeros64(sum)&63, w.earned
	price, _ := bits.Div64(incentive<<(paidBits-32), 0, sum<<shift)
	for _, bond := range bonds {
		pay, _ := bits.Mul64(bond>>16<<shift, price)
		earned[uint16(bond)] += pay
	}
}

// payBonds adds the pay of one column, En_ij·I_j with En = E / Σ_i E. Where that sum
// is at most one half, as in most columns, the division is a multiplication.
func (w *worker) payBonds(bonds []uint64, sum, incentive uint64) {
	earned := w.earned
	if sum > uint64(fixed.Half) || incentive == uint64(fixed.One) {
		divisor := fixed.NewDivisor(sum)
		for _, bond := range bonds {
			earned[uint16(bond)] += fixed.Mul(divisor.Quotient(bond>>16), incentive)
		}
		return
	}
	divisor := fixed.NewHalfDivisor(sum)
	for _, bond := range bonds {
		earned[uint16(bond)] += divisor.Quotient(bond>>16) * incentive >> 32
	}
}

// emit is step 12, the pay SE of miners and VE of validators. With T = Σ I + Σ D,
//
//	SE = floor(I/T · emission), VE = floor(D/T · emission)   jointly, or
//	SE = floor(I/(2·Σ I) · emission), VE = floor(D/(2·Σ D) · emission)   in halves,
//
// and where T = 0 all goes to the validators by stake. Where Σ I = 0 and
// Params.NoConsensusNoPay, nobody is paid.
func (r *Runner) emit() {
	exact := &r.result.Exact
	var incentives, total fixed.I32F32
	for i := range exact.Incentive {
		incentives += exact.Incentive[i]
		total += exact.Incentive[i] + exact.Dividends[i]
	}
	switch {
	case incentives == 0 && r.params.NoConsensusNoPay:
	case total == 0:
		r.emitByStake()
	case r.params.SplitHalves:
		r.emitHalves(incentives, total-incentives)
	default:
		r.emitJointly(total)
	}
}

// emitJointly divides the emission over miners and validators together:
//
//	SE = floor(I/T · emission),  VE = floor(D/T · emission),
//	E = floor((I + D)/T · emission),  T = Σ I + Σ D
func (r *Runner) emitJointly(total fixed.I32F32) {
	out, emission := r.result, fixed.Amount(r.in.Emission)
	for i, incentive := range out.Exact.Incentive {
		dividend := out.Exact.Dividends[i]
		out.ServerEmission[i] = emission.Scale(incentive.Div(total)).Floor()
		out.ValidatorEmission[i] = emission.Scale(dividend.Div(total)).Floor()
		out.Emission[i] = emission.Scale((incentive + dividend).Div(total)).Floor()
	}
}

// emitByStake hands everything to the validators, by active stake or, where
// nobody is active, by stake: what the reference chain does without consensus.
func (r *Runner) emitByStake() {
	out, emission := r.result, fixed.Amount(r.in.Emission)
	shares := out.Exact.Stake
	for _, a := range out.Exact.ActiveStake {
		if a != 0 {
			shares = out.Exact.ActiveStake
			break
		}
	}
	for i, share := range shares {
		out.ValidatorEmission[i] = emission.Scale(share).Floor()
		out.Emission[i] = out.ValidatorEmission[i]
	}
}

// emitHalves pays each side from its own half,
//
//	SE_j = floor(emission/2 · I_j / Σ I),  VE_i = floor(emission/2 · D_i / Σ D)
//
// so that neither side's rounding or absence moves the other's pay.
func (r *Runner) emitHalves(incentives, dividends fixed.I32F32) {
	out, emission := r.result, r.in.Emission
	for i := range out.Emission {
		incentive, dividend := uint64(out.Exact.Incentive[i]), uint64(out.Exact.Dividends[i])
		if incentive > 0 {
			out.ServerEmission[i] = fixed.Part(emission, incentive, 2*uint64(incentives))
		}
		if dividend > 0 {
			out.ValidatorEmission[i] = fixed.Part(emission, dividend, 2*uint64(dividends))
		}
		out.Emission[i] = out.ServerEmission[i] + out.ValidatorEmission[i]
	}
}

// SplitEmission divides the emission of a subnet among its mechanisms: equally,
// or in the proportions of split (u16, 65535 = all; missing ones are 0, surplus
// ones ignored). What rounding leaves goes to mechanism 0. The result has count
// elements and adds up to the emission wherever the split adds up to 65535 or
// less.
func SplitEmission(emission uint64, count int, split []uint16) []uint64 {
	if count <= 0 {
		return nil
	}
	parts := make([]uint64, count)
	left := emission
	for k := range parts {
		if split == nil {
			parts[k] = emission / uint64(count)
		} else {
			parts[k] = fixed.Part(emission, uint64(at(split, k, 0)), 65535)
		}
		parts[k] = min(parts[k], left)
		left -= parts[k]
	}
	parts[0] += left
	return parts
}
