package keeper

import (
	"cmp"
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Commit binds author to a model by its hash and burns a tenth of the fee. maxFee (rao) bounds the fee without the part
// for size, 0 is no bound. Errors: ErrTaken, ErrTooExpensive, ErrNotAllowed, the subnet module's ErrNoSubnet, the bank's.
func (k *Keeper) Commit(ctx sdk.Context, author string, netuid uint32, hash []byte, maxFee uint64) (types.Commit, error) {
	if err := k.checkAuthor(ctx, author); err != nil {
		return types.Commit{}, err
	}
	if _, err := k.subnets.Subnet(ctx, netuid); err != nil {
		return types.Commit{}, err
	}
	if err := k.forgetCommits(ctx); err != nil {
		return types.Commit{}, err
	}
	key := collections.Join3(netuid, author, hash)
	if has, err := k.hashes.Has(ctx, key); err != nil || has {
		return types.Commit{}, errors.Join(err, fmt.Errorf("%w: this hash was committed; use a fresh salt", types.ErrTaken))
	}
	fee := uint64(k.subnets.Value(ctx, netuid, subnettypes.ModelFee))
	if maxFee > 0 && fee > maxFee {
		return types.Commit{}, fmt.Errorf("%w: the fee is %d rao, the maximum %d", types.ErrTooExpensive, fee, maxFee)
	}
	if err := k.burn(ctx, author, types.CommitFee(fee), "commit of a model"); err != nil {
		return types.Commit{}, err
	}
	index, err := k.next.Next(ctx)
	if err != nil {
		return types.Commit{}, err
	}
	commit := types.Commit{Netuid: netuid, Author: author, Hash: hash, Height: ctx.BlockHeight(), Index: index, Fee: fee}
	if err := k.putCommit(ctx, commit); err != nil {
		return types.Commit{}, err
	}
	return commit, emit(ctx, &types.ModelCommitted{
		Netuid: netuid, Author: author, Hash: hash, Index: index, Burned: types.CommitFee(fee),
	})
}

// checkAuthor refuses accounts that could not be paid or own nothing: modules' and hot keys'.
func (k *Keeper) checkAuthor(ctx sdk.Context, author string) error {
	address, err := network.Account(author)
	if err != nil {
		return fmt.Errorf("%w: %w", types.ErrInvalid, err)
	}
	if _, hot := k.subnets.HotAccountKey(ctx, address); hot || k.bank.BlockedAddr(address) {
		return fmt.Errorf("%w: %s is a hot key's or a module's account and cannot own anything; use a cold key", types.ErrNotAllowed, author)
	}
	return nil
}

func (k *Keeper) putCommit(ctx sdk.Context, c types.Commit) error {
	if err := k.hashes.Set(ctx, collections.Join3(c.Netuid, c.Author, c.Hash), c.Index); err != nil {
		return err
	}
	return k.commits.Set(ctx, c.Index, c)
}

func (k *Keeper) dropCommit(ctx sdk.Context, c types.Commit) error {
	if err := k.hashes.Remove(ctx, collections.Join3(c.Netuid, c.Author, c.Hash)); err != nil {
		return err
	}
	return k.commits.Remove(ctx, c.Index)
}

// forgetCommits removes the oldest commits that nobody can open any more, twice as many as a commit adds.
func (k *Keeper) forgetCommits(ctx sdk.Context) error {
	var old []types.Commit
	err := k.commits.Walk(ctx, nil, func(_ uint64, c types.Commit) (bool, error) {
		if c.Height+types.MostWait >= ctx.BlockHeight() {
			return true, nil
		}
		old = append(old, c)
		return len(old) == 2, nil
	})
	if err != nil {
		return err
	}
	for _, c := range old {
		if err := k.dropCommit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Publish opens a commit of its author and lists the model: first comes who committed first, whenever he publishes within
// the wait. What is left of the fee is burned. Errors: ErrInvalid, ErrNoCommit, ErrTooSoon, ErrTaken, ErrTooLarge,
// ErrLicence, ErrNoRoom, the subnet module's ErrNoSubnet, the bank's.
func (k *Keeper) Publish(ctx sdk.Context, m *types.MsgPublishModel) (types.Model, uint64, error) {
	if err := m.ValidateBasic(); err != nil {
		return types.Model{}, 0, err
	}
	subnet, err := k.subnets.Subnet(ctx, m.Netuid)
	if err != nil {
		return types.Model{}, 0, err
	}
	commit, err := k.openCommit(ctx, m)
	if err != nil {
		return types.Model{}, 0, err
	}
	if err := k.checkWanted(ctx, m); err != nil {
		return types.Model{}, 0, err
	}
	model, err := k.listing(ctx, subnet, commit, m)
	if err != nil {
		return types.Model{}, 0, err
	}
	if err := k.makePlace(ctx, subnet, model); err != nil {
		return types.Model{}, 0, err
	}
	rest := commit.Fee - types.CommitFee(commit.Fee) + types.SizeFee(commit.Fee, m.Bytes)
	if err := k.burn(ctx, m.Author, rest, "publication of a model"); err != nil {
		return types.Model{}, 0, err
	}
	if err := k.dropCommit(ctx, commit); err != nil {
		return types.Model{}, 0, err
	}
	if err := k.list(ctx, model); err != nil {
		return types.Model{}, 0, err
	}
	return model, rest, emit(ctx, &types.ModelPublished{
		Netuid: m.Netuid, Digest: m.Digest, Author: m.Author, Name: m.Name, AuthorShare: model.AuthorShare, Burned: rest,
	})
}

// openCommit finds the commit that a publication opens. Errors: ErrNoCommit, ErrTooSoon.
func (k *Keeper) openCommit(ctx sdk.Context, m *types.MsgPublishModel) (types.Commit, error) {
	hash := types.CommitHash(ctx.ChainID(), m.Netuid, m.Author, m.Digest, m.Salt)
	index, err := k.hashes.Get(ctx, collections.Join3(m.Netuid, m.Author, hash[:]))
	if errors.Is(err, collections.ErrNotFound) {
		return types.Commit{}, fmt.Errorf("%w: of %s by %s in netuid %d with this salt; commit first", types.ErrNoCommit, m.Digest, m.Author, m.Netuid)
	}
	if err != nil {
		return types.Commit{}, err
	}
	commit, err := k.commits.Get(ctx, index)
	if err != nil {
		return types.Commit{}, err
	}
	switch waited := ctx.BlockHeight() - commit.Height; {
	case waited < types.LeastWait:
		return commit, fmt.Errorf("%w: committed at block %d, publish from block %d on", types.ErrTooSoon, commit.Height, commit.Height+types.LeastWait)
	case waited > types.MostWait:
		return commit, fmt.Errorf("%w: the commit of block %d could be opened until block %d; commit again",
			types.ErrNoCommit, commit.Height, commit.Height+types.MostWait)
	}
	return commit, nil
}

// checkWanted holds a publication to what its subnet takes. Errors: ErrTooLarge, ErrLicence.
func (k *Keeper) checkWanted(ctx sdk.Context, m *types.MsgPublishModel) error {
	if most := uint64(k.subnets.Value(ctx, m.Netuid, subnettypes.MaxModelBytes)); m.Bytes > most {
		return fmt.Errorf("%w: %d bytes, netuid %d takes at most %d", types.ErrTooLarge, m.Bytes, m.Netuid, most)
	}
	if !subnettypes.TakesLicence(k.subnets.Value(ctx, m.Netuid, subnettypes.Licences), m.Licence) {
		return fmt.Errorf("%w: %s in netuid %d; see its parameter licences", types.ErrLicence, m.Licence, m.Netuid)
	}
	return nil
}

// listing is the model as it will be listed. A digest keeps its first committer, its order and its share through removal;
// whoever opens an earlier commit than the listed one is first. Errors: ErrTaken.
func (k *Keeper) listing(ctx sdk.Context, subnet subnettypes.Subnet, commit types.Commit, m *types.MsgPublishModel) (types.Model, error) {
	market, err := k.Market(ctx, m.Netuid)
	if err != nil {
		return types.Model{}, err
	}
	model := types.Model{
		Netuid: m.Netuid, Digest: m.Digest, Author: m.Author, Height: commit.Height, Index: commit.Index,
		Name: m.Name, Licence: m.Licence, Format: m.Format, Bytes: m.Bytes, Parameters: m.Parameters, Sources: m.Sources, Root: m.Root,
		Template: m.Template, AuthorShare: uint32(k.subnets.Value(ctx, m.Netuid, subnettypes.AuthorShare)),
		PublishedHeight: ctx.BlockHeight(), PublishedUnix: ctx.BlockTime().Unix(), PublishedEpoch: subnet.Epoch,
		PaidCount: market.PaidCount,
	}
	known, listed, err := k.record(ctx, m.Netuid, m.Digest)
	if err != nil || known.Author == "" {
		return model, err
	}
	switch first := cmp.Or(cmp.Compare(known.Height, model.Height), cmp.Compare(known.Index, model.Index)) < 0; {
	case listed && known.Author == m.Author:
		return model, fmt.Errorf("%w: you published %s already", types.ErrTaken, m.Digest)
	case known.Author == m.Author:
		model.AuthorShare = min(model.AuthorShare, known.AuthorShare)
		if first {
			model.Height, model.Index = known.Height, known.Index
		}
		if known.Retired {
			model.AuthorShare = 0
		}
	case first:
		return model, fmt.Errorf("%w: %s committed to %s at block %d, before you", types.ErrTaken, known.Author, m.Digest, known.Height)
	}
	return model, nil
}

// record returns what is known of a digest: its model's tombstone to be, or its tombstone; nothing with an empty author.
func (k *Keeper) record(ctx sdk.Context, netuid uint32, digest string) (known types.Tombstone, listed bool, err error) {
	key := collections.Join(netuid, digest)
	model, err := k.models.Get(ctx, key)
	if err == nil {
		return model.Tombstone(), true, nil
	}
	if !errors.Is(err, collections.ErrNotFound) {
		return known, false, err
	}
	known, err = k.tombstones.Get(ctx, key)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Tombstone{}, false, nil
	}
	return known, false, err
}

// makePlace sees to it that the model can be listed: the name is its author's to give, who was listed with the digest
// before goes, and if the list is full a model that may be removed. Errors: ErrTaken, ErrNoRoom.
func (k *Keeper) makePlace(ctx sdk.Context, subnet subnettypes.Subnet, model types.Model) error {
	taken, err := k.names.Has(ctx, collections.Join3(model.Netuid, model.Author, model.Name))
	if err != nil || taken {
		return errors.Join(err, fmt.Errorf("%w: you have a model called %s in netuid %d", types.ErrTaken, model.Name, model.Netuid))
	}
	former, err := k.models.Get(ctx, collections.Join(model.Netuid, model.Digest))
	switch {
	case err == nil:
		if err := k.unlist(ctx, former); err != nil {
			return err
		}
		return emit(ctx, &types.AuthorChanged{Netuid: model.Netuid, Digest: model.Digest, From: former.Author, To: model.Author})
	case !errors.Is(err, collections.ErrNotFound):
		return err
	}
	if err := k.tombstones.Remove(ctx, collections.Join(model.Netuid, model.Digest)); err != nil {
		return err
	}
	count, err := k.count(ctx, model.Netuid)
	if err != nil || count < types.MaxModels {
		return err
	}
	return k.evict(ctx, subnet)
}

func (k *Keeper) count(ctx sdk.Context, netuid uint32) (uint32, error) {
	count, err := k.counts.Get(ctx, netuid)
	if errors.Is(err, collections.ErrNotFound) {
		return 0, nil
	}
	return count, err
}

// list writes a model with its indexes.
func (k *Keeper) list(ctx sdk.Context, m types.Model) error {
	if err := k.models.Set(ctx, collections.Join(m.Netuid, m.Digest), m); err != nil {
		return err
	}
	if err := k.authors.Set(ctx, collections.Join3(m.Author, m.Netuid, m.Digest)); err != nil {
		return err
	}
	if m.Name != "" {
		if err := k.names.Set(ctx, collections.Join3(m.Netuid, m.Author, m.Name), m.Digest); err != nil {
			return err
		}
	}
	count, err := k.count(ctx, m.Netuid)
	if err != nil {
		return err
	}
	return k.counts.Set(ctx, m.Netuid, count+1)
}

// unlist takes a model and its indexes off the list.
func (k *Keeper) unlist(ctx sdk.Context, m types.Model) error {
	if err := k.models.Remove(ctx, collections.Join(m.Netuid, m.Digest)); err != nil {
		return err
	}
	if err := k.authors.Remove(ctx, collections.Join3(m.Author, m.Netuid, m.Digest)); err != nil {
		return err
	}
	if err := k.names.Remove(ctx, collections.Join3(m.Netuid, m.Author, m.Name)); err != nil {
		return err
	}
	count, err := k.count(ctx, m.Netuid)
	if err != nil {
		return err
	}
	if count <= 1 {
		return k.counts.Remove(ctx, m.Netuid)
	}
	return k.counts.Set(ctx, m.Netuid, count-1)
}
