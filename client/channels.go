package client

import (
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/cosmos/cosmos-sdk/types/query"

	markettypes "agora/chain/x/market/types"
)

// Channel is a payment channel; ErrNotFound if there is none of that id.
func (c *Client) Channel(ctx context.Context, id uint64) (markettypes.ChannelView, error) {
	r, err := c.market().Channel(ctx, &markettypes.QueryChannelRequest{Id: id})
	if err != nil {
		return markettypes.ChannelView{}, err
	}
	return r.Channel, nil
}

// Channels lists the payment channels of a payer, to a payee, between both, or all where both are "".
func (c *Client) Channels(ctx context.Context, payer, payee string) ([]markettypes.ChannelView, error) {
	return pages(func(p *query.PageRequest) ([]markettypes.ChannelView, *query.PageResponse, error) {
		r, err := c.market().Channels(ctx, &markettypes.QueryChannelsRequest{Payer: payer, Payee: payee, Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Channels, r.Pagination, nil
	})
}

// OpenChannel puts a deposit of signer's account aside for a payee, to be promised by key, and returns the channel's id.
func (c *Client) OpenChannel(ctx context.Context, signer Signer, payee string, deposit uint64, key ed25519.PublicKey) (uint64, error) {
	q := c.Queue(signer)
	result, err := q.Send(ctx, &markettypes.MsgOpenChannel{Payer: q.Address(), Payee: payee, Deposit: deposit, Key: key})
	if err != nil {
		return 0, err
	}
	for _, r := range result.Responses {
		if opened, ok := r.(*markettypes.MsgOpenChannelResponse); ok {
			return opened.Id, nil
		}
	}
	return 0, errors.New("the chain did not say which channel was opened")
}

// ChannelTotals sums up all channels that were ever opened, in rao.
func (c *Client) ChannelTotals(ctx context.Context) (markettypes.QueryTotalsResponse, error) {
	r, err := c.market().Totals(ctx, &markettypes.QueryTotalsRequest{})
	if err != nil {
		return markettypes.QueryTotalsResponse{}, err
	}
	return *r, nil
}

// Turnovers is what was claimed for work in each subnet, in rao.
func (c *Client) Turnovers(ctx context.Context) ([]markettypes.Turnover, error) {
	return pages(func(p *query.PageRequest) ([]markettypes.Turnover, *query.PageResponse, error) {
		r, err := c.market().Turnovers(ctx, &markettypes.QueryTurnoversRequest{Pagination: p})
		if err != nil {
			return nil, nil, err
		}
		return r.Turnovers, r.Pagination, nil
	})
}

// ChannelParams are the rules of payment channels.
func (c *Client) ChannelParams(ctx context.Context) (markettypes.Params, error) {
	r, err := c.market().Params(ctx, &markettypes.QueryParamsRequest{})
	if err != nil {
		return markettypes.Params{}, err
	}
	return r.Params, nil
}

func (c *Client) market() markettypes.QueryClient { return markettypes.NewQueryClient(c.conn) }
