package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// addRedelegations adds the list of what an account has moved: the SDK's own query asks for both ends of one.
func addRedelegations(query *cobra.Command) error {
	staking, _, err := query.Find([]string{"staking"})
	if err != nil || staking.Name() != "staking" {
		return fmt.Errorf("no command query staking: %w", err)
	}
	cmd := &cobra.Command{
		Use: "redelegations [delegator-addr]", Short: "List what an account has moved between validators, and until when each part is bound", Args: cobra.ExactArgs(1),
		Example: "  agora query staking redelegations $(agora keys show alice -a)",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, err := client.GetClientQueryContext(cmd)
			if err != nil {
				return err
			}
			reply, err := stakingtypes.NewQueryClient(ctx).Redelegations(cmd.Context(), &stakingtypes.QueryRedelegationsRequest{DelegatorAddr: args[0]})
			if err != nil {
				return err
			}
			if formatOf(cmd, ctx.OutputFormat) != flags.OutputFormatText {
				return ctx.PrintProto(reply)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), moved(reply.RedelegationResponses))
			return err
		},
	}
	flags.AddQueryFlagsToCmd(cmd)
	staking.AddCommand(cmd)
	return nil
}

// moved is a line for each part, the earliest first as the chain has them.
func moved(list []stakingtypes.RedelegationResponse) string {
	var b strings.Builder
	for _, r := range list {
		for _, e := range r.Entries {
			fmt.Fprintf(&b, "%s rao from %s to %s, cannot be moved on from there before %s\n", e.Balance,
				r.Redelegation.ValidatorSrcAddress, r.Redelegation.ValidatorDstAddress, e.RedelegationEntry.CompletionTime.Format(time.RFC3339))
		}
	}
	if b.Len() == 0 {
		return "nothing that was moved is bound\n"
	}
	return b.String()
}
