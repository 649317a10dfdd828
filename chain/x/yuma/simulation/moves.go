package simulation

import (
	"encoding/binary"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"agora/chain/play"
	"agora/chain/x/yuma/types"
)

func (g game) commit(t play.Turn) ([]simsx.SimAccount, *types.MsgCommitWeights) {
	voice, schedule := g.voice(t, func(s types.Schedule, p types.Phase) bool { return s.CommitReveal && p == types.Committing })
	if t.IsSkipped() {
		return nil, nil
	}
	subnet, err := g.k.Subnets().Subnet(t.Context, schedule.Netuid)
	if err != nil {
		t.Skip(err.Error())
		return nil, nil
	}
	root := make([]byte, 32)
	binary.BigEndian.PutUint32(root, subnet.Size_)
	uids, weights := opinion(subnet.Size_, schedule.Netuid, voice.Voice.Uid, schedule.Epoch)
	hash := types.CommitHash(t.ChainID(), schedule.Netuid, schedule.Epoch, voice.HotKey, uids, weights, salt)
	return speak(t, voice.HotKey, func(account string) *types.MsgCommitWeights {
		return &types.MsgCommitWeights{
			HotAccount: account, Netuid: schedule.Netuid, Epoch: schedule.Epoch, Hash: hash[:], EvidenceRoot: root,
		}
	}, g.server.CommitWeights)
}

func (g game) reveal(t play.Turn) ([]simsx.SimAccount, *types.MsgRevealWeights) {
	voice, schedule := g.voice(t, func(s types.Schedule, p types.Phase) bool { return s.CommitReveal && p == types.Revealing })
	epoch, due := schedule.RevealOf()
	if t.IsSkipped() || !due {
		t.Skip("nothing to reveal")
		return nil, nil
	}
	commit, found, err := g.k.CommitOf(t.Context, schedule.Netuid, epoch, voice.Voice.Operator)
	if err != nil || !found || len(commit.EvidenceRoot) != 32 {
		t.Skip("the voice did not commit")
		return nil, nil
	}
	uids, weights := opinionThen(commit)
	return speak(t, voice.HotKey, func(account string) *types.MsgRevealWeights {
		return &types.MsgRevealWeights{
			HotAccount: account, Netuid: schedule.Netuid, Epoch: epoch, Uids: uids, Weights: weights, Salt: salt,
		}
	}, g.server.RevealWeights)
}

func (g game) set(t play.Turn) ([]simsx.SimAccount, *types.MsgSetWeights) {
	voice, schedule := g.voice(t, func(s types.Schedule, p types.Phase) bool { return !s.CommitReveal && p <= types.Revealing })
	if t.IsSkipped() {
		return nil, nil
	}
	uids, weights := opinion(voice.Voice.Uid+2, schedule.Netuid, voice.Voice.Uid, schedule.Epoch)
	return speak(t, voice.HotKey, func(account string) *types.MsgSetWeights {
		return &types.MsgSetWeights{HotAccount: account, Netuid: schedule.Netuid, Uids: uids, Weights: weights}
	}, g.server.SetWeights)
}
