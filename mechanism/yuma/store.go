package yuma

import "agora/mechanism/fixed"

// store is step 13: shares as u16 rounded down, and the new bond rows.
func (r *Runner) store() {
	out := r.result
	store(out.StakeWeight, out.Exact.Stake)
	store(out.Consensus, out.Exact.Consensus)
	store(out.Incentive, out.Exact.Incentive)
	store(out.Dividends, out.Exact.Dividends)
	store(out.ValidatorTrust, out.Exact.ValidatorTrust)
	for k, i := range r.seats {
		if r.rows[i].keep {
			out.Bonds[i] = r.joinBonds(k, r.rows[i].start)
		}
	}
}

// store writes shares of at most one as u16.
func store(out []uint16, shares []fixed.I32F32) {
	for i, share := range shares {
		out[i] = uint16(min(uint64(share)*65535>>32, 65535))
	}
}

// joinBonds joins the stretches that the workers wrote of one row.
func (r *Runner) joinBonds(seat, start int) Row {
	end := r.workers[0].table[seat].fill
	for _, w := range r.workers[1:] {
		end += copy(r.arena[end:], r.arena[w.segment[seat]:w.table[seat].fill])
	}
	return Row(r.arena[start:end:end])
}
