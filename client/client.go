package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	jsonrpc "github.com/cometbft/cometbft/rpc/jsonrpc/client"
	cmttypes "github.com/cometbft/cometbft/types"
)

const (
	callTimeout = 10 * time.Second       // for one call to the node, unless the caller's context ends sooner
	maxReply    = 32 << 20               // bytes of one HTTP answer: a block of 4 MiB in base64 with its results
	maxValue    = 16 << 20               // bytes of one query's value
	pollEvery   = 150 * time.Millisecond // how often the node is asked for its height while somebody waits for a block
)

// RPC is what a client needs of a CometBFT node; rpc/client/http and rpc/client/local provide it.
type RPC interface {
	ABCIInfo(context.Context) (*ctypes.ResultABCIInfo, error)
	ABCIQueryWithOptions(ctx context.Context, path string, data cmtbytes.HexBytes, opts rpcclient.ABCIQueryOptions) (*ctypes.ResultABCIQuery, error)
	BroadcastTxSync(context.Context, cmttypes.Tx) (*ctypes.ResultBroadcastTx, error)
	Block(ctx context.Context, height *int64) (*ctypes.ResultBlock, error)
	BlockResults(ctx context.Context, height *int64) (*ctypes.ResultBlockResults, error)
}

// Client speaks to one node. It is safe for concurrent use and holds no goroutine of its own.
type Client struct {
	rpc     RPC
	chainID string
	conn    conn
	tip     tip
	recent  recent
	poll    time.Duration

	mu     sync.Mutex
	queues map[string]*Queue
}

// New uses a node that is already at hand, for instance one in this process (cometbft's rpc/client/local).
func New(rpc RPC, chainID string) *Client {
	return &Client{rpc: rpc, chainID: chainID, conn: conn{rpc}, poll: pollEvery, queues: map[string]*Queue{}}
}

// Dial asks the node at rpcURL ("http://host:port") for its chain id, within 10 seconds.
func Dial(rpcURL string) (*Client, error) {
	hc, err := jsonrpc.DefaultHTTPClient(rpcURL)
	if err != nil {
		return nil, fmt.Errorf("node address %q: %w; it looks like http://127.0.0.1:26657", rpcURL, err)
	}
	hc.Timeout = callTimeout
	hc.Transport = limited{hc.Transport}
	node, err := rpchttp.NewWithClient(rpcURL, "/websocket", hc)
	if err != nil {
		return nil, fmt.Errorf("node address %q: %w; it looks like http://127.0.0.1:26657", rpcURL, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	status, err := node.Status(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	return New(node, status.NodeInfo.Network), nil
}

// ChainID is the name of the chain that this client's transactions are good for.
func (c *Client) ChainID() string { return c.chainID }

// PollEvery sets how often the node is asked for its height while somebody waits for a block, 150 ms by default.
// Call it before anything else.
func (c *Client) PollEvery(d time.Duration) { c.poll = max(d, time.Millisecond) }

// limited cuts an HTTP answer off at maxReply bytes.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxReply}
	return resp, nil
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the node's answer is longer than %d bytes", maxReply)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
