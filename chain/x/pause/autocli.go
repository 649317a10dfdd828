package pause

import autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

// AutoCLIOptions describes the commands of the module.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	arg := func(field string) []*autocliv1.PositionalArgDescriptor {
		return []*autocliv1.PositionalArgDescriptor{{ProtoField: field}}
	}
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{Service: "agora.pause.v1.Query", RpcCommandOptions: []*autocliv1.RpcCommandOptions{
			{RpcMethod: "Params", Use: "params", Short: "Parameters of the module"},
			{RpcMethod: "Pauses", Use: "pauses", Short: "Message types that are stopped now"},
			{RpcMethod: "Motions", Use: "motions", Short: "Motions that operators can vote for"},
		}},
		Tx: &autocliv1.ServiceCommandDescriptor{Service: "agora.pause.v1.Msg", RpcCommandOptions: []*autocliv1.RpcCommandOptions{
			{RpcMethod: "Pause", Use: "pause [seconds] --type-urls URL --reason TEXT", Short: "Ask the operators to stop message types", PositionalArgs: arg("seconds")},
			{RpcMethod: "Resume", Use: "resume --type-urls URL --reason TEXT", Short: "Ask the operators to end pauses"},
			{RpcMethod: "Vote", Use: "vote [motion]", Short: "Vote for a motion", PositionalArgs: arg("motion")},
			{RpcMethod: "UpdateParams", Skip: true}, // by proposal
		}},
	}
}
