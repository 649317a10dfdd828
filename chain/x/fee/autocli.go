package fee

import autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

// AutoCLIOptions describes the commands of the module.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{Service: "agora.fee.v1.Query", RpcCommandOptions: []*autocliv1.RpcCommandOptions{
			{RpcMethod: "Params", Use: "params", Short: "Parameters of the module"},
			{RpcMethod: "GasPrice", Use: "gas-price", Short: "What gas costs in the next block"},
			{
				RpcMethod: "Turn", Use: "turn [operator]", Short: "From which block on an operator's next transaction goes first",
				PositionalArgs: []*autocliv1.PositionalArgDescriptor{{ProtoField: "operator"}},
			},
		}},
		Tx: &autocliv1.ServiceCommandDescriptor{Service: "agora.fee.v1.Msg", RpcCommandOptions: []*autocliv1.RpcCommandOptions{
			{RpcMethod: "UpdateParams", Skip: true}, // by proposal
		}},
	}
}
