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
	for _, i := range r.voters {
		r.storeBonds(i)
	}
	for _, i := range r.holders {
		r.storeBonds(i)
	}
}

// store writes shares of at most one as u16.
func store(out []uint16, shares []fixed.I32F32) {
	for i, share := range shares {
		out[i] = uint16(min(uint64(share)*65535>>32, 65535))
	}
}

// storeBonds joins the stretches that the workers wrote of one row.
func (r *Runner) storeBonds(i int32) {
	row := &r.rows[i]
	if !row.keep || r.result.Bonds[i] != nil {
		return
	}
	end := r.workers[0].fill[i]
	for _, w := range r.workers[1:] {
		end += copy(r.arena[end:], r.arena[w.segment[i]:w.fill[i]])
	}
	r.result.Bonds[i] = Row(r.arena[row.start:end:end])
}
