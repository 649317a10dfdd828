// Package compound lets an account put a nominator's rewards back to work without being able to do anything else: it
// withdraws what a delegation earned and delegates that to the same validator, by a grant of x/authz.
package compound

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	"github.com/cosmos/cosmos-sdk/x/authz"
	distributiontypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/client"
)

// ErrNothing says that a grant would allow nothing.
var ErrNothing = errors.New("a grant names at least one validator and at least 1 rao")

var (
	withdraws = sdk.MsgTypeURL(&distributiontypes.MsgWithdrawDelegatorReward{})
	delegates = sdk.MsgTypeURL(&stakingtypes.MsgDelegate{})
)

// Grant makes the messages with which nominator allows grantee to withdraw its rewards, and to delegate at most most rao
// in all, to validators only, until a time. Rewards go to the nominator's own account, whoever withdraws them.
// Errors: ErrNothing, or that an address is none.
func Grant(nominator, grantee sdk.AccAddress, validators []string, most uint64, until time.Time) ([]sdk.Msg, error) {
	if len(validators) == 0 || most == 0 {
		return nil, ErrNothing
	}
	allowed := make([]sdk.ValAddress, len(validators))
	for i, v := range validators {
		var err error
		if allowed[i], err = sdk.ValAddressFromBech32(v); err != nil {
			return nil, fmt.Errorf("validator %q: %w", v, err)
		}
	}
	limit := sdk.NewCoin(network.Denom, sdkmath.NewIntFromUint64(most))
	stake, err := stakingtypes.NewStakeAuthorization(allowed, nil, stakingtypes.AuthorizationType_AUTHORIZATION_TYPE_DELEGATE, &limit)
	if err != nil {
		return nil, err
	}
	var msgs []sdk.Msg
	for _, a := range []authz.Authorization{authz.NewGenericAuthorization(withdraws), stake} {
		msg, err := authz.NewMsgGrant(nominator, grantee, a, &until)
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, msg)
	}
	return msgs, nil
}

// Revoke makes the messages that take a grant back.
func Revoke(nominator, grantee sdk.AccAddress) []sdk.Msg {
	withdraw, delegate := authz.NewMsgRevoke(nominator, grantee, withdraws), authz.NewMsgRevoke(nominator, grantee, delegates)
	return []sdk.Msg{&withdraw, &delegate}
}

// Due is a reward that may be put to work.
type Due struct {
	Nominator string `json:"nominator"`
	Validator string `json:"validator"`
	Rao       uint64 `json:"rao"`
}

// Message withdraws the reward and delegates it, on behalf of grantee.
func (d Due) Message(grantee sdk.AccAddress) sdk.Msg {
	msg := authz.NewMsgExec(grantee, []sdk.Msg{
		distributiontypes.NewMsgWithdrawDelegatorReward(d.Nominator, d.Validator),
		stakingtypes.NewMsgDelegate(d.Nominator, d.Validator, sdk.NewCoin(network.Denom, sdkmath.NewIntFromUint64(d.Rao))),
	})
	return &msg
}

// Dues lists what grantee may put to work now: rewards of at least least rao, within what each grant has left. A nominator
// whose rewards go to another account is left out: what would be delegated is not what was withdrawn.
func Dues(ctx context.Context, c *client.Client, grantee string, least uint64) ([]Due, error) {
	grants, err := grantsTo(ctx, c, grantee)
	if err != nil {
		return nil, err
	}
	var dues []Due
	for _, g := range grants {
		own, err := keepsRewards(ctx, c, g.nominator)
		if err != nil {
			return nil, err
		}
		if !own {
			continue
		}
		left := g.most
		for _, validator := range g.validators {
			reward, err := rewardOf(ctx, c, g.nominator, validator)
			if err != nil {
				return nil, err
			}
			if reward = min(reward, left); reward >= max(least, 1) {
				dues, left = append(dues, Due{g.nominator, validator, reward}), left-reward
			}
		}
	}
	return dues, nil
}

// grant is what a nominator allows.
type grant struct {
	nominator  string
	validators []string
	most       uint64 // rao left
}

// grantsTo lists the nominators who allow grantee both halves of compounding.
func grantsTo(ctx context.Context, c *client.Client, grantee string) (grants []grant, err error) {
	withdrawing := map[string]bool{}
	for page := (*query.PageRequest)(nil); ; {
		r, err := authz.NewQueryClient(c.Conn()).GranteeGrants(ctx, &authz.QueryGranteeGrantsRequest{Grantee: grantee, Pagination: page})
		if err != nil {
			return nil, fmt.Errorf("grants to %s: %w", grantee, err)
		}
		for _, g := range r.Grants {
			var a authz.Authorization
			if err := c.Codec().UnpackAny(g.Authorization, &a); err != nil {
				return nil, fmt.Errorf("a grant of %s: %w", g.Granter, err)
			}
			if a.MsgTypeURL() == withdraws {
				withdrawing[g.Granter] = true
			}
			if stake, is := a.(*stakingtypes.StakeAuthorization); is && a.MsgTypeURL() == delegates && stake.MaxTokens != nil {
				grants = append(grants, grant{g.Granter, stake.GetAllowList().GetAddress(), stake.MaxTokens.Amount.Uint64()})
			}
		}
		if r.Pagination == nil || len(r.Pagination.NextKey) == 0 {
			break
		}
		page = &query.PageRequest{Key: r.Pagination.NextKey}
	}
	both := grants[:0]
	for _, g := range grants {
		if withdrawing[g.nominator] {
			both = append(both, g)
		}
	}
	return both, nil
}

func keepsRewards(ctx context.Context, c *client.Client, nominator string) (bool, error) {
	r, err := distributiontypes.NewQueryClient(c.Conn()).DelegatorWithdrawAddress(ctx,
		&distributiontypes.QueryDelegatorWithdrawAddressRequest{DelegatorAddress: nominator})
	if err != nil {
		return false, fmt.Errorf("where the rewards of %s go: %w", nominator, err)
	}
	return r.WithdrawAddress == nominator, nil
}

// rewardOf is what a delegation has earned, in whole rao; 0 where there is none any more.
func rewardOf(ctx context.Context, c *client.Client, nominator, validator string) (uint64, error) {
	r, err := distributiontypes.NewQueryClient(c.Conn()).DelegationRewards(ctx,
		&distributiontypes.QueryDelegationRewardsRequest{DelegatorAddress: nominator, ValidatorAddress: validator})
	if errors.Is(err, client.ErrUnreachable) {
		return 0, err
	}
	if err != nil {
		return 0, nil // it has moved its stake: nothing is due there
	}
	return r.Rewards.AmountOf(network.Denom).TruncateInt().Uint64(), nil
}
