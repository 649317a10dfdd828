package types

import subnettypes "agora/chain/x/subnet/types"

// Phase is the part of a tempo that a block lies in.
type Phase int

// The phases of a tempo, in order. Overdue is a tempo whose epoch was deferred.
const (
	Committing Phase = iota + 1
	Revealing
	Quiet
	Overdue
)

// NewSchedule returns the calendar of a subnet's running tempo. With T its length and S its first block:
//
//	commit   S … S + T/2 − 1
//	reveal   S + T/2 … S + T − 1 − max(1, T/10)
//	quiet    the last max(1, T/10) blocks, the last of which runs the epoch
//
// A tempo shorter than 3 blocks counts as 3.
func NewSchedule(subnet subnettypes.Subnet) Schedule {
	tempo := max(3, int64(subnet.Tempo))
	start := subnet.TempoStart
	return Schedule{
		Netuid:       subnet.Netuid,
		Epoch:        subnet.Epoch,
		Tempo:        uint64(tempo),
		Start:        start,
		CommitUntil:  start + tempo/2 - 1,
		RevealFrom:   start + tempo/2,
		RevealUntil:  start + tempo - 1 - max(1, tempo/10),
		EpochAt:      start + tempo - 1,
		RevealDelay:  subnet.RevealDelay,
		CommitReveal: !subnet.OpenWeights,
	}
}

// PhaseAt returns the part of the running tempo that height lies in; heights before it count as Committing.
func (s Schedule) PhaseAt(height int64) Phase {
	switch {
	case height <= s.CommitUntil:
		return Committing
	case height <= s.RevealUntil:
		return Revealing
	case height <= s.EpochAt:
		return Quiet
	}
	return Overdue
}

// RevealOf returns the epoch whose commits are revealed in the running tempo; false before there is one.
func (s Schedule) RevealOf() (epoch uint64, ok bool) {
	if s.Epoch < s.RevealDelay {
		return 0, false
	}
	return s.Epoch - s.RevealDelay, true
}
