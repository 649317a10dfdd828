package simulation

import (
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"agora/chain/play"
	"agora/chain/x/subnet/types"
)

func (g game) proposeSubnetOwner(t play.Turn) ([]simsx.SimAccount, *types.MsgProposeSubnetOwner) {
	subnet := g.subnet(t, anySubnet)
	msg := &types.MsgProposeSubnetOwner{Sender: subnet.Owner, Netuid: subnet.Netuid, NewOwner: t.AnyAccount(t).AddressBech32}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.ProposeSubnetOwner)
}

func (g game) cancelSubnetOwner(t play.Turn) ([]simsx.SimAccount, *types.MsgCancelSubnetOwner) {
	subnet := g.subnet(t, func(s types.Subnet) bool { return s.NewOwner != "" })
	msg := &types.MsgCancelSubnetOwner{Sender: subnet.Owner, Netuid: subnet.Netuid}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.CancelSubnetOwner)
}

func (g game) acceptSubnetOwner(t play.Turn) ([]simsx.SimAccount, *types.MsgAcceptSubnetOwner) {
	subnet := g.subnet(t, func(s types.Subnet) bool { return s.NewOwner != "" && !t.BlockTime().Before(s.NewOwnerFrom) })
	msg := &types.MsgAcceptSubnetOwner{NewOwner: subnet.NewOwner, Netuid: subnet.Netuid}
	return play.Try(t, t.GetAccount(t, subnet.NewOwner), msg, g.server.AcceptSubnetOwner)
}

func (g game) describe(t play.Turn) ([]simsx.SimAccount, *types.MsgDescribeSubnet) {
	subnet := g.subnet(t, anySubnet)
	mechanism := subnet.Mechanism
	mechanism.SourceUri = fmt.Sprintf("https://source.example/%d", t.Rand().Intn(100))
	msg := &types.MsgDescribeSubnet{Sender: subnet.Owner, Netuid: subnet.Netuid, Mechanism: mechanism}
	return play.Try(t, t.GetAccount(t, subnet.Owner), msg, g.server.DescribeSubnet)
}

func (g game) announceKey(t play.Turn) ([]simsx.SimAccount, *types.MsgAnnounceKey) {
	from, to := t.AnyAccount(t), t.AnyAccount(t)
	msg := &types.MsgAnnounceKey{Account: from.AddressBech32, NewAccount: to.AddressBech32}
	if t.IsSkipped() || msg.ValidateBasic() != nil {
		t.Skip("an account cannot go to itself")
		return nil, nil
	}
	return play.Try(t, from, msg, g.server.AnnounceKey)
}

// change is any announced change of a key that fits.
func (g game) change(t play.Turn, fits func(types.KeyChange) bool) (change types.KeyChange) {
	var list []types.KeyChange
	err := g.k.EachKeyChange(t.Context, func(c types.KeyChange) (bool, error) {
		if fits(c) {
			list = append(list, c)
		}
		return false, nil
	})
	if err != nil || len(list) == 0 {
		t.Skip("no change of a key fits")
		return change
	}
	return list[t.Rand().Intn(len(list))]
}

func (g game) disputeKey(t play.Turn) ([]simsx.SimAccount, *types.MsgDisputeKey) {
	change := g.change(t, func(types.KeyChange) bool { return true })
	msg := &types.MsgDisputeKey{Sender: change.Account, Account: change.Account}
	return play.Try(t, t.GetAccount(t, change.Account), msg, g.server.DisputeKey)
}

func (g game) acceptKey(t play.Turn) ([]simsx.SimAccount, *types.MsgAcceptKey) {
	change := g.change(t, func(c types.KeyChange) bool { return !t.BlockTime().Before(c.From) })
	msg := &types.MsgAcceptKey{NewAccount: change.NewAccount, Account: change.Account}
	return play.Try(t, t.GetAccount(t, change.NewAccount), msg, g.server.AcceptKey)
}
