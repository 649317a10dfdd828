package yuma

import (
	"slices"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"
)

// AutoCLIOptions describes the module's commands.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	netuid := []*autocliv1.PositionalArgDescriptor{{ProtoField: "netuid"}}
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service: "agora.yuma.v1.Query",
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				{RpcMethod: "Params", Use: "params", Short: "Parameters of the epochs"},
				{RpcMethod: "Metagraph", Use: "metagraph [netuid]", Short: "Every neuron's ranks and pay", PositionalArgs: netuid},
				{RpcMethod: "Schedule", Use: "schedule [netuid]", Short: "Calendar of the running tempo", PositionalArgs: netuid},
				{RpcMethod: "Snapshot", Use: "snapshot [netuid]", Short: "What the epoch of the running tempo will read", PositionalArgs: netuid},
				{RpcMethod: "Commits", Use: "commits [netuid]", Short: "Weights committed and not yet forgotten", PositionalArgs: netuid},
				{RpcMethod: "Weights", Use: "weights [netuid]", Short: "The last weights of every voice", PositionalArgs: netuid},
				{RpcMethod: "Bonds", Use: "bonds [netuid]", Short: "What voices hold in miners", PositionalArgs: netuid},
				{RpcMethod: "Validators", Use: "validators", Short: "Yield and consistency of every validator with a voice"},
				{RpcMethod: "Seed", Use: "seed [netuid] [epoch]", Short: "What nobody chose in a tempo of an open subnet", PositionalArgs: append(slices.Clone(netuid), &autocliv1.PositionalArgDescriptor{ProtoField: "epoch"})},
				{RpcMethod: "Seeds", Use: "seeds [netuid]", Short: "The last seeds of an open subnet, newest first", PositionalArgs: netuid},
				{RpcMethod: "Epochs", Use: "epochs [netuid]", Short: "The last epochs, newest first", PositionalArgs: netuid},
			},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: "agora.yuma.v1.Msg",
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				{
					RpcMethod: "CommitWeights", Use: "commit-weights [netuid] [epoch] --hash HEX", Short: "Commit to hidden weights",
					PositionalArgs: []*autocliv1.PositionalArgDescriptor{{ProtoField: "netuid"}, {ProtoField: "epoch"}},
				},
				{
					RpcMethod: "RevealWeights", Use: "reveal-weights [netuid] [epoch] --uids 1,2 --weights 3,4 --salt HEX",
					Short:          "Reveal the weights committed in an epoch",
					PositionalArgs: []*autocliv1.PositionalArgDescriptor{{ProtoField: "netuid"}, {ProtoField: "epoch"}},
				},
				{
					RpcMethod: "SetWeights", Use: "set-weights [netuid] --uids 1,2 --weights 3,4",
					Short: "Set open weights where a subnet has commit-reveal off", PositionalArgs: netuid,
				},
				{RpcMethod: "UpdateParams", Skip: true},
			},
		},
	}
}
