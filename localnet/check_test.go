package localnet

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	cmttypes "github.com/cometbft/cometbft/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/client"
)

// hasty is a node whose chain has made another block whenever it is asked, until it stands still. Everybody has as much as the block's height.
type hasty struct {
	client.RPC
	height atomic.Int64
	stands atomic.Bool
}

func (n *hasty) now() int64 {
	if n.stands.Load() {
		return n.height.Load()
	}
	return n.height.Add(1)
}

func (n *hasty) ABCIInfo(context.Context) (*ctypes.ResultABCIInfo, error) {
	return &ctypes.ResultABCIInfo{Response: abci.ResponseInfo{LastBlockHeight: n.now()}}, nil
}

func (n *hasty) ABCIQueryWithOptions(_ context.Context, path string, _ cmtbytes.HexBytes, o rpcclient.ABCIQueryOptions) (*ctypes.ResultABCIQuery, error) {
	at := o.Height
	if at == 0 {
		at = n.now()
	}
	r := abci.ResponseQuery{Height: at}
	if strings.HasSuffix(path, "bank.v1beta1.Query/Balance") {
		coin := sdk.NewInt64Coin(network.Denom, at)
		r.Value, _ = (&banktypes.QueryBalanceResponse{Balance: &coin}).Marshal()
	}
	return &ctypes.ResultABCIQuery{Response: r}, nil
}

func (n *hasty) Block(_ context.Context, height *int64) (*ctypes.ResultBlock, error) {
	return &ctypes.ResultBlock{Block: &cmttypes.Block{Header: cmttypes.Header{Height: *height}}}, nil
}

func (n *hasty) BlockResults(_ context.Context, height *int64) (*ctypes.ResultBlockResults, error) {
	return &ctypes.ResultBlockResults{Height: *height}, nil
}

func checkerOf(n *hasty) *checker {
	return &checker{file: &Description{Tempo: 10, Validators: make([]Validator, 2)}, chain: client.New(n, "agora-test")}
}

// What is held together is of one block, however fast others follow.
func TestMoneyIsCountedAfterOneBlock(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := checkerOf(&hasty{})
	c.file.Miners = make([]Miner, 3)
	s, err := c.standings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.balances) != 2 || s.balances[authorName] == 0 || s.balances[authorName] != s.balances[""] {
		t.Errorf("balances of several blocks: %v", s.balances)
	}
	h, err := c.holdings(ctx, 7)
	if err != nil || h.height != 7 || h.held != 2*7 {
		t.Errorf("%+v, %v", h, err)
	}
}
