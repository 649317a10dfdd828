package emission

import autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

// AutoCLIOptions describes the module's commands.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service: "agora.emission.v1.Query",
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				{RpcMethod: "Params", Use: "params", Short: "Parameters of the issuance and its division"},
				{RpcMethod: "Ledger", Use: "ledger", Short: "What was minted, paid, burned and waits, and what a day mints"},
				{RpcMethod: "Accounts", Use: "accounts", Short: "Every subnet's part of the emission"},
				{RpcMethod: "RootVotes", Use: "root-votes", Short: "Validators' votes on the division among subnets"},
				{
					RpcMethod: "Dividends", Use: "dividends [operator]", Short: "What validators and their nominators are still to get of past epochs",
					PositionalArgs: []*autocliv1.PositionalArgDescriptor{{ProtoField: "operator", Optional: true}},
				},
			},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: "agora.emission.v1.Msg",
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				{
					RpcMethod: "SetRootWeights", Use: "set-root-weights --netuids 1,2 --weights 3,1",
					Short: "Vote as a validator's operator on the division of emission among subnets",
				},
				{RpcMethod: "UpdateParams", Skip: true},
			},
		},
	}
}
