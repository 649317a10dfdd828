package types

import sdk "github.com/cosmos/cosmos-sdk/types"

// SlotsPerTempo is how many free messages of one kind a hot key may send to a subnet in one tempo.
const SlotsPerTempo = 2

// Kinds of free messages, each with slots of its own: commits, reveals, direct weights and model cards.
const (
	SlotCommit uint32 = iota + 1
	SlotReveal
	SlotWeights
	SlotModel
)

// SlotKinds lists the kinds of free messages.
var SlotKinds = []uint32{SlotCommit, SlotReveal, SlotWeights, SlotModel}

type slotsTaken struct{}

// WithSlotsTaken marks a transaction whose slots the ante handler has taken, so that the keepers do not take them again.
// A message that reaches a keeper without the ante handler (inside authz or a proposal) has no mark and takes its own.
func WithSlotsTaken(ctx sdk.Context) sdk.Context {
	return ctx.WithValue(slotsTaken{}, true)
}

// SlotsTaken tells whether the ante handler has taken the slots of this transaction.
func SlotsTaken(ctx sdk.Context) bool {
	taken, _ := ctx.Value(slotsTaken{}).(bool)
	return taken
}
