package keeper

import (
	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
)

// Hooks hears of changes in the subnets.
type Hooks struct{ k *Keeper }

var _ subnettypes.SubnetHooks = Hooks{}

// Hooks returns what the subnet module must tell.
func (k *Keeper) Hooks() Hooks { return Hooks{k} }

// AfterHotKeyRotated does nothing: pay is by owner at the epoch.
func (Hooks) AfterHotKeyRotated(sdk.Context, uint32, string, []byte) error { return nil }

// AfterTempoBegan does nothing: what is pending waits for its epoch.
func (Hooks) AfterTempoBegan(sdk.Context, uint32, []subnettypes.VoiceStake) error { return nil }

// AfterSubnetDissolved burns what the subnet had pending, closes its account, and forgets who spoke in it and what was
// voted for it. Dividends of its past epochs are still paid.
func (h Hooks) AfterSubnetDissolved(ctx sdk.Context, netuid uint32) error {
	if _, err := h.k.BurnPending(ctx, netuid, "the subnet was dissolved"); err != nil {
		return err
	}
	if err := h.k.forgetVotes(ctx, netuid); err != nil {
		return err
	}
	if err := h.k.spoken.Remove(ctx, netuid); err != nil {
		return err
	}
	return h.k.edit(ctx, func(b *books) error {
		b.book.Close(netuid)
		b.ledger.DividedHeight = 0
		return nil
	})
}
