package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

type (
	messages struct{ *Keeper }
	queries  struct{ *Keeper }
)

// NewMsgServer returns the module's message server.
func NewMsgServer(k *Keeper) types.MsgServer { return messages{k} }

// NewQueryServer returns the module's query server.
func NewQueryServer(k *Keeper) types.QueryServer { return queries{k} }

func (s messages) CommitModel(c context.Context, m *types.MsgCommitModel) (*types.MsgCommitModelResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	commit, err := s.Commit(sdk.UnwrapSDKContext(c), m.Author, m.Netuid, m.Hash, m.MaxFee)
	return &types.MsgCommitModelResponse{Height: commit.Height, Index: commit.Index, Burned: types.CommitFee(commit.Fee)}, err
}

func (s messages) PublishModel(c context.Context, m *types.MsgPublishModel) (*types.MsgPublishModelResponse, error) {
	model, burned, err := s.Publish(sdk.UnwrapSDKContext(c), m)
	return &types.MsgPublishModelResponse{AuthorShare: model.AuthorShare, Burned: burned}, err
}

func (s messages) RetireModel(c context.Context, m *types.MsgRetireModel) (*types.MsgRetireModelResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	return &types.MsgRetireModelResponse{}, s.Retire(sdk.UnwrapSDKContext(c), m.Author, m.Netuid, m.Digest)
}

func (s messages) RemoveModel(c context.Context, m *types.MsgRemoveModel) (*types.MsgRemoveModelResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	return &types.MsgRemoveModelResponse{}, s.Remove(sdk.UnwrapSDKContext(c), m.Netuid, m.Digest)
}

func (s messages) ListCommons(c context.Context, m *types.MsgListCommons) (*types.MsgListCommonsResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	return &types.MsgListCommonsResponse{}, s.Keeper.ListCommons(sdk.UnwrapSDKContext(c), m.Sender, m.Netuid, m.Digests)
}

func (s messages) SetServed(c context.Context, m *types.MsgSetServed) (*types.MsgSetServedResponse, error) {
	if err := m.ValidateBasic(); err != nil {
		return nil, err
	}
	from, err := s.Keeper.SetServed(sdk.UnwrapSDKContext(c), m.Sender, m.Netuid, m.Served)
	return &types.MsgSetServedResponse{FromUnixNano: from}, err
}

// coded gives what is not there the gRPC code that clients act on.
func coded(err error) error {
	if errors.Is(err, types.ErrNoModel) || errors.Is(err, subnettypes.ErrNoSubnet) || errors.Is(err, collections.ErrNotFound) {
		return status.Error(codes.NotFound, err.Error())
	}
	return err
}

// Model returns a model with what the chain says of it now.
func (q queries) Model(c context.Context, req *types.QueryModelRequest) (*types.QueryModelResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	model, err := q.Keeper.Model(ctx, req.Netuid, req.Digest)
	if err != nil {
		return nil, coded(err)
	}
	uses, err := q.uses(ctx, req.Netuid)
	if err != nil {
		return nil, err
	}
	entry, err := q.entry(ctx, model, uses)
	return &types.QueryModelResponse{Entry: entry}, err
}

func (q queries) entry(ctx sdk.Context, m types.Model, u uses) (types.Entry, error) {
	common, err := q.commons.Has(ctx, collections.Join(m.Netuid, m.Digest))
	return types.Entry{Model: m, Common: common, Removable: u.keeps(m) == "", Servers: u.servers[m.Digest]}, err
}

// Models lists a subnet's models by digest.
func (q queries) Models(c context.Context, req *types.QueryModelsRequest) (*types.QueryModelsResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	uses, err := q.uses(ctx, req.Netuid)
	if err != nil {
		return nil, err
	}
	entries, page, err := query.CollectionPaginate(c, q.models, bounded(req.Pagination),
		func(_ byDigest, m types.Model) (types.Entry, error) { return q.entry(ctx, m, uses) },
		query.WithCollectionPaginationPairPrefix[uint32, string](req.Netuid))
	return &types.QueryModelsResponse{Entries: entries, Pagination: page}, err
}

// ModelsOf lists an author's models by netuid and digest.
func (q queries) ModelsOf(c context.Context, req *types.QueryModelsOfRequest) (*types.QueryModelsOfResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	prefix := collections.TriplePrefix[string, uint32, string](req.Author)
	models, page, err := query.CollectionPaginate(c, q.authors, bounded(req.Pagination),
		func(key byAuthor, _ collections.NoValue) (types.Model, error) {
			return q.Keeper.Model(ctx, key.K2(), key.K3())
		},
		func(o *query.CollectionsPaginateOptions[byAuthor]) { o.Prefix = &prefix })
	return &types.QueryModelsOfResponse{Models: models, Pagination: page}, err
}

// Commits lists a subnet's commits that may still be opened, by author and hash.
func (q queries) Commits(c context.Context, req *types.QueryCommitsRequest) (*types.QueryCommitsResponse, error) {
	prefix := collections.TriplePrefix[uint32, string, []byte](req.Netuid)
	commits, page, err := query.CollectionPaginate(c, q.hashes, bounded(req.Pagination),
		func(_ byHash, index uint64) (types.Commit, error) { return q.commits.Get(c, index) },
		func(o *query.CollectionsPaginateOptions[byHash]) { o.Prefix = &prefix })
	return &types.QueryCommitsResponse{Commits: commits, Pagination: page}, err
}

// Tombstones lists what stays of a subnet's removed models, by digest.
func (q queries) Tombstones(c context.Context, req *types.QueryTombstonesRequest) (*types.QueryTombstonesResponse, error) {
	stones, page, err := query.CollectionPaginate(c, q.tombstones, bounded(req.Pagination),
		func(_ byDigest, t types.Tombstone) (types.Tombstone, error) { return t, nil },
		query.WithCollectionPaginationPairPrefix[uint32, string](req.Netuid))
	return &types.QueryTombstonesResponse{Tombstones: stones, Pagination: page}, err
}

// Commons lists a subnet's digests that have no author.
func (q queries) Commons(c context.Context, req *types.QueryCommonsRequest) (*types.QueryCommonsResponse, error) {
	digests, page, err := query.CollectionPaginate(c, q.commons, bounded(req.Pagination),
		func(key byDigest, _ collections.NoValue) (string, error) { return key.K2(), nil },
		query.WithCollectionPaginationPairPrefix[uint32, string](req.Netuid))
	return &types.QueryCommonsResponse{Digests: digests, Pagination: page}, err
}

// Market returns what a serving market names.
func (q queries) Market(c context.Context, req *types.QueryMarketRequest) (*types.QueryMarketResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	market, err := q.Keeper.Market(ctx, req.Netuid)
	return &types.QueryMarketResponse{Market: market, Served: market.ServedAt(ctx.BlockTime().UnixNano())}, err
}

// Cards returns what the neurons of a subnet are paid for serving in a tempo.
func (q queries) Cards(c context.Context, req *types.QueryCardsRequest) (*types.QueryCardsResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	epoch := req.Epoch
	if req.Current {
		subnet, err := q.subnets.Subnet(ctx, req.Netuid)
		if err != nil {
			return nil, coded(err)
		}
		epoch = subnet.Epoch
	}
	cards, err := q.CardsOf(ctx, req.Netuid, epoch)
	return &types.QueryCardsResponse{Cards: cards}, coded(err)
}

// Fee says what listing a model of so many bytes costs now.
func (q queries) Fee(c context.Context, req *types.QueryFeeRequest) (*types.QueryFeeResponse, error) {
	ctx := sdk.UnwrapSDKContext(c)
	if _, err := q.subnets.Subnet(ctx, req.Netuid); err != nil {
		return nil, coded(err)
	}
	fee := uint64(q.subnets.Value(ctx, req.Netuid, subnettypes.ModelFee))
	first := types.CommitFee(fee)
	return &types.QueryFeeResponse{Commit: first, Publish: fee - first + types.SizeFee(fee, req.Bytes)}, nil
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
