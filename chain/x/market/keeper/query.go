package keeper

import (
	"context"
	"encoding/hex"
	"errors"

	"cosmossdk.io/collections"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/network"
	"agora/chain/x/market/types"
)

// maxPage is the most entries that one page of a query returns.
const maxPage = 1_000

type queries struct{ *Keeper }

// NewQueryServer returns the module's query server.
func NewQueryServer(k *Keeper) types.QueryServer { return queries{k} }

func (q queries) Params(c context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.params.Get(c)
	return &types.QueryParamsResponse{Params: params}, err
}

func (q queries) Channel(c context.Context, r *types.QueryChannelRequest) (*types.QueryChannelResponse, error) {
	channel, err := q.Keeper.Channel(c, r.Id)
	if errors.Is(err, types.ErrNoChannel) {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	return &types.QueryChannelResponse{Channel: view(channel)}, err
}

func view(c types.Channel) types.ChannelView {
	return types.ChannelView{
		Id: c.Id, Payer: sdk.AccAddress(c.Payer).String(), Payee: sdk.AccAddress(c.Payee).String(), Key: hex.EncodeToString(c.Key),
		Deposit: c.Deposit, Paid: c.Deposit - c.Left(), Left: c.Left(), Cap: c.Cap, Parts: c.Paid,
		WithdrawDelay: c.WithdrawDelay, WithdrawFrom: c.WithdrawFrom, Opened: c.Opened,
	}
}

func (q queries) Channels(c context.Context, r *types.QueryChannelsRequest) (*types.QueryChannelsResponse, error) {
	page := bounded(r.Pagination)
	payer, err1 := optional(r.Payer)
	payee, err2 := optional(r.Payee)
	if err := errors.Join(err1, err2); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	var list []types.ChannelView
	var next *query.PageResponse
	var err error
	switch {
	case payer != nil && payee != nil:
		list, err = q.between(c, payer, payee)
		next = &query.PageResponse{}
	case payer != nil:
		list, next, err = query.CollectionPaginate(c, q.pairs, page,
			func(_ payerAndPayee, id uint64) (types.ChannelView, error) { return q.viewOf(c, id) },
			query.WithCollectionPaginationPairPrefix[sdk.AccAddress, sdk.AccAddress](payer))
	case payee != nil:
		list, next, err = query.CollectionPaginate(c, q.payees, page,
			func(k payeeAndID, _ collections.NoValue) (types.ChannelView, error) { return q.viewOf(c, k.K2()) },
			query.WithCollectionPaginationPairPrefix[sdk.AccAddress, uint64](payee))
	default:
		list, next, err = query.CollectionPaginate(c, q.channels, page,
			func(id uint64, _ types.Channel) (types.ChannelView, error) { return q.viewOf(c, id) })
	}
	return &types.QueryChannelsResponse{Channels: list, Pagination: next}, err
}

// between lists the one channel between two accounts, if there is one.
func (q queries) between(c context.Context, payer, payee sdk.AccAddress) ([]types.ChannelView, error) {
	id, err := q.pairs.Get(c, collections.Join(payer, payee))
	if errors.Is(err, collections.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := q.viewOf(c, id)
	return []types.ChannelView{v}, err
}

func (q queries) viewOf(c context.Context, id uint64) (types.ChannelView, error) {
	channel, err := q.Keeper.Channel(c, id)
	return view(channel), err
}

func (q queries) Turnovers(c context.Context, r *types.QueryTurnoversRequest) (*types.QueryTurnoversResponse, error) {
	list, next, err := query.CollectionPaginate(c, q.turnovers, bounded(r.Pagination),
		func(_ uint32, t types.Turnover) (types.Turnover, error) { return t, nil })
	return &types.QueryTurnoversResponse{Turnovers: list, Pagination: next}, err
}

func (q queries) Totals(c context.Context, _ *types.QueryTotalsRequest) (*types.QueryTotalsResponse, error) {
	totals, err1 := q.totals.Get(c)
	next, err2 := q.next.Peek(c)
	return &types.QueryTotalsResponse{
		Totals: totals, Held: totals.Deposited - totals.Claimed - totals.Returned, Channels: next - 1,
	}, errors.Join(err1, err2)
}

func optional(address string) (sdk.AccAddress, error) {
	if address == "" {
		return nil, nil
	}
	return network.Account(address)
}

// bounded is a page of at most maxPage entries.
func bounded(page *query.PageRequest) *query.PageRequest {
	if page == nil {
		return &query.PageRequest{Limit: query.DefaultLimit}
	}
	bounded := *page
	bounded.Limit = min(bounded.Limit, maxPage)
	return &bounded
}
