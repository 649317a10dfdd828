package types

import "fmt"

// Limits on what governance can set, so that no proposal can stop the market or make a block endless.
const (
	mostUids    = 4_096
	leastUids   = 16 // a quarter of which are four seats that newcomers may take
	mostSubnets = 1_024
	mostTempo   = 1_000_000
	leastTempo  = 3 // one block each to commit, to reveal and to rest
)

// DefaultParams are the module's parameters at genesis.
func DefaultParams() Params {
	const day = 86_400
	return Params{
		MinLock:               1_000_000_000_000,
		LockHalvingSeconds:    14 * day,
		MaxSubnets:            128,
		MaxCreationsPerDay:    4,
		SubnetImmunitySeconds: 182 * day,
		MinUids:               64,
		MaxUids:               4_096,
		OwnerChangeSeconds:    3 * day,
		TaskChangeSeconds:     7 * day,
		MinTempo:              360,
		MaxTempo:              50_400,
		LockBurnBps:           1_000,
		MaxProofBlocks:        14_400,
		NoticeSeconds:         14 * day,
	}
}

// Validate checks every bound. The error is ErrOutOfBounds.
func (p Params) Validate() error {
	for _, b := range []struct {
		name            string
		value, min, max uint64
	}{
		{"min_lock", p.MinLock, 1, 21e15},
		{"lock_halving_seconds", p.LockHalvingSeconds, 1, 1 << 32},
		{"max_subnets", uint64(p.MaxSubnets), 1, mostSubnets},
		{"max_creations_per_day", uint64(p.MaxCreationsPerDay), 1, mostSubnets},
		{"subnet_immunity_seconds", p.SubnetImmunitySeconds, 0, 1 << 32},
		{"min_uids", uint64(p.MinUids), leastUids, mostUids},
		{"max_uids", uint64(p.MaxUids), uint64(p.MinUids), mostUids},
		{"owner_change_seconds", p.OwnerChangeSeconds, 0, 1 << 32},
		{"task_change_seconds", p.TaskChangeSeconds, 0, 1 << 32},
		{"min_tempo", p.MinTempo, leastTempo, mostTempo},
		{"max_tempo", p.MaxTempo, p.MinTempo, mostTempo},
		{"lock_burn_bps", uint64(p.LockBurnBps), 0, 10_000},
		{"max_proof_blocks", p.MaxProofBlocks, 1, mostTempo},
		{"notice_seconds", p.NoticeSeconds, 0, 1 << 32},
	} {
		if b.value < b.min || b.value > b.max {
			return fmt.Errorf("%w: %s = %d, want %d to %d", ErrOutOfBounds, b.name, b.value, b.min, b.max)
		}
	}
	return nil
}

// TaskWait is how long another module of a subnet must be known before it judges, in seconds.
func (p Params) TaskWait() uint64 {
	if p.TaskChangeSeconds == 0 {
		return DefaultParams().TaskChangeSeconds
	}
	return p.TaskChangeSeconds
}
