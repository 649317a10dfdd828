package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/x/yuma/types"
)

type queryServer struct{ k *Keeper }

// NewQueryServer answers questions about epochs.
func NewQueryServer(k *Keeper) types.QueryServer { return queryServer{k} }

// Params returns the parameters.
func (q queryServer) Params(ctx context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.k.params.Get(ctx)
	return &types.QueryParamsResponse{Params: params}, err
}

// Schedule returns the calendar of a subnet's running tempo.
func (q queryServer) Schedule(ctx context.Context, req *types.QueryScheduleRequest) (*types.QueryScheduleResponse, error) {
	schedule, err := q.k.Schedule(sdk.UnwrapSDKContext(ctx), req.Netuid)
	return &types.QueryScheduleResponse{Schedule: schedule}, err
}

// Snapshot returns what the epoch of a subnet's running tempo will read.
func (q queryServer) Snapshot(ctx context.Context, req *types.QuerySnapshotRequest) (*types.QuerySnapshotResponse, error) {
	snapshot, err := q.k.Snapshot(sdk.UnwrapSDKContext(ctx), req.Netuid)
	return &types.QuerySnapshotResponse{Snapshot: snapshot}, err
}

// Commits returns a subnet's commits that may still be revealed, by epoch and operator.
func (q queryServer) Commits(ctx context.Context, req *types.QueryCommitsRequest) (*types.QueryCommitsResponse, error) {
	commits, page, err := query.CollectionPaginate(ctx, q.k.commits, bounded(req.Pagination),
		func(_ byCommit, c types.Commit) (types.Commit, error) { return c, nil },
		func(o *query.CollectionsPaginateOptions[byCommit]) {
			prefix := collections.TriplePrefix[uint32, uint64, string](req.Netuid)
			o.Prefix = &prefix
		})
	return &types.QueryCommitsResponse{Commits: commits, Pagination: page}, err
}

// Weights returns the last weights of a subnet's voices, by operator.
func (q queryServer) Weights(ctx context.Context, req *types.QueryWeightsRequest) (*types.QueryWeightsResponse, error) {
	rows, page, err := pageOfRows(ctx, q.k.weights, req.Netuid, req.Pagination)
	return &types.QueryWeightsResponse{Rows: rows, Pagination: page}, err
}

// Bonds returns the bonds that a subnet's epochs left, by operator.
func (q queryServer) Bonds(ctx context.Context, req *types.QueryBondsRequest) (*types.QueryBondsResponse, error) {
	rows, page, err := pageOfRows(ctx, q.k.bonds, req.Netuid, req.Pagination)
	return &types.QueryBondsResponse{Rows: rows, Pagination: page}, err
}

// maxPage is the most entries of one page.
const maxPage = 256

// bounded returns a page request within limits.
func bounded(page *query.PageRequest) *query.PageRequest {
	if page == nil {
		return &query.PageRequest{Limit: maxPage}
	}
	limited := *page
	if limited.Limit == 0 || limited.Limit > maxPage {
		limited.Limit = maxPage
	}
	return &limited
}

func pageOfRows(ctx context.Context, table collections.Map[bySpeaker, types.Row], netuid uint32, page *query.PageRequest,
) ([]types.Row, *query.PageResponse, error) {
	return query.CollectionPaginate(ctx, table, bounded(page),
		func(_ bySpeaker, row types.Row) (types.Row, error) { return row, nil },
		query.WithCollectionPaginationPairPrefix[uint32, string](netuid))
}

// Epochs returns a subnet's history, newest first unless reverse is set.
func (q queryServer) Epochs(ctx context.Context, req *types.QueryEpochsRequest) (*types.QueryEpochsResponse, error) {
	page := bounded(req.Pagination)
	page.Reverse = !page.Reverse
	records, next, err := query.CollectionPaginate(ctx, q.k.records, page,
		func(_ byEpoch, r types.EpochRecord) (types.EpochRecord, error) { return r, nil },
		query.WithCollectionPaginationPairPrefix[uint32, uint64](req.Netuid))
	return &types.QueryEpochsResponse{Records: records, Pagination: next}, err
}

// Seed returns the seed of a tempo of an open subnet.
func (q queryServer) Seed(ctx context.Context, req *types.QuerySeedRequest) (*types.QuerySeedResponse, error) {
	seed, err := q.k.Seed(sdk.UnwrapSDKContext(ctx), req.Netuid, req.Epoch)
	return &types.QuerySeedResponse{Seed: seed}, err
}

// Seeds returns an open subnet's seeds, newest first unless reverse is set.
func (q queryServer) Seeds(ctx context.Context, req *types.QuerySeedsRequest) (*types.QuerySeedsResponse, error) {
	page := bounded(req.Pagination)
	page.Reverse = !page.Reverse
	seeds, next, err := query.CollectionPaginate(ctx, q.k.seeds, page,
		func(_ byEpoch, s types.Seed) (types.Seed, error) { return s, nil },
		query.WithCollectionPaginationPairPrefix[uint32, uint64](req.Netuid))
	return &types.QuerySeedsResponse{Seeds: seeds, Pagination: next}, err
}
