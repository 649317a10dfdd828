package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/model/types"
)

// Invariant is a statement about the whole state: nil where it holds.
type Invariant struct {
	Name  string
	Check func(sdk.Context) error
}

// Invariants lists what holds after every block.
func (k *Keeper) Invariants() []Invariant {
	return []Invariant{
		{"all is well formed, and a digest is either listed or buried", k.checkForm},
		{"models are listed under their authors and names, and counted", k.checkIndexes},
		{"commits are found by their hashes", k.checkCommits},
		{"all belongs to subnets that exist", k.checkNetuids},
	}
}

func (k *Keeper) checkForm(ctx sdk.Context) error {
	g, err := k.ExportGenesis(ctx)
	if err != nil {
		return err
	}
	return g.Validate()
}

func (k *Keeper) checkIndexes(ctx sdk.Context) error {
	named, listed, counts := 0, 0, map[uint32]uint32{}
	err := k.models.Walk(ctx, nil, func(key byDigest, m types.Model) (bool, error) {
		listed++
		counts[m.Netuid]++
		under, err := k.authors.Has(ctx, collections.Join3(m.Author, m.Netuid, m.Digest))
		if err != nil || !under || key.K1() != m.Netuid || key.K2() != m.Digest {
			return true, errors.Join(err, fmt.Errorf("%s of netuid %d is stored at %v or not listed under %s", m.Digest, m.Netuid, key, m.Author))
		}
		if m.Name == "" {
			return false, nil
		}
		named++
		digest, err := k.names.Get(ctx, collections.Join3(m.Netuid, m.Author, m.Name))
		if err != nil || digest != m.Digest {
			return true, errors.Join(err, fmt.Errorf("%s/%s of netuid %d leads to %s, want %s", m.Author, m.Name, m.Netuid, digest, m.Digest))
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	err = k.counts.Walk(ctx, nil, func(netuid, count uint32) (bool, error) {
		if count != counts[netuid] {
			return true, fmt.Errorf("netuid %d lists %d models and says %d", netuid, counts[netuid], count)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return errors.Join(
		sameSize(ctx, "names", named, func(count func()) error {
			return k.names.Walk(ctx, nil, func(byName, string) (bool, error) { count(); return false, nil })
		}),
		sameSize(ctx, "authors' models", listed, func(count func()) error {
			return k.authors.Walk(ctx, nil, func(byAuthor) (bool, error) { count(); return false, nil })
		}),
	)
}

// sameSize fails unless walk counts want entries.
func sameSize(_ sdk.Context, what string, want int, walk func(count func()) error) error {
	have := 0
	err := walk(func() { have++ })
	if err == nil && have != want {
		err = fmt.Errorf("%d %s, want %d", have, what, want)
	}
	return err
}

func (k *Keeper) checkCommits(ctx sdk.Context) error {
	commits := 0
	err := k.commits.Walk(ctx, nil, func(index uint64, c types.Commit) (bool, error) {
		commits++
		found, err := k.hashes.Get(ctx, collections.Join3(c.Netuid, c.Author, c.Hash))
		if err != nil || found != index || c.Index != index || c.Height > ctx.BlockHeight() {
			return true, errors.Join(err, fmt.Errorf("commit %d of height %d is stored at %d, its hash leads to %d", c.Index, c.Height, index, found))
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return sameSize(ctx, "hashes", commits, func(count func()) error {
		return k.hashes.Walk(ctx, nil, func(byHash, uint64) (bool, error) { count(); return false, nil })
	})
}

// checkNetuids also finds cards of tempos to come and of uids that no neuron has.
func (k *Keeper) checkNetuids(ctx sdk.Context) error {
	g, err := k.ExportGenesis(ctx)
	if err != nil {
		return err
	}
	var netuids []uint32
	for _, c := range g.Commits {
		netuids = append(netuids, c.Netuid)
	}
	for _, m := range g.Models {
		netuids = append(netuids, m.Netuid)
	}
	for _, t := range g.Tombstones {
		netuids = append(netuids, t.Netuid)
	}
	for _, m := range g.Markets {
		netuids = append(netuids, m.Netuid)
	}
	for _, c := range g.Commons {
		netuids = append(netuids, c.Netuid)
	}
	for _, netuid := range netuids {
		if _, err := k.subnets.Subnet(ctx, netuid); err != nil {
			return fmt.Errorf("the book knows netuid %d: %w", netuid, err)
		}
	}
	for _, c := range g.Cards {
		subnet, err := k.subnets.Subnet(ctx, c.Netuid)
		if n := len(c.Cards); err != nil || c.Epoch > subnet.Epoch || n > 0 && c.Cards[n-1].Uid >= subnet.Size_ {
			return errors.Join(err, fmt.Errorf("cards of epoch %d in netuid %d, which is in epoch %d with %d neurons",
				c.Epoch, c.Netuid, subnet.Epoch, subnet.Size_))
		}
	}
	return nil
}
