package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/client"
	"agora/gateway"
)

// holding is where an account's money is, in rao.
type holding struct {
	Account   string `json:"account"`
	Balance   uint64 `json:"balance"`
	Staked    uint64 `json:"staked"`
	Unbonding uint64 `json:"unbonding"`
	Rewards   uint64 `json:"rewards"`
	Deposits  uint64 `json:"deposits"` // left in channels that the account pays from
	Claimable uint64 `json:"claimable_deposits"`
	Authored  uint64 `json:"earned_as_author"` // so far, where others serve models of the account; part of what it has or had

	Models []source `json:"earned_by_model"`     // Authored, by model
	Places []source `json:"last_epoch_by_place"` // what the account's places were paid last, by subnet and uid
}

func moneyCommand() *cobra.Command {
	var r role
	var out output
	cmd := &cobra.Command{
		Use: "money [ACCOUNT]", Short: "Show where an account's money is and where it came from",
		Long: "Balance, stake, what is unbonding, rewards that wait, and deposits in payment channels: those of the account, and those\n" +
			"of others for it, of which it can claim what was signed. Where it came from: what each of its models has earned it as their author so\n" +
			"far, and what each of its places was paid in its subnet's last epoch. The account is --from's unless one is named.",
		Example: "  agora money --from consumer\n  agora money agora1… --json", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.settle("money")
			c, err := client.Dial(r.node)
			if err != nil {
				return err
			}
			account := ""
			if len(args) > 0 {
				account = args[0]
				if _, err := sdk.AccAddressFromBech32(account); err != nil {
					return usageError{fmt.Errorf("%q is no account: %w", account, err)}
				}
			} else {
				cold, err := r.cold(cmd, c)
				if err != nil {
					return err
				}
				account = sdk.AccAddress(cold.PubKey().Address()).String()
			}
			h, err := held(cmd.Context(), c, account)
			if err != nil {
				return err
			}
			return out.print(cmd, h, h.table())
		},
	}
	r.flags(cmd, "money")
	out.flag(cmd)
	return cmd
}

func (h holding) table() string {
	var b strings.Builder
	fmt.Fprintln(&b, h.Account)
	for _, row := range []struct {
		what string
		rao  uint64
	}{
		{"balance", h.Balance},
		{"staked", h.Staked},
		{"unbonding", h.Unbonding},
		{"rewards that wait", h.Rewards},
		{"deposits in channels", h.Deposits},
		{"others' deposits for it", h.Claimable},
	} {
		fmt.Fprintf(&b, "  %-28s %20s TAO\n", row.what, gateway.TAO(row.rao))
	}
	return b.String() + rows("earned as an author", h.Models) + rows("of the last epochs", h.Places)
}

// held asks the chain where an account's money is.
func held(ctx context.Context, c *client.Client, account string) (h holding, err error) {
	h.Account = account
	balance, err1 := c.Balance(ctx, account)
	delegations, err2 := stakingtypes.NewQueryClient(c.Conn()).DelegatorDelegations(ctx, &stakingtypes.QueryDelegatorDelegationsRequest{DelegatorAddr: account})
	leaving, err3 := stakingtypes.NewQueryClient(c.Conn()).DelegatorUnbondingDelegations(ctx, &stakingtypes.QueryDelegatorUnbondingDelegationsRequest{DelegatorAddr: account})
	rewards, err4 := distrtypes.NewQueryClient(c.Conn()).DelegationTotalRewards(ctx, &distrtypes.QueryDelegationTotalRewardsRequest{DelegatorAddress: account})
	paying, err5 := c.Channels(ctx, account, "")
	paid, err6 := c.Channels(ctx, "", account)
	made, err7 := modelsOf(ctx, c, account)
	owned, err8 := places(ctx, c, account)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
		return h, err
	}
	h.Balance = balance
	for _, d := range delegations.DelegationResponses {
		h.Staked += d.Balance.Amount.Uint64()
	}
	for _, u := range leaving.UnbondingResponses {
		for _, e := range u.Entries {
			h.Unbonding += e.Balance.Uint64()
		}
	}
	h.Rewards = rewards.Total.AmountOf(network.Denom).TruncateInt().Uint64()
	h.Models, h.Places = authored(made), owned
	h.Authored = sum(h.Models)
	for _, v := range paying {
		h.Deposits += v.Left
	}
	for _, v := range paid {
		h.Claimable += v.Left
	}
	return h, nil
}
