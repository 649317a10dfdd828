package keeper

import (
	"fmt"
	"slices"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/emission"
)

const (
	// rootKappa is the share of all bonded stake (u16) that must support a weight before it counts: the first above one
	// half.
	rootKappa = 32_768
	// divideEvery is in how many blocks the division by votes is worked out anew. A new vote and a dissolved subnet count
	// in the next block; stake that moved, a voice that spoke, a subnet that started, in at most this many.
	divideEvery = 10
)

// SetRootWeights casts operator's vote on the division of emission; it replaces his last one. Only operators of
// permitted voices vote, only on subnets that exist.
func (k *Keeper) SetRootWeights(ctx sdk.Context, operator string, netuids, weights []uint32) error {
	if err := types.CheckVote(netuids, weights); err != nil {
		return err
	}
	if err := k.checkVoter(ctx, operator); err != nil {
		return err
	}
	for _, netuid := range netuids {
		if _, err := k.subnets.Subnet(ctx, netuid); err != nil {
			return err
		}
	}
	vote := types.RootVote{Operator: operator, Netuids: netuids, Weights: weights, CastUnixNano: ctx.BlockTime().UnixNano()}
	if err := k.votes.Set(ctx, operator, vote); err != nil {
		return err
	}
	if err := k.divideAnew(ctx); err != nil {
		return err
	}
	return ctx.EventManager().EmitTypedEvent(&types.RootWeightsSet{Operator: operator})
}

// checkVoter tells whether an operator has a permitted voice in some subnet. The error is ErrNoVoice.
func (k *Keeper) checkVoter(ctx sdk.Context, operator string) error {
	permitted, err := k.subnets.IsPermitted(ctx, operator)
	if err == nil && !permitted {
		return fmt.Errorf("%w: %s; set a voice with enough stake in a subnet first", types.ErrNoVoice, operator)
	}
	return err
}

// Spoke notes the operators whose voices had weights in force in an epoch of netuid that decided: while they do not vote,
// their stake counts for the subnets where they spoke last.
func (k *Keeper) Spoke(ctx sdk.Context, netuid uint32, operators []string) error {
	spoken := types.Spoken{Netuid: netuid, Operators: make([][]byte, len(operators))}
	for i, operator := range operators {
		account, err := network.Account(operator)
		if err != nil {
			return err
		}
		spoken.Operators[i] = account
	}
	slices.SortFunc(spoken.Operators, slices.Compare)
	known, err := k.spoken.Has(ctx, netuid)
	if err != nil {
		return err
	}
	if !known { // its first: who only spoke here directs something at last
		if err := k.divideAnew(ctx); err != nil {
			return err
		}
	}
	return k.spoken.Set(ctx, netuid, spoken)
}

// divideAnew has the next block work the division by votes out anew.
func (k *Keeper) divideAnew(ctx sdk.Context) error {
	ledger, err := k.ledger.Get(ctx)
	if err != nil || ledger.DividedHeight == 0 {
		return err
	}
	ledger.DividedHeight = 0
	return k.ledger.Set(ctx, ledger)
}

// divide works out the division among subnets by votes and voices if that is due and keeps it in the book.
func (k *Keeper) divide(ctx sdk.Context, params types.Params, b *books, subnets []subnettypes.Subnet) error {
	last := b.ledger.DividedHeight
	if last > 0 && ctx.BlockHeight() < last+divideEvery {
		return nil
	}
	var netuids []uint32
	for _, s := range subnets {
		if account := b.book.Account(s.Netuid); s.Started {
			netuids = append(netuids, s.Netuid)
		} else {
			account.Root = 0
		}
	}
	ballots, err := k.ballots(ctx, params, netuids)
	if err != nil {
		return err
	}
	bonded, err := k.staking.TotalValidatorPower(ctx)
	if err != nil {
		return err
	}
	weights, undirected := emission.Root(bonded.Uint64(), ballots, len(netuids), rootKappa)
	for j, netuid := range netuids {
		b.book.Account(netuid).Root = weights[j]
	}
	b.ledger.Undirected, b.ledger.DividedHeight = undirected, ctx.BlockHeight()
	return nil
}

// ballots says how the stake of every validator that voted or spoke counts among netuids: by its vote, else in equal
// parts for the subnets where its voice spoke in their last epoch that decided.
func (k *Keeper) ballots(ctx sdk.Context, params types.Params, netuids []uint32) ([]emission.Ballot, error) {
	votes, err := k.liveVotes(ctx, params)
	if err != nil {
		return nil, err
	}
	var all []emission.Ballot
	known := map[string]int{} // place in all by address
	place := func(operator sdk.ValAddress) int {
		i, ok := known[string(operator)]
		if !ok {
			i = len(all)
			known[string(operator)] = i
			all = append(all, emission.Ballot{Stake: k.stakeOf(ctx, operator), Weights: make([]uint64, len(netuids))})
		}
		return i
	}
	for _, v := range votes {
		operator, err := network.Account(v.Operator)
		if err != nil {
			return nil, err
		}
		cast(&all[place(operator.Bytes())], v, netuids)
	}
	return all, k.spoken.Walk(ctx, nil, func(netuid uint32, s types.Spoken) (bool, error) {
		j, started := slices.BinarySearch(netuids, netuid)
		for _, operator := range s.Operators {
			if b := place(operator); started && !all[b].Cast {
				all[b].Weights[j] = 1
			}
		}
		return false, nil
	})
}

// cast fills a vote into a ballot over netuids; what it gives to other subnets, which have not started, burns.
func cast(b *emission.Ballot, v types.RootVote, netuids []uint32) {
	b.Cast = true
	for i, netuid := range v.Netuids {
		if j, ok := slices.BinarySearch(netuids, netuid); ok {
			b.Weights[j] = uint64(v.Weights[i])
		} else {
			b.Burned += uint64(v.Weights[i])
		}
	}
}

// stakeOf returns the bonded tokens of a validator, 0 if it is not bonded or jailed.
func (k *Keeper) stakeOf(ctx sdk.Context, operator sdk.ValAddress) uint64 {
	validator, err := k.staking.GetValidator(ctx, operator)
	if err != nil || !counts(&validator) {
		return 0
	}
	return validator.Tokens.Uint64()
}

// basisPoints is how many of them are one.
const basisPoints = 10_000

// Commission returns what a validator keeps of its nominators' rewards, in 1/10,000.
func (k *Keeper) Commission(ctx sdk.Context, operator sdk.ValAddress) (bps uint32, err error) {
	validator, err := k.staking.GetValidator(ctx, operator)
	if err != nil {
		return 0, err
	}
	return uint32(validator.GetCommission().MulInt64(basisPoints).TruncateInt64()), nil
}

// counts tells whether a validator's stake has a say and can be paid.
func counts(v *stakingtypes.Validator) bool {
	return v.IsBonded() && !v.IsJailed() && v.Tokens.IsPositive()
}

// liveVotes returns the votes in force by operator and removes the lapsed.
func (k *Keeper) liveVotes(ctx sdk.Context, params types.Params) (votes []types.RootVote, err error) {
	oldest := ctx.BlockTime().UnixNano() - int64(params.RootValiditySeconds)*int64(time.Second)
	var lapsed []string
	err = k.votes.Walk(ctx, nil, func(operator string, v types.RootVote) (bool, error) {
		if v.CastUnixNano < oldest {
			lapsed = append(lapsed, operator)
		} else {
			votes = append(votes, v)
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	for _, operator := range lapsed {
		if err := k.votes.Remove(ctx, operator); err != nil {
			return nil, err
		}
	}
	return votes, nil
}

// forgetVotes takes netuid out of every vote; a vote for nothing else is withdrawn.
func (k *Keeper) forgetVotes(ctx sdk.Context, netuid uint32) error {
	var changed []types.RootVote
	err := k.votes.Walk(ctx, nil, func(_ string, v types.RootVote) (bool, error) {
		if v.Forget(netuid) {
			changed = append(changed, v)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, v := range changed {
		if types.CheckVote(v.Netuids, v.Weights) != nil {
			err = k.votes.Remove(ctx, v.Operator)
		} else {
			err = k.votes.Set(ctx, v.Operator, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
