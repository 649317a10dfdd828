package keeper

import (
	"cmp"
	"fmt"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// hall is what a change of seats knows.
type hall struct {
	neurons  []types.Neuron
	standing types.Standing
	free     int      // seats that nobody has
	yielding []uint32 // uids that may be taken, the weakest first
	replaced []uint32 // uids that were
}

// changeSeats ends a tempo's bidding, right after its epoch: whoever sat was paid. The best bids, at most Quota, take the
// seats that are free and then those of the weakest. All of them burn the same: the price or, where more bid than there
// were seats, the highest bid that got none. The others get everything back. then gives parameters as they were when the
// tempo began, voices are those of now. It returns the uids that changed hands.
func (k *Keeper) changeSeats(ctx sdk.Context, subnet *types.Subnet, then func(name string) int64, voices []types.VoiceStake) ([]uint32, error) {
	bids, err := k.Bids(ctx, subnet.Netuid)
	if err != nil {
		return nil, err
	}
	subnet.Shut = false
	if len(bids) == 0 && (!k.isFull(ctx, *subnet) || len(voices)+1 < int(subnet.Size_)) {
		return nil, nil // a seat is free or not protected, so the door is open, and nobody came
	}
	h, err := k.enter(ctx, *subnet, then(types.Immunity), voices)
	if err != nil {
		return nil, err
	}
	open := h.free + len(h.yielding)
	subnet.Shut = open == 0 && subnet.RegistrationHeight < subnet.TempoStart
	winners, bar, err := k.settleBids(ctx, bids, min(Quota(then(types.MaxUids)), open))
	if err != nil {
		return nil, err
	}
	paid := max(k.registerPrice(ctx, *subnet), subnet.Outbid, bar)
	for _, bid := range winners {
		if k.checkBidder(ctx, bid) != nil { // a seat that was just given may be the reason
			if err := k.endBid(ctx, bid, bid.Amount, keyTaken); err != nil {
				return nil, err
			}
			continue
		}
		if err := k.seatBid(ctx, subnet, h, bid, min(paid, bid.Amount)); err != nil {
			return nil, err
		}
	}
	if len(h.replaced) == 0 {
		return nil, nil
	}
	return h.replaced, k.standings.Set(ctx, subnet.Netuid, h.standing)
}

// tryChangeSeats is changeSeats in a context of its own: if it fails, nothing of it remains but an event, the bids wait
// for the next epoch, and the chain goes on.
func (k *Keeper) tryChangeSeats(ctx sdk.Context, subnet *types.Subnet, then func(name string) int64, voices []types.VoiceStake) (replaced []uint32, err error) {
	attempt, write := ctx.CacheContext()
	changed := *subnet
	func() {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		replaced, err = k.changeSeats(attempt, &changed, then, voices)
	}()
	if err != nil {
		return nil, k.emit(ctx, &types.SeatsKept{Netuid: subnet.Netuid, Epoch: subnet.Epoch, Reason: fmt.Sprintf("%.256v", err)})
	}
	write()
	*subnet = changed
	return replaced, nil
}

// enter looks at who sits in a subnet and who of them may have to go.
func (k *Keeper) enter(ctx sdk.Context, subnet types.Subnet, immunity int64, voices []types.VoiceStake) (*hall, error) {
	neurons, err := k.Neurons(ctx, subnet.Netuid)
	if err != nil {
		return nil, err
	}
	standing, err := k.standing(ctx, subnet.Netuid)
	if err != nil {
		return nil, err
	}
	spared := protected(subnet, neurons, voices, standing)
	return &hall{
		neurons: neurons, standing: standing,
		free:     max(0, int(k.stored(ctx, subnet.Netuid, types.MaxUids))-len(neurons)),
		yielding: yielding(ctx.BlockHeight(), neurons, spared, immunity, standing.Emissions),
	}, nil
}

// settleBids divides bids, the best first, into the seats' winners and those that are returned. bar is the highest bid of
// those that found no seat.
func (k *Keeper) settleBids(ctx sdk.Context, bids []types.Bid, seats int) (winners []types.Bid, bar uint64, err error) {
	for _, bid := range bids {
		reason := ""
		switch {
		case k.checkBidder(ctx, bid) != nil:
			reason = keyTaken
		case len(winners) == seats:
			reason, bar = foundNoSeat, max(bar, bid.Amount)
		default:
			winners = append(winners, bid)
			continue
		}
		if err := k.endBid(ctx, bid, bid.Amount, reason); err != nil {
			return nil, 0, err
		}
	}
	return winners, bar, nil
}

// checkBidder repeats what can have changed since the bid was placed.
func (k *Keeper) checkBidder(ctx sdk.Context, bid types.Bid) error {
	if err := k.checkApart(ctx, bid.Owner, bid.HotKey); err != nil {
		return err
	}
	return k.checkFree(ctx, bid.Netuid, bid.Owner, bid.HotKey)
}

// seatBid gives a bid a free seat, or the next that yields, burns paid rao of it and returns the rest.
func (k *Keeper) seatBid(ctx sdk.Context, subnet *types.Subnet, h *hall, bid types.Bid, paid uint64) error {
	uid := subnet.Size_
	evicts := h.free == 0
	if evicts {
		uid = h.yielding[0]
		h.yielding, h.replaced = h.yielding[1:], append(h.replaced, uid)
		h.standing.Forget(uid)
		if err := k.dropNeuron(ctx, h.neurons[uid]); err != nil {
			return err
		}
	} else {
		h.free--
		subnet.Size_++
	}
	if err := k.burner.BurnFrom(ctx, types.ModuleName, paid, "registration"); err != nil {
		return err
	}
	if err := k.endBid(ctx, bid, bid.Amount-paid, ""); err != nil {
		return err
	}
	if err := k.seat(ctx, subnet, types.Neuron{Uid: uid, HotKey: bid.HotKey, Owner: bid.Owner}, paid); err != nil {
		return err
	}
	return k.emit(ctx, &types.NeuronRegistered{
		Netuid: subnet.Netuid, Uid: uid, HotKey: bid.HotKey, Owner: bid.Owner, Price: paid, Evicted: evicts, Returned: bid.Amount - paid,
	})
}

// protected marks by uid whose seat is never taken: a voice that is permitted now or was in one of the last tempos, and
// the oldest neuron of the subnet's owner.
func protected(subnet types.Subnet, neurons []types.Neuron, voices []types.VoiceStake, standing types.Standing) []bool {
	spared := make([]bool, len(neurons))
	owners := -1
	for uid, neuron := range neurons {
		if neuron.Owner == subnet.Owner && (owners < 0 || neuron.Registered < neurons[owners].Registered) {
			owners = uid
		}
	}
	if owners >= 0 {
		spared[owners] = true
	}
	for _, v := range voices {
		if v.Permitted || keepsSeat(standing, v.Voice, subnet.Epoch) {
			spared[v.Voice.Uid] = true
		}
	}
	return spared
}

// keepsSeat tells whether a voice was permitted in one of the last MaxAbsence epochs before epoch: a jail or a silence
// does not cost the seat.
func keepsSeat(standing types.Standing, voice types.Voice, epoch uint64) bool {
	return at(standing.KeptUntil, int(voice.Uid)) >= max(epoch, 1)
}

// yielding lists the uids whose seats may be taken, lowest first by (emission of the last epoch, registration, uid): all
// that are neither protected nor immune. Where those are fewer than leastOpen, the longest seated of the immune are too.
func yielding(height int64, neurons []types.Neuron, protected []bool, immunity int64, emissions []uint64) []uint32 {
	var open, immune []uint32
	for uid, n := range neurons {
		switch {
		case protected[uid]:
		case height < max(n.Registered+immunity, n.JudgedFrom):
			immune = append(immune, uint32(uid))
		default:
			open = append(open, uint32(uid))
		}
	}
	older := func(a, b uint32) int { return cmp.Compare(neurons[a].Registered, neurons[b].Registered) }
	slices.SortStableFunc(immune, older)
	short := max(0, leastOpen(len(neurons))-len(open))
	open = append(open, immune[:min(short, len(immune))]...)
	slices.SortFunc(open, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(at(emissions, int(a)), at(emissions, int(b))), older(a, b), cmp.Compare(a, b))
	})
	return open
}

// leastOpen is how many of n seats are not immune at least: a fifth, and of a small subnet a quarter or ten, whichever is
// less.
func leastOpen(n int) int { return max((n+4)/5, min((n+3)/4, 10)) }

// mostJudging is the longest time, in blocks, for which a neuron is safe because nobody can have judged it.
const mostJudging = 100_000

// judgedFrom is the block from which a neuron that registers now can have been judged: weights made after its
// registration have been revealed and have decided an epoch. Until then it is immune, whatever the owner changes meanwhile.
//
//	registered + min((reveal_delay + 2) · tempo, 100,000)
func (k *Keeper) judgedFrom(ctx sdk.Context, subnet types.Subnet) int64 {
	value := k.Values(ctx)
	delay := max(int64(subnet.RevealDelay), value(subnet.Netuid, types.RevealDelay))
	tempo := max(int64(subnet.Tempo), value(subnet.Netuid, types.Tempo))
	return ctx.BlockHeight() + min((delay+2)*tempo, mostJudging)
}

// at is column[i], the zero value beyond its end: a uid that registered after the last epoch has no entry.
func at[T any](column []T, i int) (zero T) {
	if i < len(column) {
		return column[i]
	}
	return zero
}
