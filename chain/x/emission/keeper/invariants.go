package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
)

// CheckLedger holds the book to its invariants: minted = paid + pending + burned; the accounts' pending and what is left
// of promised dividends add up to the ledger's; the module's account holds exactly that; every promise has a flow with
// parts left; and accounts, votes and who spoke are of subnets that exist. The error is ErrBroken.
func (k *Keeper) CheckLedger(ctx sdk.Context) error {
	g, err := k.ExportGenesis(ctx)
	if err != nil {
		return err
	}
	if err := g.Validate(); err != nil {
		return fmt.Errorf("%w: %w", types.ErrBroken, err)
	}
	balance := k.bank.GetBalance(ctx, k.address, network.Denom).Amount
	if !balance.Equal(math.NewIntFromUint64(g.Ledger.Pending)) {
		return fmt.Errorf("%w: %d are pending, the bank has %s", types.ErrBroken, g.Ledger.Pending, balance)
	}
	return k.checkNetuids(ctx, g)
}

// checkNetuids finds what belongs to a subnet that does not exist.
func (k *Keeper) checkNetuids(ctx sdk.Context, g *types.GenesisState) error {
	var netuids []uint32
	for _, a := range g.Accounts {
		netuids = append(netuids, a.Netuid)
	}
	for _, s := range g.Spoken {
		netuids = append(netuids, s.Netuid)
	}
	for _, v := range g.Votes {
		netuids = append(netuids, v.Netuids...)
	}
	for _, netuid := range netuids {
		if _, err := k.subnets.Subnet(ctx, netuid); err != nil {
			return fmt.Errorf("%w: the book knows netuid %d: %w", types.ErrBroken, netuid, err)
		}
	}
	return nil
}

// CheckEpochs holds what gates read to epochs that have ended. The error is ErrBroken.
func (k *Keeper) CheckEpochs(ctx sdk.Context) error {
	accounts, err := k.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		for _, epoch := range a.IncentiveEpochs {
			subnet, err := k.subnets.Subnet(ctx, a.Netuid)
			if err == nil && epoch >= subnet.Epoch {
				err = fmt.Errorf("it is in epoch %d and paid a miner in epoch %d", subnet.Epoch, epoch)
			}
			if err != nil {
				return fmt.Errorf("%w: netuid %d: %w", types.ErrBroken, a.Netuid, err)
			}
		}
	}
	return nil
}

// CheckFunds tells whether the module's account holds what is pending, as a genesis must see to. The error is ErrBroken.
func (k *Keeper) CheckFunds(ctx sdk.Context) error {
	ledger, err := k.ledger.Get(ctx)
	if err != nil {
		return err
	}
	if held := k.bank.GetBalance(ctx, k.address, network.Denom).Amount; held.LT(math.NewIntFromUint64(ledger.Pending)) {
		return fmt.Errorf("%w: %d rao are pending, the module's account holds %s", types.ErrBroken, ledger.Pending, held)
	}
	return nil
}

// RewardsKeeper lists what validators and their nominators may still withdraw.
type RewardsKeeper interface {
	IterateValidatorOutstandingRewards(ctx context.Context, visit func(sdk.ValAddress, distrtypes.ValidatorOutstandingRewards) (stop bool))
}

// CheckRewards holds x/distribution to its invariant: its account has what validators and nominators may still withdraw
// and the community pool, to less than a rao. The error is ErrBroken.
func CheckRewards(ctx sdk.Context, bank types.Counter, rewards RewardsKeeper, communityPool sdk.DecCoins) error {
	owed := communityPool
	rewards.IterateValidatorOutstandingRewards(ctx, func(_ sdk.ValAddress, r distrtypes.ValidatorOutstandingRewards) bool {
		owed = owed.Add(r.Rewards...)
		return false
	})
	want := owed.AmountOf(network.Denom).TruncateInt()
	have := bank.GetBalance(ctx, authtypes.NewModuleAddress(distrtypes.ModuleName), network.Denom).Amount
	if !have.Equal(want) {
		return fmt.Errorf("%w: x/distribution has %s and owes %s", types.ErrBroken, have, want)
	}
	return nil
}
