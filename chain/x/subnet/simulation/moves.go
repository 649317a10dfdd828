package simulation

import (
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"agora/chain/play"
	"agora/chain/x/subnet/types"
)

// emptyDigest is the digest of no bytes.
const emptyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (g game) create(t play.Turn) ([]simsx.SimAccount, *types.MsgCreateSubnet) {
	lock, err := g.k.CreatePrice(t.Context)
	if err != nil {
		t.Skip(err.Error())
	}
	sender := t.AnyAccount(t)
	pay(t, sender, lock)
	msg := &types.MsgCreateSubnet{
		Sender: sender.AddressBech32, Name: fmt.Sprintf("s%d", t.Rand().Intn(1_000_000)),
		Mechanism: types.Mechanism{Id: "exact"}, MaxLock: lock,
	}
	return play.Try(t, sender, msg, g.server.CreateSubnet)
}

func (g game) start(t play.Turn) ([]simsx.SimAccount, *types.MsgStartSubnet) {
	subnet := g.subnet(t, func(s types.Subnet) bool { return !s.Started })
	msg := &types.MsgStartSubnet{Owner: subnet.Owner, Netuid: subnet.Netuid}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.StartSubnet)
}

func (g game) dissolve(t play.Turn) ([]simsx.SimAccount, *types.MsgDissolveSubnet) {
	subnet := g.subnet(t, anySubnet)
	msg := &types.MsgDissolveSubnet{Sender: subnet.Owner, Netuid: subnet.Netuid}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.DissolveSubnet)
}

func (g game) setParameter(t play.Turn) ([]simsx.SimAccount, *types.MsgSetParameter) {
	subnet := g.subnet(t, anySubnet)
	if t.IsSkipped() {
		return nil, nil
	}
	rows, err := g.k.Parameters(t.Context, subnet.Netuid)
	if err != nil {
		t.Skip(err.Error())
		return nil, nil
	}
	row := rows[t.Rand().Intn(len(rows))]
	msg := &types.MsgSetParameter{
		Sender: subnet.Owner, Netuid: subnet.Netuid, Name: row.Name, Value: row.Min + t.Rand().Int63n(row.Max-row.Min+1),
	}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.SetParameter)
}

func (g game) register(t play.Turn) ([]simsx.SimAccount, *types.MsgRegister) {
	subnet := g.subnet(t, anySubnet)
	if t.IsSkipped() {
		return nil, nil
	}
	price, err := g.k.RegisterPrice(t.Context, subnet.Netuid)
	if err != nil {
		t.Skip(err.Error())
		return nil, nil
	}
	owner := t.AnyAccount(t)
	pay(t, owner, price)
	c, _ := claim(t, owner, subnet.Netuid)
	msg := &types.MsgRegister{
		Owner: owner.AddressBech32, Netuid: subnet.Netuid,
		HotKey: c.HotKey, Proof: c.Proof, ProofExpiry: c.Expiry, MaxPrice: price,
	}
	return play.Try(t, owner, msg, g.server.Register)
}

func (g game) rotate(t play.Turn) ([]simsx.SimAccount, *types.MsgRotateHotKey) {
	neuron := g.neuron(t, anyNeuron)
	owner := t.GetAccount(t, neuron.Owner)
	if t.IsSkipped() {
		return nil, nil
	}
	c, _ := claim(t, owner, neuron.Netuid)
	msg := &types.MsgRotateHotKey{
		Owner: neuron.Owner, Netuid: neuron.Netuid, Uid: neuron.Uid,
		HotKey: c.HotKey, Proof: c.Proof, ProofExpiry: c.Expiry,
	}
	return play.Try(t, owner, msg, g.server.RotateHotKey)
}

func (g game) proposeOwner(t play.Turn) ([]simsx.SimAccount, *types.MsgProposeOwner) {
	neuron := g.neuron(t, anyNeuron)
	msg := &types.MsgProposeOwner{
		Owner: neuron.Owner, Netuid: neuron.Netuid, Uid: neuron.Uid, NewOwner: t.AnyAccount(t).AddressBech32,
	}
	return play.Try(t, t.GetAccount(t, neuron.Owner), msg, g.server.ProposeOwner)
}

func (g game) cancelOwner(t play.Turn) ([]simsx.SimAccount, *types.MsgCancelOwner) {
	neuron := g.neuron(t, func(n types.Neuron) bool { return n.NewOwner != "" })
	msg := &types.MsgCancelOwner{Sender: neuron.Owner, Netuid: neuron.Netuid, Uid: neuron.Uid}
	return play.Try(t, t.GetAccount(t, neuron.Owner), msg, g.server.CancelOwner)
}

func (g game) acceptOwner(t play.Turn) ([]simsx.SimAccount, *types.MsgAcceptOwner) {
	neuron := g.neuron(t, func(n types.Neuron) bool { return n.NewOwner != "" && !t.BlockTime().Before(n.NewOwnerFrom) })
	msg := &types.MsgAcceptOwner{NewOwner: neuron.NewOwner, Netuid: neuron.Netuid, Uid: neuron.Uid}
	return play.Try(t, t.GetAccount(t, neuron.NewOwner), msg, g.server.AcceptOwner)
}

func (g game) setModel(t play.Turn) ([]simsx.SimAccount, *types.MsgSetModel) {
	neuron := g.neuron(t, anyNeuron)
	if t.IsSkipped() {
		return nil, nil
	}
	signer := SignerOf(t, neuron.HotKey)
	msg := &types.MsgSetModel{HotAccount: signer.AddressBech32, Netuid: neuron.Netuid, Card: types.ModelCard{
		Name: fmt.Sprintf("m%d", t.Rand().Intn(100)), Digest: emptyDigest, Licence: "MIT", Input: "text", Output: "text",
	}}
	return play.Try(t, signer, msg, g.server.SetModel)
}

func (g game) setProfile(t play.Turn) ([]simsx.SimAccount, *types.MsgSetProfile) {
	operator := t.AnyAccount(t, g.validating(t))
	msg := &types.MsgSetProfile{
		Operator: operator.AddressBech32, MarkupBps: uint32(t.Rand().Intn(1000)),
		Addresses: []string{fmt.Sprintf("validator-%d.example:4000", t.Rand().Intn(100))},
	}
	return play.Try(t, operator, msg, g.server.SetProfile)
}

func (g game) setVoice(t play.Turn) ([]simsx.SimAccount, *types.MsgSetVoice) {
	neuron := g.neuron(t, func(n types.Neuron) bool { return g.bonded(t, n.Owner) })
	msg := &types.MsgSetVoice{Operator: neuron.Owner, Netuid: neuron.Netuid, Uid: neuron.Uid}
	return play.Try(t, t.GetAccount(t, neuron.Owner), msg, g.server.SetVoice)
}

// validating accepts the operators of bonded validators.
func (g game) validating(t play.Turn) simsx.SimAccountFilter {
	return simsx.SimAccountFilterFn(func(a simsx.SimAccount) bool { return g.bonded(t, a.AddressBech32) })
}

func (g game) bonded(t play.Turn, operator string) bool {
	stake, err := g.k.Stake(t.Context, operator)
	return err == nil && stake > 0
}
