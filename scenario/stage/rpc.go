package stage

import (
	"context"
	"net/http"

	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/p2p"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	"github.com/cometbft/cometbft/rpc/jsonrpc/server"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	cmttypes "github.com/cometbft/cometbft/types"
)

// Handler is a node's RPC over HTTP, for programs that are told an address: the calls below, and the name of the chain.
func (s *Stage) Handler() http.Handler {
	mux := http.NewServeMux()
	server.RegisterRPCFuncs(mux, map[string]*server.RPCFunc{
		"status": server.NewRPCFunc(func(*rpctypes.Context) (*ctypes.ResultStatus, error) {
			return &ctypes.ResultStatus{NodeInfo: p2p.DefaultNodeInfo{Network: s.chainID}, SyncInfo: ctypes.SyncInfo{LatestBlockHeight: s.Height()}}, nil
		}, ""),
		"abci_info": server.NewRPCFunc(func(*rpctypes.Context) (*ctypes.ResultABCIInfo, error) {
			return s.ABCIInfo(context.Background())
		}, ""),
		"abci_query": server.NewRPCFunc(func(_ *rpctypes.Context, path string, data cmtbytes.HexBytes, height int64, prove bool) (*ctypes.ResultABCIQuery, error) {
			return s.ABCIQueryWithOptions(context.Background(), path, data, rpcclient.ABCIQueryOptions{Height: height, Prove: prove})
		}, "path,data,height,prove"),
		"broadcast_tx_sync": server.NewRPCFunc(func(_ *rpctypes.Context, tx cmttypes.Tx) (*ctypes.ResultBroadcastTx, error) {
			return s.BroadcastTxSync(context.Background(), tx)
		}, "tx"),
		"block": server.NewRPCFunc(func(_ *rpctypes.Context, height *int64) (*ctypes.ResultBlock, error) {
			return s.Block(context.Background(), height)
		}, "height"),
		"block_results": server.NewRPCFunc(func(_ *rpctypes.Context, height *int64) (*ctypes.ResultBlockResults, error) {
			return s.BlockResults(context.Background(), height)
		}, "height"),
	}, cmtlog.NewNopLogger())
	return mux
}
