package keeper

import (
	"errors"
	"fmt"
	"math"
	"time"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
)

// moveGas is what it costs to give a neuron, a delegation or a subnet another owner: a price by piece, whatever the size
// of what is read on the way.
const moveGas = 50_000

// AnnounceKey starts the wait after which newAccount may take over all that account has; another announcement starts it
// again. The wait is that of a neuron's owner, as long as stake needs to unbond: a stolen key gains no time by it.
// Errors: ErrInvalid, ErrNotAllowed, ErrCannotPay.
func (k *Keeper) AnnounceKey(ctx sdk.Context, account, newAccount string) error {
	if err := k.checkMovable(ctx, account); err != nil {
		return err
	}
	if _, err := k.payee(ctx, newAccount); err != nil {
		return err
	}
	from, err := k.afterWait(ctx)
	if err != nil {
		return err
	}
	if err := k.keyChanges.Set(ctx, account, types.KeyChange{Account: account, NewAccount: newAccount, From: from}); err != nil {
		return err
	}
	return k.emit(ctx, &types.KeyChangeAnnounced{Account: account, NewAccount: newAccount, FromUnix: from.Unix()})
}

// DisputeKey ends an announced change on behalf of the account itself or governance. Errors: ErrNotAllowed, ErrNoChange.
func (k *Keeper) DisputeKey(ctx sdk.Context, sender, account string) error {
	if sender != account && sender != k.authority {
		return fmt.Errorf("%w: %s is neither %s nor governance", types.ErrNotAllowed, sender, account)
	}
	if _, err := k.KeyChange(ctx, account); err != nil {
		return err
	}
	if err := k.keyChanges.Remove(ctx, account); err != nil {
		return err
	}
	return k.emit(ctx, &types.KeyChangeDisputed{Account: account, By: sender})
}

// KeyChange returns the announced change of an account. The error is ErrNoChange if there is none.
func (k *Keeper) KeyChange(ctx sdk.Context, account string) (types.KeyChange, error) {
	change, err := k.keyChanges.Get(ctx, account)
	if errors.Is(err, collections.ErrNotFound) {
		return change, fmt.Errorf("%w: %s has announced none", types.ErrNoChange, account)
	}
	return change, err
}

// EachKeyChange calls fn for every announced change in order of account until it stops or fails. fn must not write changes.
func (k *Keeper) EachKeyChange(ctx sdk.Context, fn func(types.KeyChange) (stop bool, err error)) error {
	return k.keyChanges.Walk(ctx, nil, func(_ string, c types.KeyChange) (bool, error) { return fn(c) })
}

// AcceptKey moves all that account has to newAccount after the wait: delegations with their rewards, neurons, subnets,
// held locks, bids, and then the balance. What unbonds stays with the old account, and so do grants: the new key gives its own.
// Errors: ErrNoChange, ErrTooSoon, also while a redelegation matures, ErrNotAllowed, ErrCannotPay.
func (k *Keeper) AcceptKey(ctx sdk.Context, newAccount, account string) (*types.MsgAcceptKeyResponse, error) {
	change, err := k.KeyChange(ctx, account)
	if err != nil {
		return nil, err
	}
	if change.NewAccount != newAccount {
		return nil, fmt.Errorf("%w: %s goes to %s", types.ErrNoChange, account, change.NewAccount)
	}
	if ctx.BlockTime().Before(change.From) {
		return nil, fmt.Errorf("%w: accept from %s on", types.ErrTooSoon, change.From.UTC().Format(time.RFC3339))
	}
	if err := k.checkMovable(ctx, account); err != nil {
		return nil, err
	}
	to, err := k.payee(ctx, newAccount)
	if err != nil {
		return nil, err
	}
	from, err := network.Account(account)
	if err != nil {
		return nil, err
	}
	moved := &types.MsgAcceptKeyResponse{}
	if moved.Delegations, err = k.moveDelegations(ctx, from, to); err != nil {
		return nil, err
	}
	if moved.Neurons, err = k.moveNeurons(ctx, account, newAccount); err != nil {
		return nil, err
	}
	if moved.Subnets, err = k.moveSubnets(ctx, account, newAccount); err != nil {
		return nil, err
	}
	if k.models != nil {
		if err := k.models.MoveAccount(ctx, account, newAccount); err != nil {
			return nil, err
		}
	}
	if moved.Balance, err = k.moveBalance(ctx, from, to); err != nil {
		return nil, err
	}
	if err := k.keyChanges.Remove(ctx, account); err != nil {
		return nil, err
	}
	return moved, k.emit(ctx, &types.KeyChanged{
		Account: account, NewAccount: newAccount, Balance: moved.Balance,
		Delegations: moved.Delegations, Neurons: moved.Neurons, Subnets: moved.Subnets,
	})
}

// checkMovable refuses accounts whose things cannot change hands at once: a validator's operator, whose account is his
// validator's name, a module's, and one whose coins are locked. Errors: ErrInvalid, ErrNotAllowed.
func (k *Keeper) checkMovable(ctx sdk.Context, account string) error {
	address, err := network.Account(account)
	if err != nil {
		return fmt.Errorf("%w: %w", types.ErrInvalid, err)
	}
	if _, err := k.validator(ctx, account); !errors.Is(err, types.ErrNoValidator) {
		return errors.Join(err, fmt.Errorf("%w: %s operates a validator, which keeps its account; rotate its consensus key instead",
			types.ErrNotAllowed, account))
	}
	if _, hot := k.HotAccountKey(ctx, address); hot {
		return fmt.Errorf("%w: %s is a hot key's account, which owns nothing; rotate the key", types.ErrNotAllowed, account)
	}
	if _, plain := k.account.GetAccount(ctx, address).(*authtypes.BaseAccount); !plain || k.bank.BlockedAddr(address) {
		return fmt.Errorf("%w: %s is a module's account or one whose coins are locked", types.ErrNotAllowed, account)
	}
	return nil
}

// moveDelegations gives to every delegation of from, share for share, after its rewards were withdrawn. The error is
// ErrTooSoon while a redelegation matures, which answers for what its old validator did.
func (k *Keeper) moveDelegations(ctx sdk.Context, from, to sdk.AccAddress) (count uint32, err error) {
	maturing, err := k.staking.GetRedelegations(ctx, from, 1)
	if err != nil {
		return 0, err
	}
	if len(maturing) > 0 {
		return 0, fmt.Errorf("%w: a redelegation of %s matures; try again when it has", types.ErrTooSoon, from)
	}
	delegations, err := k.staking.GetDelegatorDelegations(ctx, from, math.MaxUint16)
	if err != nil {
		return 0, err
	}
	for _, d := range delegations {
		ctx.GasMeter().ConsumeGas(moveGas, "move a delegation")
		validator, err := sdk.ValAddressFromBech32(d.ValidatorAddress)
		if err != nil {
			return 0, err
		}
		if err := k.moveDelegation(ctx, from, to, validator); err != nil {
			return 0, fmt.Errorf("delegation to %s: %w", d.ValidatorAddress, err)
		}
		count++
	}
	return count, nil
}

// moveDelegation tells the hooks what x/staking tells them when one delegation ends and another begins or grows; the
// validator's tokens and shares stay as they are.
func (k *Keeper) moveDelegation(ctx sdk.Context, from, to sdk.AccAddress, validator sdk.ValAddress) error {
	hooks := k.staking.Hooks()
	if err := hooks.BeforeDelegationSharesModified(ctx, from, validator); err != nil {
		return err
	}
	moved, err := k.staking.GetDelegation(ctx, from, validator)
	if err != nil {
		return err
	}
	if err := k.staking.RemoveDelegation(ctx, moved); err != nil {
		return err
	}
	before := hooks.BeforeDelegationCreated
	if own, err := k.staking.GetDelegation(ctx, to, validator); err == nil {
		before, moved.Shares = hooks.BeforeDelegationSharesModified, moved.Shares.Add(own.Shares)
	}
	if err := before(ctx, to, validator); err != nil {
		return err
	}
	moved.DelegatorAddress = to.String()
	if err := k.staking.SetDelegation(ctx, moved); err != nil {
		return err
	}
	return hooks.AfterDelegationModified(ctx, to, validator)
}

// moveNeurons gives every neuron of one owner to another. Hot keys keep one owner, since all of them move.
func (k *Keeper) moveNeurons(ctx sdk.Context, from, to string) (count uint32, err error) {
	neurons, err := k.NeuronsOfOwner(unmetered(ctx), from)
	if err != nil {
		return 0, err
	}
	ctx.GasMeter().ConsumeGas(uint64(len(neurons))*moveGas, "move neurons")
	for _, neuron := range neurons {
		if err := k.give(unmetered(ctx), neuron, to); err != nil {
			return 0, err
		}
	}
	return uint32(len(neurons)), nil
}

// NeuronsOfOwner returns the neurons of an owner in all subnets, by netuid and uid.
func (k *Keeper) NeuronsOfOwner(ctx sdk.Context, owner string) (neurons []types.Neuron, err error) {
	err = k.owners.Walk(ctx, collections.NewPrefixedTripleRange[string, uint32, uint32](owner),
		func(key collections.Triple[string, uint32, uint32]) (bool, error) {
			neuron, err := k.Neuron(ctx, key.K2(), key.K3())
			neurons = append(neurons, neuron)
			return err != nil, err
		})
	return neurons, err
}

// moveSubnets gives the subnets of one owner to another, the locks that are held for him, and his bids for seats.
func (k *Keeper) moveSubnets(ctx sdk.Context, from, to string) (count uint32, err error) {
	var owned []types.Subnet
	free := unmetered(ctx)
	err = k.EachSubnet(free, func(s types.Subnet) (bool, error) {
		if s.Owner == from {
			owned = append(owned, s)
		}
		return false, nil
	})
	if err != nil {
		return 0, err
	}
	ctx.GasMeter().ConsumeGas(uint64(1+len(owned))*moveGas, "move subnets")
	for _, subnet := range owned {
		if err := k.giveSubnet(free, subnet, to); err != nil {
			return 0, err
		}
	}
	if err := k.moveHeldLocks(ctx, from, to); err != nil {
		return 0, err
	}
	return uint32(len(owned)), k.moveBids(ctx, from, to)
}

// moveBids gives one owner's waiting bids to another: a seat that they win is his, and what comes back.
func (k *Keeper) moveBids(ctx sdk.Context, from, to string) error {
	var own []types.Bid
	free := unmetered(ctx)
	err := k.bids.Walk(free, nil, func(_ collections.Pair[uint32, uint64], bid types.Bid) (bool, error) {
		if bid.Owner == from {
			own = append(own, bid)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	ctx.GasMeter().ConsumeGas(uint64(len(own))*moveGas, "move bids")
	for _, bid := range own {
		bid.Owner = to
		if err := k.putBid(free, bid); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) moveHeldLocks(ctx sdk.Context, from, to string) error {
	var own []types.HeldLock
	err := k.held.Walk(ctx, nil, func(_ collections.Pair[int64, uint32], lock types.HeldLock) (bool, error) {
		if lock.Owner == from {
			own = append(own, lock)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, lock := range own {
		lock.Owner = to
		if err := k.held.Set(ctx, lock.Key(), lock); err != nil {
			return err
		}
	}
	return nil
}

// moveBalance sends all coins of from, withdrawn rewards included.
func (k *Keeper) moveBalance(ctx sdk.Context, from, to sdk.AccAddress) (uint64, error) {
	all := k.bank.GetBalance(ctx, from, network.Denom)
	if all.IsZero() {
		return 0, nil
	}
	return all.Amount.Uint64(), k.bank.SendCoins(ctx, from, to, sdk.NewCoins(all))
}

// checkOwners holds the index of owners to the neurons.
func (k *Keeper) checkOwners(ctx sdk.Context) error {
	neurons := 0
	err := k.neurons.Walk(ctx, nil, func(_ pair, n types.Neuron) (bool, error) {
		neurons++
		listed, err := k.owners.Has(ctx, collections.Join3(n.Owner, n.Netuid, n.Uid))
		if err == nil && !listed {
			err = fmt.Errorf("uid %d of netuid %d is not listed under its owner %s", n.Uid, n.Netuid, n.Owner)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	return k.owners.Walk(ctx, nil, func(key collections.Triple[string, uint32, uint32]) (bool, error) {
		if neurons--; neurons < 0 {
			return true, fmt.Errorf("%s is listed with uid %d of netuid %d, which is another's", key.K1(), key.K3(), key.K2())
		}
		return false, nil
	})
}

// checkWaiting looks at what waits: held locks under their keys, announced changes of accounts.
func (k *Keeper) checkWaiting(ctx sdk.Context) error {
	err := k.held.Walk(ctx, nil, func(key collections.Pair[int64, uint32], lock types.HeldLock) (bool, error) {
		err := lock.Validate()
		if err == nil && (key.K1() != lock.DueUnixNano || key.K2() != lock.Netuid) {
			err = fmt.Errorf("the lock of netuid %d is stored at %v", lock.Netuid, key)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	return k.keyChanges.Walk(ctx, nil, func(account string, change types.KeyChange) (bool, error) {
		err := change.Validate()
		if err == nil && change.Account != account {
			err = fmt.Errorf("the change of %s is stored at %s", change.Account, account)
		}
		return err != nil, err
	})
}
