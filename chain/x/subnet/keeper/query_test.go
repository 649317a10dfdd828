package keeper_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

func TestNeuronsComeInPagesOfOneSubnet(t *testing.T) {
	m := busyMarket(t)
	quiet, err := m.k.SubnetNamed(m.ctx, "quiet")
	m.must(err)
	m.register("eve", quiet.Netuid, "eve")
	q := keeper.NewQueryServer(m.k)
	var uids []uint32
	page := &query.PageRequest{Limit: 3}
	for {
		r, err := q.Neurons(m.ctx, &types.QueryNeuronsRequest{Netuid: 1, Pagination: page})
		m.must(err)
		for _, n := range r.Neurons {
			uids = append(uids, n.Uid)
		}
		if page.Key = r.Pagination.NextKey; page.Key == nil {
			break
		}
	}
	if fmt.Sprint(uids) != "[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15]" {
		t.Fatalf("uids %v", uids)
	}
}

func TestQueriesAnswerWhatTheKeeperKnows(t *testing.T) {
	m := busyMarket(t)
	q := keeper.NewQueryServer(m.k)
	subnets, err := q.Subnets(m.ctx, &types.QuerySubnetsRequest{})
	m.must(err)
	subnet, err := q.Subnet(m.ctx, &types.QuerySubnetRequest{Netuid: 1})
	m.must(err)
	neuron, err := q.Neuron(m.ctx, &types.QueryNeuronRequest{Netuid: 1, Uid: 2})
	m.must(err)
	hot, err := q.HotKey(m.ctx, &types.QueryHotKeyRequest{HotKey: hex.EncodeToString(public(hotKey("carl")))})
	m.must(err)
	profiles, err := q.Profiles(m.ctx, &types.QueryProfilesRequest{})
	m.must(err)
	voices, err := q.Voices(m.ctx, &types.QueryVoicesRequest{Netuid: 1})
	m.must(err)
	prices, err := q.Prices(m.ctx, &types.QueryPricesRequest{Netuid: 1})
	m.must(err)
	rows, err := q.Parameters(m.ctx, &types.QueryParametersRequest{Netuid: 1})
	m.must(err)
	params, err := q.Params(m.ctx, &types.QueryParamsRequest{})
	m.must(err)
	switch {
	case len(subnets.Subnets) != 2, subnet.Subnet.Name != "chat", neuron.Neuron.Owner != m.player("carl", 0),
		hot.Owner != neuron.Neuron.Owner, len(hot.Neurons) != 1, len(profiles.Profiles) != 1, len(voices.Voices) != 1,
		prices.Register == 0, prices.Create < 1000*tao, len(rows.Parameters) != len(types.Table()), params.Params.MaxSubnets != 128:
		t.Errorf("answers:\n%v\n%v\n%v\n%v\n%v\n%v\n%v\n%v\n%v", subnets, subnet, neuron, hot, profiles, voices, prices, rows, params)
	}
}

func TestQueriesSayWhatIsWrong(t *testing.T) {
	m := newMarket(t, nil)
	q := keeper.NewQueryServer(m.k)
	_, err := q.Subnet(m.ctx, &types.QuerySubnetRequest{Netuid: 5})
	m.code(err, codes.NotFound)
	_, err = q.Neuron(m.ctx, &types.QueryNeuronRequest{Netuid: 5})
	m.code(err, codes.NotFound)
	_, err = q.Parameters(m.ctx, &types.QueryParametersRequest{Netuid: 5})
	m.code(err, codes.NotFound)
	_, err = q.HotKey(m.ctx, &types.QueryHotKeyRequest{HotKey: "zz"})
	m.code(err, codes.InvalidArgument)
	if _, err := q.Subnets(m.ctx, &types.QuerySubnetsRequest{Pagination: &query.PageRequest{Limit: 1 << 40}}); err != nil {
		t.Errorf("a page of any size is cut, not refused: %v", err)
	}
}

// code fails the test unless err has the gRPC code.
func (m *market) code(err error, want codes.Code) {
	m.Helper()
	if got := status.Code(err); got != want {
		m.Errorf("code %s of %v, want %s", got, err, want)
	}
}

func TestMessagesReachTheKeeper(t *testing.T) {
	m := newMarket(t, nil)
	ann := m.player("ann", 10_000*tao)
	created, err := m.server.CreateSubnet(m.ctx, &types.MsgCreateSubnet{Sender: ann, Name: "chat", Mechanism: types.Mechanism{Id: "exact"}})
	m.must(err)
	netuid := created.Netuid
	_, err = m.server.StartSubnet(m.ctx, &types.MsgStartSubnet{Owner: ann, Netuid: netuid})
	m.must(err)
	val, c := m.validate("val", 10*tao), m.claim(ann, netuid, hotKey("a"))
	seat, err := m.server.Register(m.ctx, &types.MsgRegister{Owner: ann, Netuid: netuid, HotKey: c.HotKey, Proof: c.Proof, ProofExpiry: c.Expiry, MaxPrice: tao})
	m.must(err)
	uid := m.register("val", netuid, "val")
	_, err = m.server.SetVoice(m.ctx, &types.MsgSetVoice{Operator: val, Netuid: netuid, Uid: uid})
	m.must(err)
	_, err = m.server.SetProfile(m.ctx, &types.MsgSetProfile{Operator: val, GatewayUrl: "http://localhost:80/v1"})
	m.must(err)
	_, err = m.server.SetModel(m.ctx, &types.MsgSetModel{HotAccount: types.HotAccount(c.HotKey).String(), Netuid: netuid, Card: card("a")})
	m.must(err)
	r := m.claim(ann, netuid, hotKey("b"))
	_, err = m.server.RotateHotKey(m.ctx, &types.MsgRotateHotKey{Owner: ann, Netuid: netuid, Uid: seat.Uid, HotKey: r.HotKey, Proof: r.Proof, ProofExpiry: r.Expiry})
	m.must(err)
	_, err = m.server.ProposeOwner(m.ctx, &types.MsgProposeOwner{Owner: ann, Netuid: netuid, Uid: seat.Uid, NewOwner: val})
	m.must(err)
	_, err = m.server.AcceptOwner(m.ctx, &types.MsgAcceptOwner{NewOwner: val, Netuid: netuid, Uid: seat.Uid})
	m.refuses(err, types.ErrTooSoon)
	_, err = m.server.CancelOwner(m.ctx, &types.MsgCancelOwner{Sender: ann, Netuid: netuid, Uid: seat.Uid})
	m.must(err)
	_, err = m.server.SetParameter(m.ctx, &types.MsgSetParameter{Sender: m.gov, Netuid: netuid, Name: types.Immunity, Value: 9})
	m.must(err)
	_, err = m.server.UpdateParams(m.ctx, &types.MsgUpdateParams{Authority: m.gov, Params: types.DefaultParams()})
	m.must(err)
	_, err = m.server.DissolveSubnet(m.ctx, &types.MsgDissolveSubnet{Sender: ann, Netuid: netuid})
	m.must(err)
	_, err = m.server.CreateSubnet(m.ctx, &types.MsgCreateSubnet{Sender: ann, Name: "Bad Name"})
	m.refuses(err, types.ErrInvalid)
	m.holds()
}
