package localnet

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	cmttypes "github.com/cometbft/cometbft/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
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

func TestAWaitEndsAndSaysWhatItWaitedFor(t *testing.T) {
	const what = "pigs fly"
	over := errors.New("the time is over")
	for name, try := range map[string]struct {
		stands bool
		time   time.Duration
		within time.Duration
		says   string
	}{
		"it never is so":         {time: time.Hour, within: time.Minute, says: "it waited for 2 epochs until pigs fly"},
		"the chain stands still": {stands: true, time: time.Hour, within: blockWithin, says: "made no block within 1m0s; it waited until pigs fly"},
		"the time is over":       {stands: true, time: time.Second, within: time.Second, says: "the time is over; it waited until pigs fly"},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := &hasty{}
			n.stands.Store(try.stands)
			ctx, cancel := context.WithTimeoutCause(t.Context(), try.time, over)
			defer cancel()
			began, looks := time.Now(), 0
			err := checkerOf(n).await(ctx, 2, what, func() (bool, error) { looks++; return false, nil })
			if spent := time.Since(began); err == nil || !strings.Contains(err.Error(), try.says) || spent > try.within {
				t.Errorf("%s: after %s %v, want within %s %q", name, spent, err, try.within, try.says)
			}
			if !try.stands && looks != 20 {
				t.Errorf("%s: %d looks in 2 epochs of 10 blocks", name, looks)
			}
		})
	}
}

// Whatever became of a check's time, it puts back what it changed, and does not wait for ever until that is done.
func TestPuttingBackHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := putBack(ctx, func(ctx context.Context) error { return ctx.Err() }); err != nil {
			t.Error(err)
		}
		began := time.Now()
		err := putBack(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if err == nil || !strings.Contains(err.Error(), "not put back within 3m0s") || time.Since(began) != backWithin {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
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

// Only who was there before the check began may be closed without a proof.
func TestAServerThatReturnsIsKnown(t *testing.T) {
	neurons := []subnettypes.Neuron{{Uid: 17, Registered: 5}, {Uid: 18, Registered: 100}}
	for uid, want := range map[uint32]bool{17: true, 18: false, 19: false} {
		if got := returned(neurons, uid, 100); got != want {
			t.Errorf("uid %d: %v", uid, got)
		}
	}
}
