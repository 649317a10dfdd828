package yuma_test

import (
	"math"
	"math/big"
	"math/bits"
	"slices"

	"agora/mechanism/fixed"
	"agora/mechanism/yuma"
)

// The textbook epoch: the same text as package yuma implements, written down
// step by step on row-major dense matrices, with the median found by sorting. It
// is the oracle of the differential tests and the yardstick of the benchmarks.

type number32 = fixed.I32F32

// matrix is row-major; a nil row has no entries.
type matrix [][]number32

// none marks a cell without an entry; every other value is at least zero.
const none number32 = -1

// textbook returns the result of one epoch.
func textbook(in *yuma.Input) *yuma.Result { return new(book).run(in) }

// run computes one epoch on the paper of the epochs before.
func (b *book) run(in *yuma.Input) *yuma.Result {
	b.in, b.p, b.n, b.owner = in, in.Params, in.N, -1
	b.paper.used = 0
	if in.HasOwner && b.p.OwnerPrivileges {
		b.owner = int(in.Owner)
	}
	b.stakes()
	b.permits()
	b.weights()
	b.consensus()
	b.bonds()
	b.emission()
	return b.stored()
}

// book holds the quantities of one epoch under their names in the text.
type book struct {
	in     *yuma.Input
	p      yuma.Params
	n      int
	owner  int
	active []bool

	s, a, c, i, d, tv []number32
	oldPermit, permit []bool
	w, wc, wb, e      matrix
	se, ve, ce        []uint64

	paper paper
}

// Steps 1, 2 and 4.
func (b *book) stakes() {
	b.active = make([]bool, b.n)
	b.oldPermit = make([]bool, b.n)
	stake := make([]uint64, b.n)
	cutoff := max(1, fixed.Part(uint64(b.p.ActivityCutoffFactor), b.in.Tempo, 1000))
	for i := range b.n {
		if b.p.ActivityGiven {
			b.active[i] = i < len(b.in.Active) && b.in.Active[i]
		} else if i < len(b.in.LastUpdate) {
			sum, over := bits.Add64(b.in.LastUpdate[i], cutoff, 0)
			b.active[i] = over != 0 || sum >= b.in.Block
		}
		b.oldPermit[i] = i < len(b.in.Permit) && b.in.Permit[i] || i == b.owner
		if i < len(b.in.Stake) {
			stake[i] = min(b.in.Stake[i], math.MaxInt64)
		}
		if stake[i] < b.p.StakeThreshold && i != b.owner {
			stake[i] = 0
		}
	}
	b.s = stakeShares(stake)
	b.a = slices.Clone(b.s)
	maskVector(not(b.active), b.a)
	maskVector(not(b.oldPermit), b.a)
	normalize(b.a)
}

// stakeShares divides by the sum; a sum beyond 2^63 − 1 needs wider numbers.
func stakeShares(stake []uint64) []number32 {
	out, wide, sum := make([]number32, len(stake)), make([]fixed.I64F64, len(stake)), new(big.Int)
	for i, s := range stake {
		wide[i] = fixed.Uint(s)
		sum.Add(sum, new(big.Int).SetUint64(s))
	}
	if sum.IsInt64() {
		normalize64(wide)
		for i := range wide {
			out[i] = wide[i].I32()
		}
		return out
	}
	for i, s := range stake {
		part := new(big.Int).Lsh(new(big.Int).SetUint64(s), 32)
		out[i] = number32(part.Quo(part, sum).Int64())
	}
	return out
}

// Step 3.
func (b *book) permits() {
	b.permit = make([]bool, b.n)
	if b.p.PermitsGiven {
		copy(b.permit, b.in.Permit)
		return
	}
	top := topK(b.s, b.p.MaxValidators)
	for i := range b.permit {
		b.permit[i] = top[i] && b.s[i] != 0 || i == b.owner
	}
}

// Step 5.
func (b *book) weights() {
	b.w = b.dense(b.in.Weights, false)
	maskRows(not(b.oldPermit), b.w)
	maskDiagonal(b.w, b.owner)
	registered := b.registered()
	update := make([]uint64, b.n)
	copy(update, b.in.LastUpdate)
	maskOutdated(b.w, update, registered)
	if b.p.CommitReveal {
		commit := slices.Repeat([]uint64{yuma.NoCommit}, b.n)
		copy(commit, b.in.Commit)
		for i, c := range commit {
			commit[i] = max(c, c+1) // a commit counts on its own block
		}
		maskOutdated(b.w, commit, registered)
	}
	rowNormalize(b.w)
}

func (b *book) registered() []uint64 {
	registered := make([]uint64, b.n)
	copy(registered, b.in.Registered)
	for j := range registered {
		if j < len(b.in.Barred) && b.in.Barred[j] {
			registered[j] = 1<<64 - 1
		}
	}
	return registered
}

// Steps 6 to 9.
func (b *book) consensus() {
	b.c = medianColumns(b.a, b.w, b.n, fixed.Share(b.p.Kappa))
	b.wc = clipColumns(&b.paper, b.w, b.c)
	b.tv = rowSum(b.wc)
	b.i = columnProduct(b.wc, b.a, b.n)
	normalize(b.i)
	b.wb = interpolate(&b.paper, b.w, b.wc, fixed.Share(b.p.BondsPenalty))
}

// Steps 10 and 11.
func (b *book) bonds() {
	if b.p.Yuma3 {
		b.bonds3()
		return
	}
	old := b.oldBonds(false)
	columnNormalize(old, b.n)
	delta := scaleRows(&b.paper, b.wb, b.a)
	columnNormalize(delta, b.n)
	b.e = average(&b.paper, delta, old, b.p.BondsMovingAverage)
	columnNormalize(b.e, b.n)
	b.d = rowProduct(b.e, b.i)
	normalize(b.d)
	columnMaxUpscale(b.e, b.n)
}

func (b *book) bonds3() {
	old := b.oldBonds(true)
	if b.p.LiquidAlpha && slices.ContainsFunc(b.c, func(c number32) bool { return c != 0 }) {
		if b.p.DecayAbsentBonds {
			b.wb = withZeros(&b.paper, b.wb, old, b.w)
		}
		b.e = averageAlpha(&b.paper, b.wb, old, b.liquidAlpha(old))
	} else {
		b.e = average(&b.paper, b.wb, old, b.p.BondsMovingAverage)
	}
	if b.p.StakeWeightedBonds {
		b.d = backedProduct(b.e, b.a, b.i)
	} else {
		b.d = vectorProduct(shareProduct(b.e, columnSum(b.e, b.n), b.i), b.a)
	}
	normalize(b.d)
}

// oldBonds is step 10.
func (b *book) oldBonds(asShares bool) matrix {
	old := b.dense(b.in.Bonds, asShares)
	last := uint64(0)
	if b.in.Block > b.in.Tempo {
		last = b.in.Block - b.in.Tempo
	}
	if b.in.LastStep != 0 {
		last = max(b.in.LastStep, b.in.LastStep+1)
	}
	maskOutdated(old, slices.Repeat([]uint64{last}, b.n), b.registered())
	return old
}

// The speed of every pair under liquid alpha.
func (b *book) liquidAlpha(old matrix) matrix {
	low, high := fixed.Share(b.p.AlphaLow), fixed.Share(b.p.AlphaHigh)
	slope := fixed.Int(int64(b.p.AlphaSteepness)).Div(fixed.Int(-100))
	alpha := make(matrix, b.n)
	for i := range alpha {
		if b.wb[i] == nil {
			continue
		}
		alpha[i] = make([]number32, b.n)
		for j := range alpha[i] {
			alpha[i][j] = liquidPair(b.c[j], value(b.wb, i, j), value(old, i, j), low, high, slope)
		}
	}
	return alpha
}

func liquidPair(c, w, bond, low, high, slope number32) number32 {
	d := bond.Sub(w).Clamp(0, fixed.One)
	if w >= bond {
		d = w.Sub(c).Clamp(0, fixed.One)
	}
	g := fixed.One.Div(fixed.One.Add(fixed.Exp(slope.Mul(d.Sub(fixed.Half)))))
	return low.Add(g.Mul(high.Sub(low))).Clamp(low, high)
}

// Step 12.
func (b *book) emission() {
	b.se, b.ve, b.ce = make([]uint64, b.n), make([]uint64, b.n), make([]uint64, b.n)
	incentives, dividends := total(b.i), total(b.d)
	sum := incentives + dividends
	if sum == 0 {
		if !b.p.NoConsensusNoPay {
			b.emergency()
		}
		return
	}
	for k := range b.n {
		if b.p.SplitHalves {
			b.se[k] = half(b.in.Emission, b.i[k], incentives)
			b.ve[k] = half(b.in.Emission, b.d[k], dividends)
			b.ce[k] = b.se[k] + b.ve[k]
			continue
		}
		b.se[k] = pay(b.in.Emission, b.i[k].Div(sum))
		b.ve[k] = pay(b.in.Emission, b.d[k].Div(sum))
		b.ce[k] = pay(b.in.Emission, (b.i[k] + b.d[k]).Div(sum))
	}
}

func (b *book) emergency() {
	share := b.a
	if total(b.a) == 0 {
		share = b.s
	}
	for k := range b.n {
		b.ve[k] = pay(b.in.Emission, share[k])
		b.ce[k] = b.ve[k]
	}
}

func pay(emission uint64, share number32) uint64 {
	return fixed.Amount(emission).Scale(share).Floor()
}

func half(emission uint64, share, sum number32) uint64 {
	return fixed.Part(emission, uint64(share), 2*uint64(sum))
}

// Step 13.
func (b *book) stored() *yuma.Result {
	out := &yuma.Result{
		StakeWeight: u16s(b.s), Consensus: u16s(b.c), Incentive: u16s(b.i), Dividends: u16s(b.d),
		ValidatorTrust: u16s(b.tv), Active: b.active, Permit: b.permit,
		ServerEmission: b.se, ValidatorEmission: b.ve, Emission: b.ce,
		Bonds: make([]yuma.Row, b.n),
		Exact: yuma.Exact{
			Stake: b.s, ActiveStake: b.a, Consensus: b.c, Incentive: b.i, Dividends: b.d,
			ValidatorTrust: b.tv,
		},
	}
	for i, row := range b.e {
		if !b.permit[i] {
			continue
		}
		for j, bond := range row {
			if bond != none {
				out.Bonds[i] = out.Bonds[i].Append(uint16(j), bond.U16())
			}
		}
	}
	return out
}

func u16s(shares []number32) []uint16 {
	out := make([]uint16, len(shares))
	for i, share := range shares {
		out[i] = share.U16()
	}
	return out
}

func not(mask []bool) []bool {
	out := make([]bool, len(mask))
	for i := range mask {
		out[i] = !mask[i]
	}
	return out
}

// dense unpacks rows, as integers or as shares; a uid beyond n is ignored.
func (b *book) dense(rows []yuma.Row, asShares bool) matrix {
	m := make(matrix, b.n)
	for i := range min(b.n, len(rows)) {
		if rows[i].Len() == 0 {
			continue
		}
		m[i] = b.paper.empty(b.n)
		for k := range rows[i].Len() {
			uid, v := rows[i].At(k)
			if int(uid) >= b.n {
				continue
			}
			m[i][uid] = fixed.Int(int64(v))
			if asShares {
				m[i][uid] = fixed.Share(v)
			}
		}
	}
	return m
}

// value returns a cell, 0 without an entry.
func value(m matrix, i, j int) number32 {
	if m[i] == nil || m[i][j] == none {
		return 0
	}
	return m[i][j]
}

// withZeros returns new with an explicit zero in every cell that has an old
// bond or a weight and no entry.
func withZeros(p *paper, next, old, w matrix) matrix {
	out := make(matrix, len(next))
	for i := range out {
		out[i] = p.clone(next[i])
		if old[i] == nil && w[i] == nil {
			continue
		}
		if out[i] == nil {
			out[i] = p.empty(len(out))
		}
		for j := range out[i] {
			out[i][j] = max(out[i][j], 0)
		}
	}
	return out
}
