package keeper

import (
	"errors"
	"slices"
	"strings"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Hooks hears of changes in the subnets.
type Hooks struct{ k *Keeper }

var _ subnettypes.SubnetHooks = Hooks{}

// Hooks returns what the subnet module must tell.
func (k *Keeper) Hooks() Hooks { return Hooks{k} }

// AfterHotKeyRotated does nothing: a card belongs to a neuron, whatever its key.
func (Hooks) AfterHotKeyRotated(sdk.Context, uint32, string, []byte) error { return nil }

// AfterTempoBegan fixes which models the neurons of an open subnet are paid for serving in this tempo.
func (h Hooks) AfterTempoBegan(ctx sdk.Context, netuid uint32, _ []subnettypes.VoiceStake) error {
	subnet, err := h.k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	if err := h.k.forgetCards(ctx, subnet); err != nil {
		return err
	}
	return h.k.takeCards(ctx, subnet)
}

// AfterSubnetDissolved forgets everything about a subnet.
func (h Hooks) AfterSubnetDissolved(ctx sdk.Context, netuid uint32) error {
	var models []types.Model
	if err := h.k.EachModel(ctx, netuid, func(m types.Model) (bool, error) {
		models = append(models, m)
		return false, nil
	}); err != nil {
		return err
	}
	for _, m := range models {
		if err := h.k.unlist(ctx, m); err != nil {
			return err
		}
	}
	if err := h.k.clearCommits(ctx, netuid); err != nil {
		return err
	}
	digests := collections.NewPrefixedPairRange[uint32, string](netuid)
	return errors.Join(
		h.k.tombstones.Clear(ctx, digests), h.k.commons.Clear(ctx, digests),
		h.k.cards.Clear(ctx, collections.NewPrefixedPairRange[uint32, uint64](netuid)),
		h.k.markets.Remove(ctx, netuid), h.k.counts.Remove(ctx, netuid),
	)
}

func (k *Keeper) clearCommits(ctx sdk.Context, netuid uint32) error {
	var open []uint64
	err := k.hashes.Walk(ctx, collections.NewPrefixedTripleRange[uint32, string, []byte](netuid), func(_ byHash, index uint64) (bool, error) {
		open = append(open, index)
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, index := range open {
		commit, err := k.commits.Get(ctx, index)
		if err == nil {
			err = k.dropCommit(ctx, commit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeCards keeps which published model each neuron of an open subnet serves as its tempo begins.
func (k *Keeper) takeCards(ctx sdk.Context, subnet subnettypes.Subnet) error {
	if k.subnets.Value(ctx, subnet.Netuid, subnettypes.Openness) == 0 {
		return nil
	}
	cards := types.Cards{Netuid: subnet.Netuid, Epoch: subnet.Epoch, Height: ctx.BlockHeight()}
	published := map[string]bool{}
	err := k.subnets.EachNeuron(ctx, subnet.Netuid, func(n subnettypes.Neuron) (bool, error) {
		if n.Card == nil || n.Card.Digest == "" {
			return false, nil
		}
		known, asked := published[n.Card.Digest]
		if !asked {
			var err error
			if known, err = k.models.Has(ctx, collections.Join(subnet.Netuid, n.Card.Digest)); err != nil {
				return true, err
			}
			published[n.Card.Digest] = known
		}
		if known {
			cards.Cards = append(cards.Cards, types.Card{
				Uid: n.Uid, Registered: n.Registered, Digest: n.Card.Digest, PriceIn: n.Card.PriceIn, PriceOut: n.Card.PriceOut,
			})
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return k.cards.Set(ctx, collections.Join(subnet.Netuid, subnet.Epoch), cards)
}

// forgetCards removes the cards of tempos whose weights can be paid for no more, and one tempo's of room.
func (k *Keeper) forgetCards(ctx sdk.Context, subnet subnettypes.Subnet) error {
	keep := max(subnet.RevealDelay, 1) + 1
	if subnet.Epoch <= keep {
		return nil
	}
	return k.cards.Clear(ctx, collections.NewPrefixedPairRange[uint32, uint64](subnet.Netuid).EndInclusive(subnet.Epoch-keep-1))
}

// CardsOf returns the cards of a tempo of netuid. The error is ErrNoCards.
func (k *Keeper) CardsOf(ctx sdk.Context, netuid uint32, epoch uint64) (types.Cards, error) {
	cards, err := k.cards.Get(ctx, collections.Join(netuid, epoch))
	if errors.Is(err, collections.ErrNotFound) {
		return cards, types.ErrNoCards.Wrapf("netuid %d, epoch %d", netuid, epoch)
	}
	return cards, err
}

// Attribute fills in which model each miner is paid for having served in epoch, and what of the pay goes to whom: a card
// counts for the neuron that had it when the tempo began. Without cards of that tempo nothing is attributed.
func (k *Keeper) Attribute(ctx sdk.Context, netuid uint32, epoch uint64, miners []emissiontypes.MinerPay) error {
	cards, err := k.cards.Get(ctx, collections.Join(netuid, epoch))
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range miners {
		m := &miners[i]
		at, found := slices.BinarySearchFunc(cards.Cards, m.Uid, func(c types.Card, uid uint32) int { return int(c.Uid) - int(uid) })
		if !found || cards.Cards[at].Registered != m.Registered {
			continue
		}
		if err := k.attribute(ctx, netuid, cards.Cards[at].Digest, m); err != nil {
			return err
		}
	}
	return nil
}

// attribute gives a model's author his part of a miner's pay.
func (k *Keeper) attribute(ctx sdk.Context, netuid uint32, digest string, m *emissiontypes.MinerPay) error {
	model, err := k.models.Get(ctx, collections.Join(netuid, digest))
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m.Model = digest
	common, err := k.commons.Has(ctx, collections.Join(netuid, digest))
	if err != nil || common {
		return err
	}
	if model.Retired || model.AuthorShare == 0 {
		return nil
	}
	m.ToAuthor = model.AuthorPart(m.Amount)
	m.Author, err = network.Account(model.Author)
	return err
}

// NotePaid books what an epoch paid for serving which model. Nothing is booked where no miner has one.
func (k *Keeper) NotePaid(ctx sdk.Context, netuid uint32, epoch uint64, miners []emissiontypes.MinerPay, paid emissiontypes.Paid) error {
	var earned []types.ModelPay // by digest
	for _, m := range miners {
		if m.Model == "" || int(m.Uid) >= len(paid.ByUID) {
			continue
		}
		at, found := slices.BinarySearchFunc(earned, m.Model, func(p types.ModelPay, digest string) int { return strings.Compare(p.Digest, digest) })
		if !found {
			earned = slices.Insert(earned, at, types.ModelPay{Digest: m.Model})
		}
		toAuthor := paid.ToAuthor(m.Uid)
		earned[at].Servers += paid.ByUID[m.Uid] - toAuthor
		earned[at].ToAuthor += toAuthor
	}
	if len(earned) == 0 || paid.Miners == 0 {
		return nil
	}
	market, err := k.Market(ctx, netuid)
	if err != nil {
		return err
	}
	market.PaidCount++
	if err := k.markets.Set(ctx, netuid, market); err != nil {
		return err
	}
	event := &types.ModelsPaid{Netuid: netuid, Epoch: epoch}
	for _, of := range earned {
		pay, err := k.credit(ctx, market, epoch, of)
		if err != nil {
			return err
		}
		event.Pay = append(event.Pay, pay)
	}
	return emit(ctx, event)
}

// credit adds what serving a model earned to its record.
func (k *Keeper) credit(ctx sdk.Context, market types.Market, epoch uint64, pay types.ModelPay) (types.ModelPay, error) {
	key := collections.Join(market.Netuid, pay.Digest)
	model, err := k.models.Get(ctx, key)
	if err != nil {
		return pay, err
	}
	if pay.ToAuthor > 0 {
		pay.Author = model.Author
	}
	if pay.Servers+pay.ToAuthor == 0 {
		return pay, nil
	}
	model.PaidCount, model.PaidEpoch = market.PaidCount, epoch
	model.Earned += pay.Servers + pay.ToAuthor
	model.EarnedAuthor += pay.ToAuthor
	return pay, k.models.Set(ctx, key, model)
}

// MoveAccount gives the models of one account to another: it is what all else of the account does. Commits stay, since
// their hash names their maker.
func (k *Keeper) MoveAccount(ctx sdk.Context, from, to string) error {
	var own []byAuthor
	err := k.authors.Walk(ctx, collections.NewPrefixedTripleRange[string, uint32, string](from), func(key byAuthor) (bool, error) {
		own = append(own, key)
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, key := range own {
		model, err := k.Model(ctx, key.K2(), key.K3())
		if err != nil {
			return err
		}
		if err := k.unlist(ctx, model); err != nil {
			return err
		}
		if model.Author = to; model.Name != "" {
			if taken, err := k.names.Has(ctx, collections.Join3(model.Netuid, to, model.Name)); err != nil || taken {
				return errors.Join(err, types.ErrTaken.Wrapf("%s has a model called %s in netuid %d: retire one first", to, model.Name, model.Netuid))
			}
		}
		if err := k.list(ctx, model); err != nil {
			return err
		}
		if err := emit(ctx, &types.AuthorChanged{Netuid: model.Netuid, Digest: model.Digest, From: from, To: to}); err != nil {
			return err
		}
	}
	return nil
}
