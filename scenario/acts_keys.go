package scenario

import (
	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
)

func makePass(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &subnettypes.MsgProposeSubnetOwner{Sender: Account(who).String(), Netuid: n, NewOwner: Account(words[0]).String()}, err
}

func makeRecall(w *World, who string, _ []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &subnettypes.MsgCancelSubnetOwner{Sender: Account(who).String(), Netuid: n}, err
}

func makeInherit(w *World, who string, _ []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &subnettypes.MsgAcceptSubnetOwner{NewOwner: Account(who).String(), Netuid: n}, err
}

func makeDescribe(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &subnettypes.MsgDescribeSubnet{
		Sender: Account(who).String(), Netuid: n, Mechanism: subnettypes.Mechanism{Id: "exact", SourceUri: words[0]},
	}, err
}

func makeAnnounce(_ *World, who string, words []string) (sdk.Msg, error) {
	return &subnettypes.MsgAnnounceKey{Account: Account(who).String(), NewAccount: Account(words[0]).String()}, nil
}

func makeDispute(_ *World, who string, words []string) (sdk.Msg, error) {
	return &subnettypes.MsgDisputeKey{Sender: Account(who).String(), Account: Account(words[0]).String()}, nil
}

func makeSucceed(_ *World, who string, words []string) (sdk.Msg, error) {
	return &subnettypes.MsgAcceptKey{NewAccount: Account(who).String(), Account: Account(words[0]).String()}, nil
}
