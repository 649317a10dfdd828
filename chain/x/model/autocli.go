package model

import autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

// AutoCLIOptions describes the commands of the module.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{Service: "agora.model.v1.Query", RpcCommandOptions: queryCommands},
		Tx:    &autocliv1.ServiceCommandDescriptor{Service: "agora.model.v1.Msg", RpcCommandOptions: txCommands},
	}
}

var queryCommands = []*autocliv1.RpcCommandOptions{
	{RpcMethod: "Model", Use: "model [netuid] [digest]", Short: "A published model", PositionalArgs: args("netuid", "digest")},
	{RpcMethod: "Models", Use: "models [netuid]", Short: "The models of a subnet, by digest", PositionalArgs: args("netuid")},
	{RpcMethod: "ModelsOf", Use: "of [author]", Short: "The models of an author, and what they earned", PositionalArgs: args("author")},
	{RpcMethod: "Commits", Use: "commits [netuid]", Short: "Commits that may still be opened", PositionalArgs: args("netuid")},
	{RpcMethod: "Tombstones", Use: "tombstones [netuid]", Short: "What stays of removed models", PositionalArgs: args("netuid")},
	{RpcMethod: "Commons", Use: "commons [netuid]", Short: "Digests that nobody is the author of", PositionalArgs: args("netuid")},
	{RpcMethod: "Market", Use: "market [netuid]", Short: "What a serving market names", PositionalArgs: args("netuid")},
	{RpcMethod: "Cards", Use: "cards [netuid]", Short: "What each neuron is paid for serving in a tempo", PositionalArgs: args("netuid")},
	{RpcMethod: "Fee", Use: "fee [netuid] [bytes]", Short: "What listing a model costs now", PositionalArgs: args("netuid", "bytes")},
}

var txCommands = []*autocliv1.RpcCommandOptions{
	{RpcMethod: "CommitModel", Use: "commit [netuid] [hash]", Short: "Commit to a model before anybody sees it", PositionalArgs: args("netuid", "hash")},
	{RpcMethod: "PublishModel", Use: "publish [netuid] [digest] [salt]", Short: "Open a commit and list the model", PositionalArgs: args("netuid", "digest", "salt")},
	{RpcMethod: "RetireModel", Use: "retire [netuid] [digest]", Short: "Give up a model's name and share", PositionalArgs: args("netuid", "digest")},
	{RpcMethod: "RemoveModel", Use: "remove [netuid] [digest]", Short: "Take a model off the list that nobody serves", PositionalArgs: args("netuid", "digest")},
	{RpcMethod: "ListCommons", Use: "list-commons [netuid]", Short: "Say which digests were public before", PositionalArgs: args("netuid")},
	{RpcMethod: "SetServed", Use: "set-served [netuid]", Short: "Name the models of a serving market", PositionalArgs: args("netuid")},
}

// args names the fields that a command takes by position.
func args(fields ...string) []*autocliv1.PositionalArgDescriptor {
	list := make([]*autocliv1.PositionalArgDescriptor, len(fields))
	for i, field := range fields {
		list[i] = &autocliv1.PositionalArgDescriptor{ProtoField: field}
	}
	return list
}
