// Package simulation plays the module at random: operators move to stop a message for some seconds, second each other's
// motions, and move to let it through again.
package simulation

import (
	"slices"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"agora/chain/play"
	"agora/chain/x/pause/keeper"
	"agora/chain/x/pause/types"
)

// longest is the longest pause in a play, in seconds: others play meanwhile.
const longest = 20

// stopped are message types that are worth stopping.
var stopped = []string{
	"/cosmos.bank.v1beta1.MsgSend", "/cosmos.staking.v1beta1.MsgDelegate", "/cosmos.authz.v1beta1.MsgExec",
	"/agora.subnet.v1.MsgCreateSubnet", "/agora.subnet.v1.MsgSetModel", "/agora.subnet.v1.MsgRegister",
	"/agora.yuma.v1.MsgCommitWeights", "/agora.yuma.v1.MsgRevealWeights", "/agora.emission.v1.MsgSetRootWeights",
}

// Register adds the messages that operators send.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	g := game{k, keeper.NewMsgServer(k)}
	reg.Add(weights.Get("msg_pause", 10), play.Factory(g.pause))
	reg.Add(weights.Get("msg_resume", 5), play.Factory(g.resume))
	reg.Add(weights.Get("msg_vote_motion", 20), play.Factory(g.vote))
}

// game is the module with its message server.
type game struct {
	k      *keeper.Keeper
	server types.MsgServer
}

// operator is any operator of a bonded validator that is not among others.
func (g game) operator(t play.Turn, others ...string) simsx.SimAccount {
	return t.AnyAccount(t, simsx.ExcludeAddresses(others...), simsx.SimAccountFilterFn(func(a simsx.SimAccount) bool {
		stake, err := g.k.Stake(t.Context, a.AddressBech32)
		return err == nil && stake.GT(math.ZeroInt())
	}))
}

func (g game) pause(t play.Turn) ([]simsx.SimAccount, *types.MsgPause) {
	operator := g.operator(t)
	msg := &types.MsgPause{
		Sender: operator.AddressBech32, TypeUrls: []string{stopped[t.Rand().Intn(len(stopped))]},
		Seconds: uint64(1 + t.Rand().Intn(longest)), Reason: "a drill",
	}
	return play.Try(t, operator, msg, g.server.Pause)
}

func (g game) resume(t play.Turn) ([]simsx.SimAccount, *types.MsgResume) {
	paused, err := g.k.Paused(t.Context)
	if err != nil || len(paused) == 0 {
		t.Skip("nothing is paused")
		return nil, nil
	}
	operator := g.operator(t)
	msg := &types.MsgResume{
		Sender: operator.AddressBech32, TypeUrls: []string{paused[t.Rand().Intn(len(paused))].TypeUrl}, Reason: "it was a drill",
	}
	return play.Try(t, operator, msg, g.server.Resume)
}

func (g game) vote(t play.Turn) ([]simsx.SimAccount, *types.MsgVote) {
	motions, err := g.k.Motions(t.Context)
	if err != nil || len(motions) == 0 {
		t.Skip("nobody moves anything")
		return nil, nil
	}
	motion := motions[t.Rand().Intn(len(motions))]
	operator := g.operator(t, slices.Clone(motion.Voters)...)
	msg := &types.MsgVote{Operator: operator.AddressBech32, Motion: motion.Id}
	return play.Try(t, operator, msg, g.server.Vote)
}
