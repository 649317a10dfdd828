package keeper

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"cosmossdk.io/collections"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/x/subnet/types"
)

// maxPage is the most entries that one page of a query returns.
const maxPage = 1_000

// queries answers reads from outside; errors carry gRPC codes.
type queries struct{ *Keeper }

// NewQueryServer returns the module's query server.
func NewQueryServer(k *Keeper) types.QueryServer { return queries{k} }

func (q queries) Params(c context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.Keeper.Params(sdk.UnwrapSDKContext(c))
	return &types.QueryParamsResponse{Params: params}, coded(err)
}

func (q queries) Subnet(c context.Context, r *types.QuerySubnetRequest) (*types.QuerySubnetResponse, error) {
	subnet, err := q.Keeper.Subnet(sdk.UnwrapSDKContext(c), r.Netuid)
	return &types.QuerySubnetResponse{Subnet: subnet}, coded(err)
}

func (q queries) Subnets(c context.Context, r *types.QuerySubnetsRequest) (*types.QuerySubnetsResponse, error) {
	subnets, page, err := query.CollectionPaginate(c, q.subnets, bounded(r.Pagination),
		func(_ uint32, s types.Subnet) (types.Subnet, error) { return s, nil })
	return &types.QuerySubnetsResponse{Subnets: subnets, Pagination: page}, coded(err)
}

func (q queries) Parameters(c context.Context, r *types.QueryParametersRequest) (*types.QueryParametersResponse, error) {
	rows, err := q.Keeper.Parameters(sdk.UnwrapSDKContext(c), r.Netuid)
	return &types.QueryParametersResponse{Parameters: rows}, coded(err)
}

func (q queries) Neuron(c context.Context, r *types.QueryNeuronRequest) (*types.QueryNeuronResponse, error) {
	neuron, err := q.Keeper.Neuron(sdk.UnwrapSDKContext(c), r.Netuid, r.Uid)
	return &types.QueryNeuronResponse{Neuron: neuron}, coded(err)
}

func (q queries) Neurons(c context.Context, r *types.QueryNeuronsRequest) (*types.QueryNeuronsResponse, error) {
	neurons, page, err := query.CollectionPaginate(c, q.neurons, bounded(r.Pagination),
		func(_ pair, n types.Neuron) (types.Neuron, error) { return n, nil },
		query.WithCollectionPaginationPairPrefix[uint32, uint32](r.Netuid))
	return &types.QueryNeuronsResponse{Neurons: neurons, Pagination: page}, coded(err)
}

func (q queries) HotKey(c context.Context, r *types.QueryHotKeyRequest) (*types.QueryHotKeyResponse, error) {
	hotKey, err := hex.DecodeString(r.HotKey)
	if err != nil || len(hotKey) != 32 {
		return nil, status.Errorf(codes.InvalidArgument, "hot key %.80q, want 64 hex digits", r.HotKey)
	}
	neurons, err := q.NeuronsOfHotKey(sdk.UnwrapSDKContext(c), hotKey)
	if err != nil {
		return nil, coded(err)
	}
	response := &types.QueryHotKeyResponse{Account: types.HotAccount(hotKey).String(), Neurons: neurons}
	if len(neurons) > 0 {
		response.Owner = neurons[0].Owner
	}
	return response, nil
}

func (q queries) Profiles(c context.Context, r *types.QueryProfilesRequest) (*types.QueryProfilesResponse, error) {
	profiles, page, err := query.CollectionPaginate(c, q.profiles, bounded(r.Pagination),
		func(_ string, p types.Profile) (types.Profile, error) { return p, nil })
	return &types.QueryProfilesResponse{Profiles: profiles, Pagination: page}, coded(err)
}

func (q queries) Voices(c context.Context, r *types.QueryVoicesRequest) (*types.QueryVoicesResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	stakes, err := q.Stakes(ctx, r.Netuid)
	if err != nil {
		return nil, coded(err)
	}
	from, to, page, err := pageOf(r.Pagination, len(stakes))
	if err != nil {
		return nil, err
	}
	voices := make([]types.VoiceEntry, to-from)
	for i, s := range stakes[from:to] {
		if voices[i], err = q.voiceEntry(ctx, s); err != nil {
			return nil, coded(err)
		}
	}
	return &types.QueryVoicesResponse{Voices: voices, Pagination: page}, nil
}

// maxVoices is the most voices of one page: each comes with its neuron's card and the operator's addresses.
const maxVoices = 256

// pageOf turns a page request over n entries into a range; the key is the next entry's number in four bytes, big-endian.
func pageOf(page *query.PageRequest, n int) (from, to int, next *query.PageResponse, err error) {
	switch key := page.GetKey(); {
	case len(key) == 4:
		from = int(min(uint64(binary.BigEndian.Uint32(key)), uint64(n)))
	case len(key) > 0:
		return 0, 0, nil, status.Errorf(codes.InvalidArgument, "page key of %d bytes, want 4", len(key))
	default:
		from = int(min(page.GetOffset(), uint64(n)))
	}
	limit := maxVoices
	if asked := page.GetLimit(); asked > 0 {
		limit = int(min(asked, maxVoices))
	}
	to = min(from+limit, n)
	next = &query.PageResponse{Total: uint64(n)}
	if to < n {
		next.NextKey = binary.BigEndian.AppendUint32(nil, uint32(to))
	}
	return from, to, next, nil
}

func (q queries) HeldLocks(c context.Context, r *types.QueryHeldLocksRequest) (*types.QueryHeldLocksResponse, error) {
	locks, page, err := query.CollectionPaginate(c, q.held, bounded(r.Pagination),
		func(_ collections.Pair[int64, uint32], l types.HeldLock) (types.HeldLock, error) { return l, nil })
	return &types.QueryHeldLocksResponse{HeldLocks: locks, Pagination: page}, coded(err)
}

func (q queries) KeyChange(c context.Context, r *types.QueryKeyChangeRequest) (*types.QueryKeyChangeResponse, error) {
	change, err := q.Keeper.KeyChange(sdk.UnwrapSDKContext(c), r.Account)
	return &types.QueryKeyChangeResponse{Change: change}, coded(err)
}

func (q queries) KeyChanges(c context.Context, r *types.QueryKeyChangesRequest) (*types.QueryKeyChangesResponse, error) {
	changes, page, err := query.CollectionPaginate(c, q.keyChanges, bounded(r.Pagination),
		func(_ string, c types.KeyChange) (types.KeyChange, error) { return c, nil })
	return &types.QueryKeyChangesResponse{Changes: changes, Pagination: page}, coded(err)
}

func (q queries) Bids(c context.Context, r *types.QueryBidsRequest) (*types.QueryBidsResponse, error) {
	bids, page, err := query.CollectionPaginate(c, q.bids, bounded(r.Pagination),
		func(_ collections.Pair[uint32, uint64], b types.Bid) (types.Bid, error) { return b, nil },
		query.WithCollectionPaginationPairPrefix[uint32, uint64](r.Netuid))
	return &types.QueryBidsResponse{Bids: bids, Pagination: page}, coded(err)
}

func (q queries) Prices(c context.Context, r *types.QueryPricesRequest) (*types.QueryPricesResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	create, err := q.CreatePrice(ctx)
	if err != nil || r.Netuid == 0 {
		return &types.QueryPricesResponse{Create: create}, coded(err)
	}
	subnet, err := q.Keeper.Subnet(ctx, r.Netuid)
	if err != nil {
		return nil, coded(err)
	}
	return &types.QueryPricesResponse{Register: q.registerPrice(ctx, subnet), Full: q.isFull(ctx, subnet), Create: create}, nil
}

// bounded keeps a page within maxPage.
func bounded(page *query.PageRequest) *query.PageRequest {
	if page == nil {
		return &query.PageRequest{Limit: query.DefaultLimit}
	}
	bounded := *page
	bounded.Limit = min(bounded.Limit, maxPage)
	return &bounded
}

// coded gives an error the gRPC code that clients act on.
func coded(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, types.ErrNoSubnet), errors.Is(err, types.ErrNoNeuron), errors.Is(err, types.ErrNoChange), errors.Is(err, collections.ErrNotFound):
		return status.Error(codes.NotFound, err.Error())
	case errors.Is(err, collections.ErrEncoding):
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}
