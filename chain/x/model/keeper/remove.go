package keeper

import (
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Why a model is removed, as the event says.
const (
	byRequest  = "requested"
	byEviction = "evicted"
)

// Retire gives up a model's name and share on behalf of its author. Whoever serves it goes on, and keeps all of the pay.
// Errors: ErrNoModel, ErrNotAllowed.
func (k *Keeper) Retire(ctx sdk.Context, author string, netuid uint32, digest string) error {
	model, err := k.Model(ctx, netuid, digest)
	if err != nil {
		return err
	}
	if model.Author != author {
		return fmt.Errorf("%w: the author of %s is %s", types.ErrNotAllowed, digest, model.Author)
	}
	if model.Retired {
		return fmt.Errorf("%w: %s is retired", types.ErrNotAllowed, digest)
	}
	if err := k.names.Remove(ctx, collections.Join3(netuid, author, model.Name)); err != nil {
		return err
	}
	model.Retired, model.Name = true, ""
	if err := k.models.Set(ctx, collections.Join(netuid, digest), model); err != nil {
		return err
	}
	return emit(ctx, &types.ModelRetired{Netuid: netuid, Digest: digest, Author: author})
}

// Remove takes a model off the list that nobody serves and that has earned nothing for long; a tombstone keeps author and
// order. Errors: ErrNoModel, ErrInUse.
func (k *Keeper) Remove(ctx sdk.Context, netuid uint32, digest string) error {
	model, err := k.Model(ctx, netuid, digest)
	if err != nil {
		return err
	}
	uses, err := k.uses(ctx, netuid)
	if err != nil {
		return err
	}
	if why := uses.keeps(model); why != "" {
		return fmt.Errorf("%w: %s %s", types.ErrInUse, digest, why)
	}
	return k.bury(ctx, model, byRequest)
}

// bury replaces a model by its tombstone.
func (k *Keeper) bury(ctx sdk.Context, model types.Model, reason string) error {
	if err := k.unlist(ctx, model); err != nil {
		return err
	}
	if err := k.tombstones.Set(ctx, collections.Join(model.Netuid, model.Digest), model.Tombstone()); err != nil {
		return err
	}
	return emit(ctx, &types.ModelRemoved{Netuid: model.Netuid, Digest: model.Digest, Author: model.Author, Reason: reason})
}

// evict removes, of the models that may go, the one that earned longest ago, of several the one committed first. The error
// is ErrNoRoom if none may.
func (k *Keeper) evict(ctx sdk.Context, subnet subnettypes.Subnet) error {
	uses, err := k.uses(ctx, subnet.Netuid)
	if err != nil {
		return err
	}
	var last *types.Model
	err = k.EachModel(ctx, subnet.Netuid, func(m types.Model) (bool, error) {
		if uses.keeps(m) != "" {
			return false, nil
		}
		if last == nil || m.PaidCount < last.PaidCount || m.PaidCount == last.PaidCount && m.Index < last.Index {
			last = &m
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	if last == nil {
		return fmt.Errorf("%w: netuid %d lists %d models and none may be removed", types.ErrNoRoom, subnet.Netuid, types.MaxModels)
	}
	return k.bury(ctx, *last, byEviction)
}

// uses is what holds the models of a subnet on the list.
type uses struct {
	subnet  subnettypes.Subnet
	market  types.Market
	servers map[string]uint32 // neurons whose card names a digest now
	cards   map[string]bool   // digests of cards that were or will be paid for
}

func (k *Keeper) uses(ctx sdk.Context, netuid uint32) (u uses, err error) {
	u.servers, u.cards = map[string]uint32{}, map[string]bool{}
	if u.subnet, err = k.subnets.Subnet(ctx, netuid); err != nil {
		return u, err
	}
	if u.market, err = k.Market(ctx, netuid); err != nil {
		return u, err
	}
	for _, named := range [][]types.Served{u.market.Served, u.market.Next} {
		for _, s := range named {
			u.cards[s.Digest] = true
		}
	}
	err = k.subnets.EachNeuron(ctx, netuid, func(n subnettypes.Neuron) (bool, error) {
		if n.Card != nil && n.Card.Digest != "" {
			u.servers[n.Card.Digest]++
		}
		return false, nil
	})
	if err != nil {
		return u, err
	}
	return u, k.cards.Walk(ctx, collections.NewPrefixedPairRange[uint32, uint64](netuid), func(_ byEpoch, c types.Cards) (bool, error) {
		for _, card := range c.Cards {
			u.cards[card.Digest] = true
		}
		return false, nil
	})
}

// keeps says why a model must stay; empty if it may be removed.
func (u uses) keeps(m types.Model) string {
	idle, age := u.market.PaidCount-min(m.PaidCount, u.market.PaidCount), u.subnet.Epoch-min(m.PublishedEpoch, u.subnet.Epoch)
	switch {
	case u.servers[m.Digest] > 0 || u.cards[m.Digest]:
		return "is served"
	case m.Retired:
		return ""
	case idle < types.IdleEpochs || age < types.IdleTempos:
		return fmt.Sprintf("may be removed after %d epochs that paid, and %d tempos, without pay of its own: it was %d and %d",
			types.IdleEpochs, types.IdleTempos, idle, age)
	}
	return ""
}

// ListCommons says of digests that they were public before, on behalf of the subnet's owner before it starts, or of
// governance: the share of their author stays with their servers. Errors: ErrNotAllowed, the subnet module's ErrNoSubnet.
func (k *Keeper) ListCommons(ctx sdk.Context, sender string, netuid uint32, digests []string) error {
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	if sender != k.authority && (sender != subnet.Owner || subnet.Started) {
		return fmt.Errorf("%w: commons of netuid %d are listed by its owner before it starts, then by a proposal", types.ErrNotAllowed, netuid)
	}
	for _, digest := range digests {
		if err := k.commons.Set(ctx, collections.Join(netuid, digest)); err != nil {
			return err
		}
	}
	return emit(ctx, &types.CommonsListed{Netuid: netuid, Digests: digests})
}

// SetServed names the digests of a serving market with their parts: at once before it starts or by governance, by its owner
// after the notice. It returns when they come into force. Errors: ErrNotAllowed, ErrInvalid, the subnet module's ErrNoSubnet.
func (k *Keeper) SetServed(ctx sdk.Context, sender string, netuid uint32, served []types.Served) (fromUnixNano int64, err error) {
	if err := types.CheckServed(served); err != nil {
		return 0, err
	}
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return 0, err
	}
	if sender != subnet.Owner && sender != k.authority {
		return 0, fmt.Errorf("%w: %s neither owns netuid %d nor is governance", types.ErrNotAllowed, sender, netuid)
	}
	market, err := k.Market(ctx, netuid)
	if err != nil {
		return 0, err
	}
	now := ctx.BlockTime().UnixNano()
	market.Served = market.ServedAt(now)
	market.Next, market.NextFromUnixNano = nil, 0
	fromUnixNano = now
	if subnet.Started && sender != k.authority {
		if fromUnixNano, err = k.subnets.NoticeUntil(ctx); err != nil {
			return 0, err
		}
		market.Next, market.NextFromUnixNano = served, fromUnixNano
	} else {
		market.Served = served
	}
	if err := k.markets.Set(ctx, netuid, market); err != nil {
		return 0, err
	}
	return fromUnixNano, emit(ctx, &types.ServedSet{Netuid: netuid, Served: served, FromUnixNano: fromUnixNano})
}
