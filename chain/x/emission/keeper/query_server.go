package keeper

import (
	"cmp"
	"context"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/x/emission/types"
	"agora/mechanism/emission"
)

type queryServer struct{ k *Keeper }

// NewQueryServer answers questions about the book.
func NewQueryServer(k *Keeper) types.QueryServer { return queryServer{k} }

// Params returns the parameters.
func (q queryServer) Params(ctx context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.k.params.Get(ctx)
	return &types.QueryParamsResponse{Params: params}, err
}

// nanosPerDay is 24 hours in nanoseconds.
const nanosPerDay = 24 * 3600 * 1_000_000_000

// Ledger returns the book in total, what exists, and what a day mints now.
func (q queryServer) Ledger(ctx context.Context, _ *types.QueryLedgerRequest) (*types.QueryLedgerResponse, error) {
	ledger, err := q.k.ledger.Get(ctx)
	if err != nil {
		return nil, err
	}
	params, err := q.k.params.Get(ctx)
	if err != nil {
		return nil, err
	}
	issued := q.k.Issuance(sdk.UnwrapSDKContext(ctx))
	perDay, _ := emission.Accrual{}.Accrue(nanosPerDay, params.BlockReward, issued, params.Cap)
	return &types.QueryLedgerResponse{Ledger: ledger, Issuance: issued, PerDay: perDay}, nil
}

// Accounts returns every subnet's part of the book.
func (q queryServer) Accounts(ctx context.Context, _ *types.QueryAccountsRequest) (*types.QueryAccountsResponse, error) {
	accounts, err := q.k.Accounts(sdk.UnwrapSDKContext(ctx))
	return &types.QueryAccountsResponse{Accounts: accounts}, err
}

// RootVotes returns the votes on the division of emission, by operator; lapsed ones are gone within ten blocks.
func (q queryServer) RootVotes(ctx context.Context, req *types.QueryRootVotesRequest) (*types.QueryRootVotesResponse, error) {
	page := query.PageRequest{Limit: maxPage}
	if req.Pagination != nil {
		page = *req.Pagination
		page.Limit = min(cmp.Or(page.Limit, maxPage), maxPage)
	}
	votes, next, err := query.CollectionPaginate(ctx, q.k.votes, &page,
		func(_ string, v types.RootVote) (types.RootVote, error) { return v, nil })
	return &types.QueryRootVotesResponse{Votes: votes, Pagination: next}, err
}

// maxPage is the most entries of one page: each vote names up to all subnets.
const maxPage = 256

// Dividends returns what of past epochs is still to be paid, by operator. The key of a page is its first operator.
func (q queryServer) Dividends(ctx context.Context, req *types.QueryDividendsRequest) (*types.QueryDividendsResponse, error) {
	all, err := q.k.Waiting(sdk.UnwrapSDKContext(ctx))
	if err != nil {
		return nil, err
	}
	if req.Operator == "" {
		dividends, next := pageOf(all, req.Pagination)
		return &types.QueryDividendsResponse{Dividends: dividends, Pagination: next}, nil
	}
	if i, found := slices.BinarySearchFunc(all, req.Operator, types.Waiting.Compare); found {
		return &types.QueryDividendsResponse{Dividends: all[i : i+1]}, nil
	}
	return &types.QueryDividendsResponse{}, nil
}

// pageOf cuts the page that is asked for out of a list by operator.
func pageOf(all []types.Waiting, page *query.PageRequest) ([]types.Waiting, *query.PageResponse) {
	from, _ := slices.BinarySearchFunc(all, string(page.GetKey()), types.Waiting.Compare)
	if len(page.GetKey()) == 0 {
		from = int(min(page.GetOffset(), uint64(len(all))))
	}
	to := min(from+int(min(cmp.Or(page.GetLimit(), maxPage), maxPage)), len(all))
	next := &query.PageResponse{}
	if page.GetCountTotal() {
		next.Total = uint64(len(all))
	}
	if to < len(all) {
		next.NextKey = []byte(all[to].Operator)
	}
	return all[from:to], next
}
