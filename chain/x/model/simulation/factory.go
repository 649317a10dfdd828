// Package simulation plays the module at random: players commit to made-up models and publish them, retire and remove them,
// owners list commons and name what their markets serve.
package simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/play"
	"agora/chain/x/model/keeper"
	"agora/chain/x/model/types"
	"agora/chain/x/subnet/simulation"
	subnettypes "agora/chain/x/subnet/types"
)

// works is how many models a player has in a drawer.
const works = 4

// Register adds every message of the module.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	g := game{k, keeper.NewMsgServer(k)}
	reg.Add(weights.Get("msg_commit_model", 20), play.Factory(g.commit))
	reg.Add(weights.Get("msg_publish_model", 40), play.Factory(g.publish))
	reg.Add(weights.Get("msg_serve_model", 30), play.Factory(g.serve))
	reg.Add(weights.Get("msg_retire_model", 8), play.Factory(g.retire))
	reg.Add(weights.Get("msg_remove_model", 20), play.Factory(g.remove))
	reg.Add(weights.Get("msg_list_commons", 10), play.Factory(g.listCommons))
	reg.Add(weights.Get("msg_set_served", 5), play.Factory(g.setServed))
}

// game is the module with its message server.
type game struct {
	k      *keeper.Keeper
	server types.MsgServer
}

// work is a model of a player: its digest, and the salt that he commits with. Players share some.
func work(author string, n int) (digest string, salt []byte) {
	if n == 0 {
		author = "found on the web"
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", author, n))
	return fmt.Sprintf("sha256:%x", sum), sum[:types.MinSalt]
}

// cards takes a neuron's card.
type cards interface {
	SetModel(ctx sdk.Context, account string, netuid uint32, card subnettypes.ModelCard) error
}

// serve lets a miner serve a model that its subnet lists.
func (g game) serve(t play.Turn) ([]simsx.SimAccount, *subnettypes.MsgSetModel) {
	m, ok := g.listed(t)
	if !ok {
		return nil, nil
	}
	var neurons []subnettypes.Neuron
	err := g.k.Subnets().EachNeuron(t.Context, m.Netuid, func(n subnettypes.Neuron) (bool, error) {
		neurons = append(neurons, n)
		return false, nil
	})
	taker, able := g.k.Subnets().(cards)
	if err != nil || len(neurons) == 0 || !able {
		t.Skip("nobody is there to serve it")
		return nil, nil
	}
	signer := simulation.SignerOf(t, neurons[t.Rand().Intn(len(neurons))].HotKey)
	msg := &subnettypes.MsgSetModel{HotAccount: signer.AddressBech32, Netuid: m.Netuid, Card: subnettypes.ModelCard{
		Name: "served", Licence: m.Licence, Input: "text", Output: "text", Digest: m.Digest,
	}}
	return play.Try(t, signer, msg, func(c context.Context, m *subnettypes.MsgSetModel) (*subnettypes.MsgSetModelResponse, error) {
		return nil, taker.SetModel(sdk.UnwrapSDKContext(c), m.HotAccount, m.Netuid, m.Card)
	})
}

// subnets lists those that there are.
func (g game) subnets(t play.Turn) (all []subnettypes.Subnet) {
	err := g.k.Subnets().EachSubnet(t.Context, func(s subnettypes.Subnet) (bool, error) {
		all = append(all, s)
		return false, nil
	})
	if err != nil || len(all) == 0 {
		t.Skip("there is no subnet")
	}
	return all
}

func (g game) commit(t play.Turn) ([]simsx.SimAccount, *types.MsgCommitModel) {
	subnets := g.subnets(t)
	if len(subnets) == 0 {
		return nil, nil
	}
	author := t.AnyAccount(t, simsx.WithSpendableBalance())
	netuid := subnets[t.Rand().Intn(len(subnets))].Netuid
	digest, salt := work(author.AddressBech32, t.Rand().Intn(works))
	hash := types.CommitHash(t.ChainID(), netuid, author.AddressBech32, digest, salt)
	msg := &types.MsgCommitModel{Author: author.AddressBech32, Netuid: netuid, Hash: hash[:]}
	return play.Try(t, author, msg, g.server.CommitModel)
}

// publish opens one of the commits that wait.
func (g game) publish(t play.Turn) ([]simsx.SimAccount, *types.MsgPublishModel) {
	state, err := g.k.ExportGenesis(t.Context)
	if err != nil || len(state.Commits) == 0 {
		t.Skip("nobody has committed to a model")
		return nil, nil
	}
	c := state.Commits[t.Rand().Intn(len(state.Commits))]
	msg := &types.MsgPublishModel{
		Author: c.Author, Netuid: c.Netuid, Name: fmt.Sprint("model-", c.Index), Licence: "MIT", Format: types.GGUF,
		Bytes: uint64(1 + t.Rand().Intn(1_000_000)), Parameters: uint64(1 + t.Rand().Intn(1_000_000)),
	}
	for n := range works {
		msg.Digest, msg.Salt = work(c.Author, n)
		if hash := types.CommitHash(t.ChainID(), c.Netuid, c.Author, msg.Digest, msg.Salt); bytes.Equal(hash[:], c.Hash) {
			break
		}
	}
	return play.Try(t, t.GetAccount(t, c.Author), msg, g.server.PublishModel)
}

// listed is any published model.
func (g game) listed(t play.Turn) (types.Model, bool) {
	state, err := g.k.ExportGenesis(t.Context)
	if err != nil || len(state.Models) == 0 {
		t.Skip("nothing is published")
		return types.Model{}, false
	}
	return state.Models[t.Rand().Intn(len(state.Models))], true
}

func (g game) retire(t play.Turn) ([]simsx.SimAccount, *types.MsgRetireModel) {
	m, ok := g.listed(t)
	if !ok {
		return nil, nil
	}
	msg := &types.MsgRetireModel{Author: m.Author, Netuid: m.Netuid, Digest: m.Digest}
	return play.Try(t, t.GetAccount(t, m.Author), msg, g.server.RetireModel)
}

func (g game) remove(t play.Turn) ([]simsx.SimAccount, *types.MsgRemoveModel) {
	m, ok := g.listed(t)
	if !ok {
		return nil, nil
	}
	anybody := t.AnyAccount(t, simsx.WithSpendableBalance())
	msg := &types.MsgRemoveModel{Sender: anybody.AddressBech32, Netuid: m.Netuid, Digest: m.Digest}
	return play.Try(t, anybody, msg, g.server.RemoveModel)
}

func (g game) listCommons(t play.Turn) ([]simsx.SimAccount, *types.MsgListCommons) {
	subnets := g.subnets(t)
	if len(subnets) == 0 {
		return nil, nil
	}
	subnets = slices.DeleteFunc(subnets, func(s subnettypes.Subnet) bool { return s.Started })
	if len(subnets) == 0 {
		t.Skip("every subnet has started")
		return nil, nil
	}
	subnet := subnets[t.Rand().Intn(len(subnets))]
	digest, _ := work("", 0)
	msg := &types.MsgListCommons{Sender: subnet.Owner, Netuid: subnet.Netuid, Digests: []string{digest}}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.ListCommons)
}

func (g game) setServed(t play.Turn) ([]simsx.SimAccount, *types.MsgSetServed) {
	m, ok := g.listed(t)
	if !ok {
		return nil, nil
	}
	subnet, err := g.k.Subnets().Subnet(t.Context, m.Netuid)
	if err != nil {
		t.Skip(err.Error())
		return nil, nil
	}
	msg := &types.MsgSetServed{Sender: subnet.Owner, Netuid: m.Netuid, Served: []types.Served{{Digest: m.Digest, Part: uint32(1 + t.Rand().Intn(9))}}}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.SetServed)
}
