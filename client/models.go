package client

import (
	"context"

	"github.com/cosmos/cosmos-sdk/types/query"

	modeltypes "agora/chain/x/model/types"
	yumatypes "agora/chain/x/yuma/types"
)

// Models lists a subnet's published models by digest.
func (c *Client) Models(ctx context.Context, netuid uint32) ([]modeltypes.Entry, error) {
	return pages(func(p *query.PageRequest) ([]modeltypes.Entry, *query.PageResponse, error) {
		r, err := c.models().Models(ctx, &modeltypes.QueryModelsRequest{Netuid: netuid, Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Entries, r.Pagination, nil
	})
}

// Model is a subnet's listed model of a digest. The error is ErrNotFound where none is.
func (c *Client) Model(ctx context.Context, netuid uint32, digest string) (modeltypes.Entry, error) {
	r, err := c.models().Model(ctx, &modeltypes.QueryModelRequest{Netuid: netuid, Digest: digest})
	if err != nil {
		return modeltypes.Entry{}, err
	}
	return r.Entry, nil
}

// Cards is which model each neuron of a subnet served as a tempo began.
func (c *Client) Cards(ctx context.Context, netuid uint32, epoch uint64) (modeltypes.Cards, error) {
	r, err := c.models().Cards(ctx, &modeltypes.QueryCardsRequest{Netuid: netuid, Epoch: epoch})
	if err != nil {
		return modeltypes.Cards{}, err
	}
	return r.Cards, nil
}

// Served is what a serving market names now.
func (c *Client) Served(ctx context.Context, netuid uint32) ([]modeltypes.Served, error) {
	r, err := c.models().Market(ctx, &modeltypes.QueryMarketRequest{Netuid: netuid})
	if err != nil {
		return nil, err
	}
	return r.Served, nil
}

// Seed is what nobody chose in a tempo of a subnet of open models.
func (c *Client) Seed(ctx context.Context, netuid uint32, epoch uint64) (yumatypes.Seed, error) {
	r, err := c.yuma().Seed(ctx, &yumatypes.QuerySeedRequest{Netuid: netuid, Epoch: epoch})
	if err != nil {
		return yumatypes.Seed{}, err
	}
	return r.Seed, nil
}

// Snapshot is what the epoch of a subnet's running tempo will read.
func (c *Client) Snapshot(ctx context.Context, netuid uint32) (yumatypes.Snapshot, error) {
	r, err := c.yuma().Snapshot(ctx, &yumatypes.QuerySnapshotRequest{Netuid: netuid})
	if err != nil {
		return yumatypes.Snapshot{}, err
	}
	return r.Snapshot, nil
}

func (c *Client) models() modeltypes.QueryClient { return modeltypes.NewQueryClient(c.conn) }
