package market

import autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

// AutoCLIOptions describes the commands of the module.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{Service: "agora.market.v1.Query", RpcCommandOptions: []*autocliv1.RpcCommandOptions{
			{RpcMethod: "Params", Use: "params", Short: "Parameters of the module"},
			{RpcMethod: "Channel", Use: "channel [id]", Short: "A payment channel", PositionalArgs: args("id")},
			{RpcMethod: "Channels", Use: "channels [--payer ADDRESS] [--payee ADDRESS]", Short: "Payment channels of a payer, to a payee, or all"},
			{RpcMethod: "Turnovers", Use: "turnovers", Short: "What consumers and validators paid for work in each subnet, in rao"},
			{RpcMethod: "Totals", Use: "totals", Short: "What was deposited, claimed and returned, and what channels hold, in rao"},
		}},
		Tx: &autocliv1.ServiceCommandDescriptor{Service: "agora.market.v1.Msg", RpcCommandOptions: []*autocliv1.RpcCommandOptions{
			{RpcMethod: "OpenChannel", Use: "open-channel [payee] [deposit] [key]", Short: "Put a deposit aside for a payee (agora pay open does it with a key of its own)", PositionalArgs: args("payee", "deposit", "key")},
			{RpcMethod: "TopUp", Use: "top-up [channel] [deposit]", Short: "Add to a channel's deposit; takes a request to withdraw back", PositionalArgs: args("channel", "deposit")},
			{RpcMethod: "RequestWithdraw", Use: "request-withdraw [channel]", Short: "Ask for what was not claimed; it can be taken after the channel's delay", PositionalArgs: args("channel")},
			{RpcMethod: "Withdraw", Use: "withdraw [channel]", Short: "Take back what was not claimed, after the delay", PositionalArgs: args("channel")},
			{RpcMethod: "Close", Use: "close [channel]", Short: "End a channel to you at once; what you have not claimed goes back to its payer", PositionalArgs: args("channel")},
			{RpcMethod: "Claim", Skip: true},        // a gateway sends it with its vouchers
			{RpcMethod: "UpdateParams", Skip: true}, // by proposal
		}},
	}
}

// args names the fields that a command takes by position.
func args(fields ...string) []*autocliv1.PositionalArgDescriptor {
	list := make([]*autocliv1.PositionalArgDescriptor, len(fields))
	for i, field := range fields {
		list[i] = &autocliv1.PositionalArgDescriptor{ProtoField: field}
	}
	return list
}
