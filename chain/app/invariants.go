package app

import (
	"errors"
	"fmt"

	"github.com/spf13/cast"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	emissionkeeper "agora/chain/x/emission/keeper"
	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// FlagCheckInvariants names the option every how many blocks a node checks all invariants; 0 is never.
const FlagCheckInvariants = "check-invariants"

// invariant is a statement about the whole state after a block: nil where it holds.
type invariant struct {
	name  string
	check func(sdk.Context) error
}

// invariants lists those of all modules, and those between them.
func (app *App) invariants() []invariant {
	all := []invariant{
		{"emission: the book adds up", app.Emission.CheckLedger},
		{"emission: miners were paid in epochs that have ended", app.Emission.CheckEpochs},
		{"distribution: the account holds the rewards", app.checkRewards},
		{"bank: the supply is what accounts hold", app.checkSupply},
		{"staking: the pools hold the stake", app.checkPools},
		{"staking: a validator's shares are its nominators'", app.checkShares},
		{"gov: the account holds the deposits", app.checkDeposits},
		{"emission: accounts are of subnets that exist", app.checkAccounts},
		{"emission: what the history paid was minted", app.checkPaid},
		{"model: no fee is kept", app.checkFees},
	}
	for _, i := range app.Subnet.Invariants(app.locks) {
		all = append(all, invariant{"subnet: " + i.Name, i.Check})
	}
	for _, i := range app.Yuma.Invariants() {
		all = append(all, invariant{"yuma: " + i.Name, i.Check})
	}
	for _, i := range app.Pause.Invariants() {
		all = append(all, invariant{"pause: " + i.Name, i.Check})
	}
	for _, i := range app.Model.Invariants() {
		all = append(all, invariant{"model: " + i.Name, i.Check})
	}
	for _, i := range app.Fee.Invariants() {
		all = append(all, invariant{"fee: " + i.Name, i.Check})
	}
	for _, i := range app.Market.Invariants() {
		all = append(all, invariant{"market: " + i.Name, i.Check})
	}
	return all
}

// CheckInvariants holds the state after a block to every invariant. It reads the whole state.
func (app *App) CheckInvariants(ctx sdk.Context) error {
	for _, i := range app.invariants() {
		if err := i.check(ctx); err != nil {
			return fmt.Errorf("%s: %w", i.name, err)
		}
	}
	return nil
}

// endBlocker ends blocks. Every so many blocks, as the operator asked for, it checks the invariants: where one is broken the
// node stops there. Others go on: it is no rule of the chain.
func (app *App) endBlocker(options servertypes.AppOptions) sdk.EndBlocker {
	every := cast.ToInt64(options.Get(FlagCheckInvariants))
	return func(ctx sdk.Context) (sdk.EndBlock, error) {
		end, err := app.Modules.EndBlock(ctx)
		if err != nil || every <= 0 || ctx.BlockHeight()%every != 0 {
			return end, err
		}
		branch, _ := ctx.WithGasMeter(storetypes.NewInfiniteGasMeter()).CacheContext()
		if err := app.CheckInvariants(branch); err != nil {
			return end, fmt.Errorf("INVARIANT BROKEN at block %d: %w", ctx.BlockHeight(), err)
		}
		return end, nil
	}
}

// locks is what the subnet module holds, in rao.
func (app *App) locks(ctx sdk.Context) uint64 {
	return app.held(ctx, subnettypes.ModuleName).Uint64()
}

// held is what a module's account has, in rao.
func (app *App) held(ctx sdk.Context, module string) math.Int {
	return app.Bank.GetBalance(ctx, authtypes.NewModuleAddress(module), network.Denom).Amount
}

func (app *App) checkRewards(ctx sdk.Context) error {
	pool, err := app.Distribution.FeePool.Get(ctx)
	if err != nil {
		return err
	}
	return emissionkeeper.CheckRewards(ctx, app.Bank, app.Distribution, pool.CommunityPool)
}

func (app *App) checkSupply(ctx sdk.Context) error {
	held := math.ZeroInt()
	app.Bank.IterateAllBalances(ctx, func(_ sdk.AccAddress, c sdk.Coin) bool {
		held = held.Add(c.Amount)
		return false
	})
	if have := app.Bank.GetSupply(ctx, network.Denom).Amount; !held.Equal(have) {
		return fmt.Errorf("the supply is %s rao, accounts hold %s", have, held)
	}
	return nil
}

// checkPools: one pool holds what is bonded, the other what is not any more, or not yet given back.
func (app *App) checkPools(ctx sdk.Context) error {
	validators, err := app.Staking.GetAllValidators(ctx)
	if err != nil {
		return err
	}
	bonded, loose := math.ZeroInt(), math.ZeroInt()
	for _, v := range validators {
		if v.IsBonded() {
			bonded = bonded.Add(v.Tokens)
		} else {
			loose = loose.Add(v.Tokens)
		}
	}
	err = app.Staking.IterateUnbondingDelegations(ctx, func(_ int64, u stakingtypes.UnbondingDelegation) bool {
		for _, entry := range u.Entries {
			loose = loose.Add(entry.Balance)
		}
		return false
	})
	have, spare := app.held(ctx, stakingtypes.BondedPoolName), app.held(ctx, stakingtypes.NotBondedPoolName)
	if err == nil && (!have.Equal(bonded) || !spare.Equal(loose)) {
		err = fmt.Errorf("%s rao are bonded and the pool holds %s; %s are not and theirs holds %s", bonded, have, loose, spare)
	}
	return err
}

func (app *App) checkShares(ctx sdk.Context) error {
	delegations, err := app.Staking.GetAllDelegations(ctx)
	if err != nil {
		return err
	}
	shares := map[string]math.LegacyDec{}
	for _, d := range delegations {
		sum, has := shares[d.ValidatorAddress]
		if !has {
			sum = math.LegacyZeroDec()
		}
		if shares[d.ValidatorAddress] = sum.Add(d.Shares); !d.Shares.IsPositive() {
			return fmt.Errorf("%s has %s shares of %s", d.DelegatorAddress, d.Shares, d.ValidatorAddress)
		}
	}
	validators, err := app.Staking.GetAllValidators(ctx)
	for _, v := range validators {
		sum, has := shares[v.OperatorAddress]
		if !has {
			sum = math.LegacyZeroDec()
		}
		if !sum.Equal(v.DelegatorShares) {
			return fmt.Errorf("%s has %s shares, its nominators %s", v.OperatorAddress, v.DelegatorShares, sum)
		}
	}
	return err
}

// checkDeposits: anybody may send coins to gov's account besides.
func (app *App) checkDeposits(ctx sdk.Context) error {
	owed := sdk.NewCoins()
	err := app.Gov.Deposits.Walk(ctx, nil, func(_ collections.Pair[uint64, sdk.AccAddress], d govv1.Deposit) (bool, error) {
		owed = owed.Add(d.Amount...)
		return false, nil
	})
	if have := app.held(ctx, govtypes.ModuleName); err == nil && have.LT(owed.AmountOf(network.Denom)) {
		err = fmt.Errorf("deposits are %s, the account holds %s rao", owed, have)
	}
	return err
}

// checkAccounts: netuid 0 is where the shares begin that no subnet has yet.
func (app *App) checkAccounts(ctx sdk.Context) error {
	accounts, err := app.Emission.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if _, err := app.Subnet.Subnet(ctx, a.Netuid); a.Netuid != 0 && err != nil {
			return fmt.Errorf("an account of netuid %d with %d rao: %w", a.Netuid, a.Pending, err)
		}
	}
	return nil
}

// checkPaid: the history is a ring and subnets end with theirs, so it never says more than was minted; part of what it says
// may be on its way, or was burned there because its validator was jailed.
func (app *App) checkPaid(ctx sdk.Context) error {
	ledger, err1 := app.Emission.Ledger(ctx)
	paid, err2 := app.Yuma.HistoryPaid(ctx)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if paid > ledger.Minted {
		return fmt.Errorf("the epochs in the history paid %d rao, %d were minted", paid, ledger.Minted)
	}
	return nil
}

// checkFees: what is taken for models is burned in the same message.
func (app *App) checkFees(ctx sdk.Context) error {
	if held := app.held(ctx, modeltypes.ModuleName); !held.IsZero() {
		return fmt.Errorf("the account holds %s rao", held)
	}
	return nil
}
