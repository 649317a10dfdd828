package keeper

import (
	"fmt"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/pause/types"
)

// Invariant is a statement about the whole state: nil where it holds.
type Invariant struct {
	Name  string
	Check func(sdk.Context) error
}

// Invariants lists what holds after every block.
func (k *Keeper) Invariants() []Invariant {
	return []Invariant{
		{"no pause outlasts the longest, and none stops what is never paused", k.checkPauses},
		{"a motion is well formed and ends", k.checkMotions},
		{"an operator has one motion", k.checkMovers},
	}
}

func (k *Keeper) checkPauses(ctx sdk.Context) error {
	latest := ctx.BlockTime().Add(seconds(types.LongestPause))
	return k.pauses.Walk(ctx, nil, func(url string, p types.Pause) (bool, error) {
		err := types.CheckPausable(url)
		if err == nil && (p.TypeUrl != url || p.Until.After(latest)) {
			err = fmt.Errorf("%s at %s is paused until %s, that is beyond %s", p.TypeUrl, url, p.Until, latest)
		}
		return err != nil, err
	})
}

func (k *Keeper) checkMotions(ctx sdk.Context) error {
	next, err := k.next.Peek(ctx)
	if err != nil {
		return err
	}
	latest := ctx.BlockTime().Add(seconds(types.LongestMotion))
	return k.motions.Walk(ctx, nil, func(id uint64, m types.Motion) (bool, error) {
		err := m.Validate()
		if err == nil && (m.Id != id || id >= next || m.Ends.After(latest)) {
			err = fmt.Errorf("motion %d at %d, next %d, ends at %s, that is beyond %s", m.Id, id, next, m.Ends, latest)
		}
		return err != nil, err
	})
}

func (k *Keeper) checkMovers(ctx sdk.Context) error {
	motions, err := k.all(ctx)
	if err != nil {
		return err
	}
	for i, m := range motions {
		if slices.ContainsFunc(motions[:i], func(other types.Motion) bool { return other.Mover == m.Mover }) {
			return fmt.Errorf("%s has two motions, one is %d", m.Mover, m.Id)
		}
	}
	return nil
}
