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
	{RpcMethod: "Prices", Use: "prices [netuid]", Short: "What registering and creating cost now, in rao", PositionalArgs: args("netuid")},
}

var txCommands = []*autocliv1.RpcCommandOptions{
	{RpcMethod: "CreateSubnet", Use: "create [name]", Short: "Open a subnet and lock its price", PositionalArgs: args("name")},
	{RpcMethod: "StartSubnet", Use: "start [netuid]", Short: "Start a subnet's emission", PositionalArgs: args("netuid")},
	{RpcMethod: "DissolveSubnet", Use: "dissolve [netuid]", Short: "Close a subnet; the lock returns less the burned part", PositionalArgs: args("netuid")},
	{RpcMethod: "SetParameter", Use: "set-parameter [netuid] [name] [value]", Short: "Change a hyperparameter", PositionalArgs: args("netuid", "name", "value")},
	{RpcMethod: "Register", Use: "register [netuid] [hot-key] [proof] [proof-expiry] [max-price]", Short: "Take a place in a subnet", PositionalArgs: args("netuid", "hot_key", "proof", "proof_expiry", "max_price")},
	{RpcMethod: "RotateHotKey", Use: "rotate [netuid] [uid] [hot-key] [proof] [proof-expiry]", Short: "Give a neuron another hot key", PositionalArgs: args("netuid", "uid", "hot_key", "proof", "proof_expiry")},
	{RpcMethod: "ProposeOwner", Use: "propose-owner [netuid] [uid] [new-owner]", Short: "Begin to hand a neuron over", PositionalArgs: args("netuid", "uid", "new_owner")},
	{RpcMethod: "CancelOwner", Use: "cancel-owner [netuid] [uid]", Short: "Stop a change of owner", PositionalArgs: args("netuid", "uid")},
	{RpcMethod: "AcceptOwner", Use: "accept-owner [netuid] [uid]", Short: "Take over a neuron after the wait", PositionalArgs: args("netuid", "uid")},
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
