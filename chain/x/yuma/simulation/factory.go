// Package simulation plays the module at random: voices commit in the first half of a tempo, reveal in the second what
// they committed to, and set open weights where a subnet wants them.
package simulation

import (
	"context"
	"encoding/binary"
	"math/rand"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/play"
	subnetsimulation "agora/chain/x/subnet/simulation"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
)

// Register adds every message of the module.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	g := game{k, keeper.NewMsgServer(k)}
	reg.Add(weights.Get("msg_commit_weights", 100), play.Factory(g.commit))
	reg.Add(weights.Get("msg_reveal_weights", 150), play.Factory(g.reveal))
	reg.Add(weights.Get("msg_set_weights", 20), play.Factory(g.set))
}

// game is the module with its message server.
type game struct {
	k      *keeper.Keeper
	server types.MsgServer
}

// speak tries the message that the account of a hot key sends.
func speak[T sdk.Msg, R any](t play.Turn, hotKey []byte, msg func(account string) T, run func(context.Context, T) (R, error)) ([]simsx.SimAccount, T) {
	signer := subnetsimulation.SignerOf(t, hotKey)
	return play.Try(t, signer, msg(signer.AddressBech32), run)
}

// voice is any voice of a subnet whose calendar fits.
func (g game) voice(t play.Turn, fits func(types.Schedule, types.Phase) bool) (subnettypes.VoiceEntry, types.Schedule) {
	type place struct {
		voice    subnettypes.VoiceEntry
		schedule types.Schedule
	}
	var places []place
	err := g.k.Subnets().EachSubnet(t.Context, func(s subnettypes.Subnet) (bool, error) {
		schedule, err := g.k.Schedule(t.Context, s.Netuid)
		if err != nil || !s.Started || !fits(schedule, schedule.PhaseAt(t.BlockHeight())) {
			return err != nil, err
		}
		voices, err := g.k.Subnets().Voices(t.Context, s.Netuid)
		for _, v := range voices {
			if v.Permitted { // others send nothing for free
				places = append(places, place{v, schedule})
			}
		}
		return err != nil, err
	})
	if err != nil || len(places) == 0 {
		t.Skip("no voice may speak now")
		return subnettypes.VoiceEntry{}, types.Schedule{}
	}
	p := places[t.Rand().Intn(len(places))]
	return p.voice, p.schedule
}

// salt is that of every commit here.
var salt = []byte("sixteen bytes or")

// opinion is what a voice thinks in an epoch: always the same, so that it can be revealed without being remembered.
func opinion(size uint32, netuid, uid uint32, epoch uint64) (uids, weights []uint32) {
	r := rand.New(rand.NewSource(int64(epoch)<<32 | int64(netuid)<<16 | int64(uid)))
	for j := range size {
		if r.Intn(2) == 0 {
			uids, weights = append(uids, j), append(weights, uint32(r.Intn(65_536)))
		}
	}
	if len(uids) == 0 && size > 0 {
		uids, weights = []uint32{0}, []uint32{1}
	}
	return uids, weights
}

// opinionThen is the opinion that a commit of so many neurons was made of; the size is in its evidence root.
func opinionThen(c types.Commit) (uids, weights []uint32) {
	return opinion(binary.BigEndian.Uint32(c.EvidenceRoot), c.Netuid, c.Uid, c.Epoch)
}
