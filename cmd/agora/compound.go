package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/client"
	"agora/client/compound"
)

// compounding is what `agora compound` is asked to do.
type compounding struct {
	role
	output
	helper string
	most   uint64
	life   time.Duration
	least  uint64
	every  time.Duration
}

// compoundCommand holds what puts rewards back to work.
func compoundCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "compound", Short: "Let rewards be delegated again by somebody who can do nothing else",
		Example: "  agora compound grant agoravaloper1… --helper agora1… --from nominator",
	})
	cmd.AddCommand(compoundGrant(), compoundRun(), compoundRevoke())
	return cmd
}

// open dials the node and opens the cold key.
func (c *compounding) open(cmd *cobra.Command) (*client.Client, client.Signer, error) {
	c.settle("nominator")
	chain, err := client.Dial(c.node)
	if err != nil {
		return nil, nil, err
	}
	cold, err := c.cold(cmd, chain)
	return chain, cold, err
}

func compoundGrant() *cobra.Command {
	var c compounding
	cmd := &cobra.Command{
		Use:   "grant VALIDATOR...",
		Short: "Allow a helper to withdraw your rewards and delegate them to these validators",
		Example: "  agora compound grant agoravaloper1… --helper agora1… --from nominator\n" +
			"  agora compound grant agoravaloper1… --helper agora1… --from nominator --at-most 50000000000 --for 720h",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, validators []string) error { return c.grant(cmd, validators) },
	}
	c.flags(cmd, "nominator")
	c.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&c.helper, "helper", "", "account that runs 'agora compound run', as the validator's or one of your own")
	f.Uint64Var(&c.most, "at-most", 0, "rao that it may delegate in all; 0 is as much as you have delegated to them now")
	f.DurationVar(&c.life, "for", 365*24*time.Hour, "how long it may")
	return cmd
}

func (c *compounding) grant(cmd *cobra.Command, validators []string) error {
	helper, err := sdk.AccAddressFromBech32(c.helper)
	if err != nil {
		return usageError{fmt.Errorf("--helper %q is no account: %w", c.helper, err)}
	}
	chain, cold, err := c.open(cmd)
	if err != nil {
		return err
	}
	own := sdk.AccAddress(cold.PubKey().Address())
	if c.most == 0 {
		if c.most, err = delegated(cmd.Context(), chain, own.String(), validators); err != nil {
			return err
		}
	}
	msgs, err := compound.Grant(own, helper, validators, c.most, time.Now().Add(c.life))
	if err != nil {
		return err
	}
	if _, err := chain.Queue(cold).Send(cmd.Context(), msgs...); err != nil {
		return err
	}
	return c.print(cmd, map[string]any{"nominator": own.String(), "helper": c.helper, "validators": validators, "at_most_rao": c.most},
		fmt.Sprintf("%s may withdraw the rewards of %s and delegate at most %d rao of them; nothing else\n", c.helper, own, c.most))
}

// delegated is what an account has with validators, in rao.
func delegated(ctx context.Context, chain *client.Client, account string, validators []string) (total uint64, err error) {
	for _, v := range validators {
		r, err := stakingtypes.NewQueryClient(chain.Conn()).Delegation(ctx, &stakingtypes.QueryDelegationRequest{DelegatorAddr: account, ValidatorAddr: v})
		if err != nil {
			return 0, fmt.Errorf("your delegation to %s: %w; or give --at-most", v, err)
		}
		total += r.DelegationResponse.Balance.Amount.Uint64()
	}
	return total, nil
}

func compoundRevoke() *cobra.Command {
	var c compounding
	cmd := &cobra.Command{
		Use: "revoke", Short: "Take a helper's grant back",
		Example: "  agora compound revoke --helper agora1… --from nominator",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			helper, err := sdk.AccAddressFromBech32(c.helper)
			if err != nil {
				return usageError{fmt.Errorf("--helper %q is no account: %w", c.helper, err)}
			}
			chain, cold, err := c.open(cmd)
			if err != nil {
				return err
			}
			_, err = chain.Queue(cold).Send(cmd.Context(), compound.Revoke(sdk.AccAddress(cold.PubKey().Address()), helper)...)
			return err
		},
	}
	c.flags(cmd, "nominator")
	cmd.Flags().StringVar(&c.helper, "helper", "", "account that was allowed")
	return cmd
}

func compoundRun() *cobra.Command {
	var c compounding
	cmd := &cobra.Command{
		Use: "run", Short: "Put the rewards of everybody who allowed it back to work",
		Example: "  agora compound run --from helper\n  agora compound run --from helper --every 24h --least 1000000000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chain, cold, err := c.open(cmd)
			if err != nil {
				return err
			}
			return stopped(cmd.Context(), c.run(cmd, chain, cold))
		},
	}
	c.flags(cmd, "nominator")
	c.flag(cmd)
	f := cmd.Flags()
	f.DurationVar(&c.every, "every", 0, "do it again after this long; 0 does it once")
	f.Uint64Var(&c.least, "least", 10_000_000, "rewards below so many rao wait: each costs the helper a fee")
	return cmd
}

func (c *compounding) run(cmd *cobra.Command, chain *client.Client, cold client.Signer) error {
	queue := chain.Queue(cold)
	for {
		if err := c.once(cmd, chain, queue, sdk.AccAddress(cold.PubKey().Address())); err != nil {
			return err
		}
		if c.every <= 0 {
			return nil
		}
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case <-time.After(c.every):
		}
	}
}

// once puts to work what is due now, a transaction each: one that fails does not stop the others.
func (c *compounding) once(cmd *cobra.Command, chain *client.Client, queue *client.Queue, helper sdk.AccAddress) error {
	dues, err := compound.Dues(cmd.Context(), chain, helper.String(), c.least)
	if err != nil {
		return err
	}
	done, text := []compound.Due{}, ""
	for _, d := range dues {
		if _, sendErr := queue.Send(cmd.Context(), d.Message(helper)); sendErr != nil {
			err = errors.Join(err, fmt.Errorf("%s at %s: %w", d.Nominator, d.Validator, sendErr))
			continue
		}
		done, text = append(done, d), text+fmt.Sprintf("%s: %d rao to %s\n", d.Nominator, d.Rao, d.Validator)
	}
	if len(dues) == 0 {
		text = "nothing is due\n"
	}
	return errors.Join(c.print(cmd, done, text), err)
}
