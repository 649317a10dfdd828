package keeper

import (
	"errors"
	"math"
	"math/bits"
	"slices"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// smoothing is the window, in blocks, over which a subnet's emission is averaged before the lowest is pruned:
// a week of blocks of 12 seconds.
const smoothing = 50_400

// EpochAt is the block whose end runs the epoch of the subnet's running tempo.
func EpochAt(subnet types.Subnet) int64 {
	return subnet.TempoStart + int64(subnet.Tempo) - 1
}

// firstTempo is where the first tempo of a subnet begins that starts before block next: not after next, and so that
// the epochs of subnets with one tempo and different netuids fall in different blocks.
func firstTempo(next int64, netuid uint32, tempo uint64) int64 {
	past := (next - int64(netuid)) % int64(tempo)
	if past < 0 {
		past += int64(tempo)
	}
	return next - past
}

// AdvanceEpoch ends the running tempo after its epoch has run: seats change hands, the price of a seat halves, the counter
// rises by one, and the next tempo begins in the next block with the calendar that the parameters give now. then gives
// parameters as they were when the tempo began.
func (k *Keeper) AdvanceEpoch(ctx sdk.Context, netuid uint32, then func(name string) int64) error {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	voices, err := k.Stakes(ctx, netuid)
	if err != nil {
		return err
	}
	replaced, err := k.tryChangeSeats(ctx, &subnet, then, voices)
	if err != nil {
		return err
	}
	voices = slices.DeleteFunc(voices, func(v types.VoiceStake) bool { return slices.Contains(replaced, v.Voice.Uid) })
	subnet.Epoch++
	subnet.TempoStart = ctx.BlockHeight() + 1
	subnet.BurnPrice, subnet.Outbid = k.withinBurn(ctx, netuid, subnet.BurnPrice/2), 0
	k.beginTempo(ctx, &subnet)
	if err := k.subnets.Set(ctx, netuid, subnet); err != nil {
		return err
	}
	return k.hooks.AfterTempoBegan(ctx, netuid, voices)
}

// beginTempo fixes for a tempo what must not change under those who speak in it: its length, how long commits wait, and
// whether there are any.
func (k *Keeper) beginTempo(ctx sdk.Context, subnet *types.Subnet) {
	value := k.Values(ctx)
	subnet.Tempo = uint64(value(subnet.Netuid, types.Tempo))
	subnet.RevealDelay = uint64(value(subnet.Netuid, types.RevealDelay))
	subnet.OpenWeights = value(subnet.Netuid, types.CommitReveal) == 0
	k.describe(ctx, subnet)
}

// RecordStanding keeps what an epoch decided, by uid: the emission (rao) that the change of seats compares and the permits
// that protect voices, for MaxAbsence epochs more. It also renews the subnet's smoothed emission per block.
func (k *Keeper) RecordStanding(ctx sdk.Context, netuid uint32, emissions []uint64, permits []bool) error {
	last, err := k.standing(ctx, netuid)
	if err != nil {
		return err
	}
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	var total uint64
	for _, e := range emissions {
		total = addSaturating(total, e)
	}
	return k.standings.Set(ctx, netuid, types.Standing{
		Netuid: netuid, Emissions: emissions, KeptUntil: keptUntil(last.KeptUntil, permits, subnet.Epoch),
		Smoothed: smooth(last.Smoothed, total, blocksSince(ctx, last.Height)), Height: ctx.BlockHeight(),
	})
}

// keptUntil renews the terms of the voices that epoch permits and ends those that have passed.
func keptUntil(last []uint64, permits []bool, epoch uint64) []uint64 {
	terms := make([]uint64, len(permits))
	for uid, permitted := range permits {
		switch until := at(last, uid); {
		case permitted:
			terms[uid] = epoch + types.MaxAbsence
		case until >= epoch:
			terms[uid] = until
		}
	}
	return terms
}

// standing returns what the last epoch of netuid left, nothing before the first.
func (k *Keeper) standing(ctx sdk.Context, netuid uint32) (types.Standing, error) {
	s, err := k.standings.Get(ctx, netuid)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Standing{Netuid: netuid, Height: ctx.BlockHeight()}, nil
	}
	return s, err
}

// smooth is the average emission per block after total rao in blocks, s in rao per block:
//
//	s ← (s·W + total) / (W + blocks), W the smoothing window
func smooth(s, total, blocks uint64) uint64 {
	hi, lo := bits.Mul64(s, smoothing)
	lo, carry := bits.Add64(lo, total, 0)
	hi += carry
	window := addSaturating(smoothing, blocks)
	if hi >= window {
		return math.MaxUint64
	}
	quotient, _ := bits.Div64(hi, lo, window)
	return quotient
}

// smoothedNow is a subnet's smoothed emission in rao per block, decayed since its last epoch.
func (k *Keeper) smoothedNow(ctx sdk.Context, netuid uint32) (uint64, error) {
	s, err := k.standing(ctx, netuid)
	return smooth(s.Smoothed, 0, blocksSince(ctx, s.Height)), err
}

func blocksSince(ctx sdk.Context, height int64) uint64 {
	return uint64(max(0, ctx.BlockHeight()-height))
}

func addSaturating(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}
