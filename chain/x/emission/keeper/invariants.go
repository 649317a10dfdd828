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

// CheckLedger holds the book to its invariants: minted = paid + pending + burned, the accounts' pending adds up to the
// ledger's, and the module's account holds exactly that. The error is ErrBroken.
func (k *Keeper) CheckLedger(ctx sdk.Context) error {
	ledger, err := k.ledger.Get(ctx)
	if err != nil {
		return err
	}
	if ledger.Minted != ledger.Paid+ledger.Pending+ledger.Burned {
		return fmt.Errorf("%w: minted %d, paid %d + pending %d + burned %d",
			types.ErrBroken, ledger.Minted, ledger.Paid, ledger.Pending, ledger.Burned)
	}
	accounts, err := k.Accounts(ctx)
	if err != nil {
		return err
	}
	var pending uint64
	for _, a := range accounts {
		pending += a.Pending
		if a.DemandGranted > a.DemandBurned {
			return fmt.Errorf("%w: subnet %d: demand brought %d for %d burned",
				types.ErrBroken, a.Netuid, a.DemandGranted, a.DemandBurned)
		}
	}
	balance := k.bank.GetBalance(ctx, k.address, network.Denom).Amount
	if pending != ledger.Pending || !balance.Equal(math.NewIntFromUint64(pending)) {
		return fmt.Errorf("%w: accounts hold %d pending, the ledger %d, the bank %s",
			types.ErrBroken, pending, ledger.Pending, balance)
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
