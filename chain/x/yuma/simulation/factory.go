// Package simulation plays the module at random: voices commit in the first half of a tempo, reveal in the second what
// they committed to, and set open weights where a subnet wants them.
package simulation

import (
	"context"
	"encoding/binary"
	"math/rand"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	subnetsimulation "agora/chain/x/subnet/simulation"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
)

// Register adds every message of the module.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	g := game{k, keeper.NewMsgServer(k)}
	reg.Add(weights.Get("msg_commit_weights", 100), factory(g.commit))
	reg.Add(weights.Get("msg_reveal_weights", 150), factory(g.reveal))
	reg.Add(weights.Get("msg_set_weights", 20), factory(g.set))
}

// game is the module with its message server.
type game struct {
	k      *keeper.Keeper
	server types.MsgServer
}

// turn is one call of a factory: the state, the players, and where to say that there is nothing to do.
type turn struct {
	sdk.Context
	*simsx.ChainDataSource
	simsx.SimulationReporter
}

// factory gives a move the form that simsx wants.
func factory[T sdk.Msg](move func(turn) ([]simsx.SimAccount, T)) simsx.SimMsgFactoryFn[T] {
	return func(ctx context.Context, players *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, T) {
		return move(turn{sdk.UnwrapSDKContext(ctx), players, reporter})
	}
}

// play tries msg on a copy of the state and skips it if it would fail.
func play[T sdk.Msg, R any](t turn, hotKey []byte, msg func(account string) T, run func(context.Context, T) (R, error)) (_ []simsx.SimAccount, none T) {
	signer := subnetsimulation.SignerOf(t.ChainDataSource, t, hotKey)
	if t.IsSkipped() {
		return nil, none
	}
	sent := msg(signer.AddressBech32)
	trial, _ := t.CacheContext()
	if _, err := run(trial, sent); err != nil {
		t.Skip(err.Error())
		return nil, none
	}
	return []simsx.SimAccount{signer}, sent
}

// voice is any voice of a subnet whose calendar fits.
func (g game) voice(t turn, fits func(types.Schedule, types.Phase) bool) (subnettypes.VoiceEntry, types.Schedule) {
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
