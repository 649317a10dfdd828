package client

import (
	"context"

	"github.com/cosmos/cosmos-sdk/types/query"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	feetypes "agora/chain/x/fee/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

const pageSize = 256

// Subnets lists every subnet, root included, by netuid.
func (c *Client) Subnets(ctx context.Context) ([]subnettypes.Subnet, error) {
	return pages(func(p *query.PageRequest) ([]subnettypes.Subnet, *query.PageResponse, error) {
		r, err := c.subnets().Subnets(ctx, &subnettypes.QuerySubnetsRequest{Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Subnets, r.Pagination, nil
	})
}

// Subnet describes one subnet; ErrNotFound if there is none.
func (c *Client) Subnet(ctx context.Context, netuid uint32) (subnettypes.Subnet, error) {
	r, err := c.subnets().Subnet(ctx, &subnettypes.QuerySubnetRequest{Netuid: netuid})
	if err != nil {
		return subnettypes.Subnet{}, err
	}
	return r.Subnet, nil
}

// Parameters is the table of a subnet's hyperparameters with the values in force.
func (c *Client) Parameters(ctx context.Context, netuid uint32) ([]subnettypes.Parameter, error) {
	r, err := c.subnets().Parameters(ctx, &subnettypes.QueryParametersRequest{Netuid: netuid})
	if err != nil {
		return nil, err
	}
	return r.Parameters, nil
}

// Neurons lists a subnet's neurons by uid.
func (c *Client) Neurons(ctx context.Context, netuid uint32) ([]subnettypes.Neuron, error) {
	return pages(func(p *query.PageRequest) ([]subnettypes.Neuron, *query.PageResponse, error) {
		r, err := c.subnets().Neurons(ctx, &subnettypes.QueryNeuronsRequest{Netuid: netuid, Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Neurons, r.Pagination, nil
	})
}

// Bids lists the bids that wait for a seat of a full subnet.
func (c *Client) Bids(ctx context.Context, netuid uint32) ([]subnettypes.Bid, error) {
	return pages(func(p *query.PageRequest) ([]subnettypes.Bid, *query.PageResponse, error) {
		r, err := c.subnets().Bids(ctx, &subnettypes.QueryBidsRequest{Netuid: netuid, Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Bids, r.Pagination, nil
	})
}

// Voices lists a subnet's voices with their stakes and the addresses that miners dial.
func (c *Client) Voices(ctx context.Context, netuid uint32) ([]subnettypes.VoiceEntry, error) {
	return pages(func(p *query.PageRequest) ([]subnettypes.VoiceEntry, *query.PageResponse, error) {
		r, err := c.subnets().Voices(ctx, &subnettypes.QueryVoicesRequest{Netuid: netuid, Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Voices, r.Pagination, nil
	})
}

// Profiles lists every validator's entry in the directory.
func (c *Client) Profiles(ctx context.Context) ([]subnettypes.Profile, error) {
	return pages(func(p *query.PageRequest) ([]subnettypes.Profile, *query.PageResponse, error) {
		r, err := c.subnets().Profiles(ctx, &subnettypes.QueryProfilesRequest{Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Profiles, r.Pagination, nil
	})
}

// Prices says what a registration in netuid and a new subnet cost now, in rao.
func (c *Client) Prices(ctx context.Context, netuid uint32) (subnettypes.QueryPricesResponse, error) {
	r, err := c.subnets().Prices(ctx, &subnettypes.QueryPricesRequest{Netuid: netuid})
	if err != nil {
		return subnettypes.QueryPricesResponse{}, err
	}
	return *r, nil
}

// GasPrice is what a transaction in the next block pays at least, in rao per million gas.
func (c *Client) GasPrice(ctx context.Context) (uint64, error) {
	r, err := feetypes.NewQueryClient(c.conn).GasPrice(ctx, &feetypes.QueryGasPriceRequest{})
	if err != nil {
		return 0, err
	}
	return r.GasPrice, nil
}

// Metagraph is what the last epoch of a subnet decided, every uid of it.
func (c *Client) Metagraph(ctx context.Context, netuid uint32) (yumatypes.QueryMetagraphResponse, error) {
	var all yumatypes.QueryMetagraphResponse
	uids, err := pages(func(p *query.PageRequest) ([]yumatypes.Uid, *query.PageResponse, error) {
		r, err := c.yuma().Metagraph(ctx, &yumatypes.QueryMetagraphRequest{Netuid: netuid, Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		all = *r
		return r.Uids, r.Pagination, nil
	})
	all.Uids, all.Pagination = uids, nil
	return all, err
}

// Schedule is the calendar of a subnet's running tempo.
func (c *Client) Schedule(ctx context.Context, netuid uint32) (yumatypes.Schedule, error) {
	r, err := c.yuma().Schedule(ctx, &yumatypes.QueryScheduleRequest{Netuid: netuid})
	if err != nil {
		return yumatypes.Schedule{}, err
	}
	return r.Schedule, nil
}

// Commits lists the commits that the chain still holds for a subnet.
func (c *Client) Commits(ctx context.Context, netuid uint32) ([]yumatypes.Commit, error) {
	return pages(func(p *query.PageRequest) ([]yumatypes.Commit, *query.PageResponse, error) {
		r, err := c.yuma().Commits(ctx, &yumatypes.QueryCommitsRequest{Netuid: netuid, Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Commits, r.Pagination, nil
	})
}

// Epochs lists up to limit records of a subnet's epochs, newest first.
func (c *Client) Epochs(ctx context.Context, netuid uint32, limit uint64) ([]yumatypes.EpochRecord, error) {
	r, err := c.yuma().Epochs(ctx, &yumatypes.QueryEpochsRequest{Netuid: netuid, Pagination: &query.PageRequest{Limit: limit}})
	if err != nil {
		return nil, err
	}
	return r.Records, nil
}

// Ledger is the book of emission: minted, paid, pending and burned, with the issuance of now, in rao.
func (c *Client) Ledger(ctx context.Context) (emissiontypes.QueryLedgerResponse, error) {
	r, err := emissiontypes.NewQueryClient(c.conn).Ledger(ctx, &emissiontypes.QueryLedgerRequest{})
	if err != nil {
		return emissiontypes.QueryLedgerResponse{}, err
	}
	return *r, nil
}

// Accounts is each subnet's part of the book of emission.
func (c *Client) Accounts(ctx context.Context) ([]emissiontypes.Account, error) {
	r, err := emissiontypes.NewQueryClient(c.conn).Accounts(ctx, &emissiontypes.QueryAccountsRequest{})
	if err != nil {
		return nil, err
	}
	return r.Accounts, nil
}

// Dividends is what of past epochs every validator and its nominators are still to get.
func (c *Client) Dividends(ctx context.Context) ([]emissiontypes.Waiting, error) {
	return pages(func(p *query.PageRequest) ([]emissiontypes.Waiting, *query.PageResponse, error) {
		r, err := emissiontypes.NewQueryClient(c.conn).Dividends(ctx, &emissiontypes.QueryDividendsRequest{Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Dividends, r.Pagination, nil
	})
}

// Balance is what an account can spend, in rao.
func (c *Client) Balance(ctx context.Context, address string) (uint64, error) {
	r, err := banktypes.NewQueryClient(c.conn).Balance(ctx, &banktypes.QueryBalanceRequest{Address: address, Denom: network.Denom})
	if err != nil || r.Balance == nil {
		return 0, err
	}
	return r.Balance.Amount.Uint64(), nil
}

// account is an account's number and next sequence; ErrNotFound if it holds nothing yet.
func (c *Client) account(ctx context.Context, address string) (number, sequence uint64, err error) {
	r, err := authtypes.NewQueryClient(c.conn).AccountInfo(ctx, &authtypes.QueryAccountInfoRequest{Address: address})
	if err != nil {
		return 0, 0, err
	}
	return r.Info.AccountNumber, r.Info.Sequence, nil
}

func (c *Client) subnets() subnettypes.QueryClient { return subnettypes.NewQueryClient(c.conn) }
func (c *Client) yuma() yumatypes.QueryClient      { return yumatypes.NewQueryClient(c.conn) }

// pages asks until the node names no next page.
func pages[T any](ask func(*query.PageRequest) ([]T, *query.PageResponse, error)) ([]T, error) {
	var all []T
	request := &query.PageRequest{Limit: pageSize}
	for {
		part, page, err := ask(request)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
		if page == nil || len(page.NextKey) == 0 || len(part) == 0 {
			return all, nil
		}
		request = &query.PageRequest{Limit: pageSize, Key: page.NextKey}
	}
}
