package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	rpcclient "github.com/cometbft/cometbft/rpc/client"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	grpctypes "github.com/cosmos/cosmos-sdk/types/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Conn runs generated query clients over the node's ABCI queries, so one address is all a program needs:
//
//	yumatypes.NewQueryClient(c.Conn()).Schedule(ctx, &yumatypes.QueryScheduleRequest{Netuid: 1})
//
// The request header x-cosmos-block-height asks about an older height; the reply header says which height answered.
func (c *Client) Conn() grpc.ClientConnInterface { return c.conn }

// AtHeight makes queries under ctx read the state after block height.
func AtHeight(ctx context.Context, height int64) context.Context {
	return metadata.AppendToOutgoingContext(ctx, grpctypes.GRPCBlockHeightHeader, strconv.FormatInt(height, 10))
}

type conn struct{ rpc RPC }

// Invoke answers one query.
func (c conn) Invoke(ctx context.Context, method string, req, reply any, opts ...grpc.CallOption) error {
	height, err := heightOf(ctx)
	if err != nil {
		return err
	}
	data, err := wireCodec.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode request of %s: %w", method, err)
	}
	value, at, err := c.query(ctx, method, data, height)
	if err != nil {
		return err
	}
	if err := wireCodec.Unmarshal(value, reply); err != nil {
		return fmt.Errorf("the node's answer to %s does not decode: %w; is it another version?", method, err)
	}
	setHeader(opts, at)
	return codectypes.UnpackInterfaces(reply, registry)
}

// NewStream refuses: no query of the chain streams.
func (conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("the chain has no streaming queries")
}

func (c conn) query(ctx context.Context, path string, data []byte, height int64) ([]byte, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	res, err := c.rpc.ABCIQueryWithOptions(ctx, path, data, rpcclient.ABCIQueryOptions{Height: height})
	if err != nil {
		return nil, 0, unreachable(err)
	}
	if r := res.Response; r.Code != 0 {
		return nil, 0, failedQuery(r.Codespace, r.Code, r.Log)
	}
	if res.Response.Height <= 0 { // what is empty would read as a chain without anything on it
		return nil, 0, unreachable(fmt.Errorf("its answer to %s is of no block", path))
	}
	if n := len(res.Response.Value); n > maxValue {
		return nil, 0, fmt.Errorf("the node's answer to %s has %d bytes, more than %d; ask for smaller pages", path, n, maxValue)
	}
	return res.Response.Value, res.Response.Height, nil
}

func heightOf(ctx context.Context) (int64, error) {
	md, _ := metadata.FromOutgoingContext(ctx)
	values := md.Get(grpctypes.GRPCBlockHeightHeader)
	if len(values) == 0 {
		return 0, nil
	}
	height, err := strconv.ParseInt(values[len(values)-1], 10, 64)
	if err != nil || height < 0 {
		return 0, fmt.Errorf("height %q is not a number from 0 up", values[len(values)-1])
	}
	return height, nil
}

func setHeader(opts []grpc.CallOption, height int64) {
	for _, opt := range opts {
		if header, ok := opt.(grpc.HeaderCallOption); ok {
			*header.HeaderAddr = metadata.Pairs(grpctypes.GRPCBlockHeightHeader, strconv.FormatInt(height, 10))
		}
	}
}
