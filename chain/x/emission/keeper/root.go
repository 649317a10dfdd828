package keeper

import (
	"fmt"
	"slices"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	"agora/mechanism/emission"
)

const (
	// rootKappa is the share of the voters' stake (u16) that must support a weight before it counts: the first above
	// one half.
	rootKappa = 32_768
	// Votes decide if they stand for at least a third of the bonded stake.
	coverNum, coverDen = 1, 3
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

// rootWeights returns the subnets' weights by the votes in force; nil where those cover less than a third of the bonded
// stake or agree on nothing. Lapsed votes are forgotten.
func (k *Keeper) rootWeights(ctx sdk.Context, params types.Params, netuids []uint32) ([]uint64, error) {
	votes, err := k.liveVotes(ctx, params)
	if err != nil || len(votes) == 0 {
		return nil, err
	}
	bonded, err := k.staking.TotalValidatorPower(ctx)
	if err != nil {
		return nil, err
	}
	var ballots []emission.Vote
	var covered uint64
	for _, v := range votes {
		operator, err := network.Account(v.Operator)
		if err != nil {
			return nil, err
		}
		if stake := k.stakeOf(ctx, operator.Bytes()); stake > 0 {
			covered += stake
			ballots = append(ballots, emission.Vote{Stake: stake, Weights: spread(v, netuids)})
		}
	}
	if !emission.Covers(covered, bonded.Uint64(), coverNum, coverDen) {
		return nil, nil
	}
	root := emission.Root(ballots, len(netuids), rootKappa)
	if slices.Max(append(root, 0)) == 0 {
		return nil, nil
	}
	return root, nil
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

// spread puts a vote's weights in the order of netuids; subnets it does not name get 0.
func spread(v types.RootVote, netuids []uint32) []uint64 {
	weights := make([]uint64, len(netuids))
	for i, netuid := range v.Netuids {
		if j, ok := slices.BinarySearch(netuids, netuid); ok {
			weights[j] = uint64(v.Weights[i])
		}
	}
	return weights
}
