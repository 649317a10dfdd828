package yuma

import (
	"sync"

	"agora/mechanism/fixed"
)

// Runner computes epochs one after another and keeps its scratch between them: a
// second epoch of the same size allocates nothing. The zero Runner is ready and
// works alone; a Runner is for one goroutine at a time.
type Runner struct {
	// Workers is the number of goroutines that share the rows and columns; 0
	// counts as 1. The result does not depend on it.
	Workers int

	in      *Input
	params  Params
	n       int
	owner   int       // uid with privileges, −1 if none
	results [2]Result // of this Run and the one before
	result  *Result
	arenas  [2][]byte // their bond rows
	arena   []byte
	rows    []row    // by uid
	stake   []uint64 // by uid: A, the share of active stake, units of 2^−32
	voice   []uint64 // by uid: u, A renormalised for the median, below 2^32
	limit   []uint64 // by uid: weights reaching no further than this block are void
	rank    []uint64 // by uid, units of 2^−32
	seats   []int32  // uids with weights that may count or with bonds, ascending
	entries int      // of the weights or of the bonds, whichever are more
	formula formula
	workers []*worker
	phase   phase
	others  sync.WaitGroup // the workers but the first
	turn    int
	order   []int32

	youngest  uint64 // the greatest limit
	lastTempo uint64 // bonds on uids registered before this block count

	observe func(w *worker, j int, cells []uint64)
}

// row is what an epoch reads and writes of one uid as a validator.
type row struct {
	weights Row    // empty unless the uid may set weights
	bonds   Row    // what the last epoch left
	sum     rowSum // of the weights that count
	reach   uint64 // weights on uids registered before this block count
	self    int32  // the uid whose weight is void: its own, nobody for the owner
	keep    bool   // the new bonds are stored
	start   int    // of the new bonds, in arena
}

// formula holds the parameters of steps 6 to 11 as shares.
type formula struct {
	quorum           quorum
	beta             fixed.I32F32
	alpha            uint64 // of the bonds' moving average, units of 2^−32
	kept             uint64 // 1 − alpha
	absolute, liquid bool
	backed           bool // Params.StakeWeightedBonds
	curve            liquidCurve
}

// Run computes one epoch. It never fails: every input has a defined result. The
// steps are those of docs/epoch.md in its order, but for step 10, which needs
// nothing of the steps before it and comes early: bonds are read with the weights.
func (r *Runner) Run(in *Input) *Result {
	r.begin(in)
	r.findActive()
	r.normalizeStake()
	r.choosePermits()
	r.normalizeActiveStake()
	r.admitWeights()
	r.admitBonds()
	r.prepareWorkers()
	r.each(phaseRows)
	r.computeColumns()
	r.normalizeRanks()
	r.sumDividends()
	r.emit()
	r.store()
	r.in = nil
	return r.result
}

// begin sizes the scratch for the input and reads its scalars.
func (r *Runner) begin(in *Input) {
	r.in, r.params = in, in.Params
	r.turn = 1 - r.turn
	r.result = &r.results[r.turn]
	r.n = min(max(in.N, 0), MaxN)
	r.owner = -1
	if in.HasOwner && r.params.OwnerPrivileges {
		r.owner = int(in.Owner)
	}
	n, out := r.n, r.result
	r.rows = grown(r.rows, n)
	r.stake, r.voice = grown(r.stake, n), grown(r.voice, n)
	r.limit, r.rank = sized(r.limit, n), grown(r.rank, n)
	for _, s := range []*[]uint16{
		&out.StakeWeight, &out.Consensus, &out.Incentive, &out.Dividends, &out.ValidatorTrust,
	} {
		*s = grown(*s, n)
	}
	for _, s := range []*[]uint64{&out.ServerEmission, &out.ValidatorEmission, &out.Emission} {
		*s = sized(*s, n)
	}
	out.Active, out.Permit = sized(out.Active, n), sized(out.Permit, n)
	out.Bonds = sized(out.Bonds, n)
	x := &out.Exact
	x.Stake, x.ActiveStake = sized(x.Stake, n), sized(x.ActiveStake, n)
	x.Consensus, x.Incentive = grown(x.Consensus, n), grown(x.Incentive, n)
	x.Dividends, x.ValidatorTrust = sized(x.Dividends, n), sized(x.ValidatorTrust, n)
}

// sized returns s with length n and every element zero, reusing its memory.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
