package subnet

import autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

// AutoCLIOptions describes the commands of the module.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{Service: "agora.subnet.v1.Query", RpcCommandOptions: queryCommands},
		Tx:    &autocliv1.ServiceCommandDescriptor{Service: "agora.subnet.v1.Msg", RpcCommandOptions: txCommands},
	}
}

var queryCommands = []*autocliv1.RpcCommandOptions{
	{RpcMethod: "Params", Use: "params", Short: "Parameters of the module"},
	{RpcMethod: "Subnet", Use: "subnet [netuid]", Short: "A subnet", PositionalArgs: args("netuid")},
	{RpcMethod: "Subnets", Use: "subnets", Short: "Every subnet"},
	{RpcMethod: "Parameters", Use: "parameters [netuid]", Short: "A subnet's hyperparameters with bounds and reasons", PositionalArgs: args("netuid")},
	{RpcMethod: "Neuron", Use: "neuron [netuid] [uid]", Short: "A neuron", PositionalArgs: args("netuid", "uid")},
	{RpcMethod: "Neurons", Use: "neurons [netuid]", Short: "A subnet's neurons", PositionalArgs: args("netuid")},
	{RpcMethod: "HotKey", Use: "hot-key [hex]", Short: "Owner, account and neurons of a hot key", PositionalArgs: args("hot_key")},
	{RpcMethod: "Profiles", Use: "profiles", Short: "The directory of validators and gateways"},
	{RpcMethod: "Voices", Use: "voices [netuid]", Short: "Who speaks in a subnet, with which stake and permit", PositionalArgs: args("netuid")},
	{RpcMethod: "HeldLocks", Use: "held-locks", Short: "Locks of subnets dissolved young, and when they are paid back"},
	{RpcMethod: "KeyChange", Use: "key-change [account]", Short: "The announced change of an account's cold key", PositionalArgs: args("account")},
	{RpcMethod: "KeyChanges", Use: "key-changes", Short: "Every announced change of a cold key"},
	{RpcMethod: "Bids", Use: "bids [netuid]", Short: "Bids for the seats of a full subnet that change hands after its epoch", PositionalArgs: args("netuid")},
	{RpcMethod: "Prices", Use: "prices [netuid]", Short: "What registering and creating cost now, in rao", PositionalArgs: args("netuid")},
}

var txCommands = []*autocliv1.RpcCommandOptions{
	{RpcMethod: "CreateSubnet", Use: "create [name]", Short: "Open a subnet and lock its price", PositionalArgs: args("name")},
	{RpcMethod: "StartSubnet", Use: "start [netuid]", Short: "Start a subnet's emission", PositionalArgs: args("netuid")},
	{RpcMethod: "DissolveSubnet", Use: "dissolve [netuid]", Short: "Close a subnet; the lock returns less the burned part", PositionalArgs: args("netuid")},
	{RpcMethod: "SetParameter", Use: "set-parameter [netuid] [name] [value]", Short: "Change a hyperparameter", PositionalArgs: args("netuid", "name", "value")},
	{RpcMethod: "Register", Use: "register [netuid] [hot-key] [proof] [proof-expiry] [max-price]", Short: "Take a place in a subnet, or bid for one where it is full", PositionalArgs: args("netuid", "hot_key", "proof", "proof_expiry", "max_price")},
	{RpcMethod: "RotateHotKey", Use: "rotate [netuid] [uid] [hot-key] [proof] [proof-expiry]", Short: "Give a neuron another hot key", PositionalArgs: args("netuid", "uid", "hot_key", "proof", "proof_expiry")},
	{RpcMethod: "ProposeOwner", Use: "propose-owner [netuid] [uid] [new-owner]", Short: "Begin to hand a neuron over", PositionalArgs: args("netuid", "uid", "new_owner")},
	{RpcMethod: "CancelOwner", Use: "cancel-owner [netuid] [uid]", Short: "Stop a change of owner", PositionalArgs: args("netuid", "uid")},
	{RpcMethod: "AcceptOwner", Use: "accept-owner [netuid] [uid]", Short: "Take over a neuron after the wait", PositionalArgs: args("netuid", "uid")},
	{RpcMethod: "ProposeSubnetOwner", Use: "propose-subnet-owner [netuid] [new-owner]", Short: "Begin to hand a subnet over", PositionalArgs: args("netuid", "new_owner")},
	{RpcMethod: "CancelSubnetOwner", Use: "cancel-subnet-owner [netuid]", Short: "Stop the hand-over of a subnet", PositionalArgs: args("netuid")},
	{RpcMethod: "AcceptSubnetOwner", Use: "accept-subnet-owner [netuid]", Short: "Take over a subnet after the wait", PositionalArgs: args("netuid")},
	{RpcMethod: "DescribeSubnet", Use: "describe [netuid]", Short: "Announce another identity and mechanism source of a subnet", PositionalArgs: args("netuid")},
	{RpcMethod: "AnnounceKey", Use: "announce-key [new-account]", Short: "Begin to move all that the account has to another one", PositionalArgs: args("new_account")},
	{RpcMethod: "DisputeKey", Use: "dispute-key [account]", Short: "Stop an announced change of the account's key", PositionalArgs: args("account")},
	{RpcMethod: "AcceptKey", Use: "accept-key [account]", Short: "Take over all that an account has, after the wait", PositionalArgs: args("account")},
	{RpcMethod: "SetProfile", Use: "set-profile", Short: "Publish a validator's entry in the directory"},
	{RpcMethod: "SetVoice", Use: "set-voice [netuid] [uid]", Short: "Name the neuron that speaks for the operator's stake", PositionalArgs: args("netuid", "uid")},
	{RpcMethod: "SetModel", Skip: true},     // signed by a hot key, which is in no keyring
	{RpcMethod: "UpdateParams", Skip: true}, // by proposal
}

// args names the fields that a command takes by position.
func args(fields ...string) []*autocliv1.PositionalArgDescriptor {
	list := make([]*autocliv1.PositionalArgDescriptor, len(fields))
	for i, field := range fields {
		list[i] = &autocliv1.PositionalArgDescriptor{ProtoField: field}
	}
	return list
}
