package keeper

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
)

// Why a bid is returned, as the event says.
const (
	wasOutbid    = "outbid"
	wasRaised    = "raised"
	foundNoSeat  = "no seat changed hands"
	keyTaken     = "the hot key or its owner cannot take a seat any more"
	subnetIsGone = "the subnet was dissolved"
)

// Quota is how many seats of a subnet of most places change hands after one epoch at most: nobody can sweep a subnet, and
// nobody can be kept out of it for long.
func Quota(most int64) int { return int(max(4, most/16)) }

// Bids returns the bids that wait in netuid, the best first: by amount, then by number. There are at most Quota.
func (k *Keeper) Bids(ctx sdk.Context, netuid uint32) ([]types.Bid, error) {
	var bids []types.Bid
	err := k.bids.Walk(ctx, collections.NewPrefixedPairRange[uint32, uint64](netuid),
		func(_ collections.Pair[uint32, uint64], bid types.Bid) (bool, error) {
			bids = append(bids, bid)
			return false, nil
		})
	slices.SortStableFunc(bids, func(a, b types.Bid) int { return cmp.Compare(b.Amount, a.Amount) })
	return bids, err
}

// placeBid takes a bid and its rao into the queue of a full subnet. A queue as long as the quota has room for a higher bid
// only: the lowest goes and gets everything back. A hot key that bids again must bid more, and gets its last bid back.
// Errors: ErrNoRoom before the subnet has started, ErrOutbid, or the bank's.
func (k *Keeper) placeBid(ctx sdk.Context, subnet types.Subnet, bid types.Bid) (err error) {
	if !subnet.Started {
		return fmt.Errorf("%w: netuid %d is full, and its seats change hands after its epochs only; it has not started", types.ErrNoRoom, subnet.Netuid)
	}
	bids, err := k.Bids(ctx, subnet.Netuid)
	if err != nil {
		return err
	}
	own := slices.IndexFunc(bids, func(b types.Bid) bool { return bytes.Equal(b.HotKey, bid.HotKey) })
	most := Quota(k.stored(ctx, subnet.Netuid, types.MaxUids))
	switch {
	case own >= 0:
		err = k.replaceBid(ctx, bids[own], bid, wasRaised)
	case len(bids) >= most:
		lowest := bids[len(bids)-1]
		subnet.Outbid = max(subnet.Outbid, lowest.Amount)
		err = k.replaceBid(ctx, lowest, bid, wasOutbid)
	}
	if err != nil {
		return err
	}
	if err := k.collect(ctx, bid.Owner, bid.Amount); err != nil {
		return err
	}
	if bid.Number, err = k.bidNumber.Next(ctx); err != nil {
		return err
	}
	if err := k.putBid(ctx, bid); err != nil {
		return err
	}
	if err := k.subnets.Set(ctx, subnet.Netuid, subnet); err != nil {
		return err
	}
	return k.emit(ctx, &types.BidPlaced{Netuid: bid.Netuid, HotKey: bid.HotKey, Owner: bid.Owner, Amount: bid.Amount})
}

func (k *Keeper) putBid(ctx sdk.Context, bid types.Bid) error {
	return k.bids.Set(ctx, collections.Join(bid.Netuid, bid.Number), bid)
}

// replaceBid returns a bid to make room for a higher one. The error is ErrOutbid if that is not higher.
func (k *Keeper) replaceBid(ctx sdk.Context, old, bid types.Bid, reason string) error {
	if bid.Amount <= old.Amount {
		return fmt.Errorf("%w: netuid %d has bids for all seats that change hands after this epoch, the lowest of %d rao; bid more or wait",
			types.ErrOutbid, bid.Netuid, old.Amount)
	}
	return k.endBid(ctx, old, old.Amount, reason)
}

// endBid takes a bid out of the queue and gives rao of it back. What cannot be paid back is burned.
func (k *Keeper) endBid(ctx sdk.Context, bid types.Bid, rao uint64, reason string) error {
	if err := k.bids.Remove(ctx, collections.Join(bid.Netuid, bid.Number)); err != nil {
		return err
	}
	if rao == 0 {
		return nil
	}
	if err := k.giveBack(ctx, bid.Owner, rao); err != nil {
		reason = fmt.Sprintf("burned: %v", err)
		if err := k.burner.BurnFrom(ctx, types.ModuleName, rao, "bid"); err != nil {
			return err
		}
	}
	if reason == "" {
		return nil
	}
	return k.emit(ctx, &types.BidReturned{Netuid: bid.Netuid, HotKey: bid.HotKey, Owner: bid.Owner, Amount: rao, Reason: reason})
}

// giveBack pays rao out of the module's account, all or nothing.
func (k *Keeper) giveBack(ctx sdk.Context, owner string, rao uint64) error {
	to, err := network.Account(owner)
	if err != nil {
		return err
	}
	attempt, write := ctx.CacheContext()
	if err := k.bank.SendCoinsFromModuleToAccount(attempt, types.ModuleName, to, network.Coins(rao)); err != nil {
		return err
	}
	write()
	return nil
}

// returnBids gives every bid of a subnet back.
func (k *Keeper) returnBids(ctx sdk.Context, netuid uint32, reason string) error {
	bids, err := k.Bids(ctx, netuid)
	if err != nil {
		return err
	}
	for _, bid := range bids {
		if err := k.endBid(ctx, bid, bid.Amount, reason); err != nil {
			return err
		}
	}
	return nil
}
