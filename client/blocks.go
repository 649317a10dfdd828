package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/gogoproto/proto"
)

const (
	recentKept  = 16     // blocks shared among the readers of one client
	maxBehind   = 10_000 // blocks that a reader is led through one by one; beyond it the older ones are left out
	blockBuffer = 16
)

// Block is a committed block whose state can be queried.
type Block struct {
	Height int64
	Time   time.Time
	Hash   []byte // 32 bytes
	Txs    []Tx
	Events []proto.Message // typed events: those of successful transactions, then those of the block's begin and end
}

// Tx is a transaction's fate in its block. Code 0 is success; else Log says why it had no effect.
type Tx struct {
	Hash      [sha256.Size]byte
	Code      uint32
	Codespace string
	Log       string
	GasUsed   int64
	Data      []byte // the messages' responses, a TxMsgData
}

// Height is the last block whose state can be queried.
func (c *Client) Height(ctx context.Context) (int64, error) {
	return c.tip.height(ctx, c.rpc, 0)
}

// Tip is Height as it was a moment ago, when a reader of Blocks asked last.
func (c *Client) Tip(ctx context.Context) (int64, error) {
	return c.tip.height(ctx, c.rpc, c.poll)
}

// Blocks sends every block from the next one on, in order and without gaps, until ctx ends; then the channel closes.
// While the node is away it waits. A reader that is slow gets the same blocks later.
func (c *Client) Blocks(ctx context.Context) <-chan Block {
	return c.BlocksFrom(ctx, 0)
}

// BlocksFrom is Blocks beginning with block first; 0 is the next one. Blocks that the node no longer has are left out.
func (c *Client) BlocksFrom(ctx context.Context, first int64) <-chan Block {
	out := make(chan Block, blockBuffer)
	go func() { // ends with ctx; the closed channel tells its reader
		defer close(out)
		c.follow(ctx, first, out)
	}()
	return out
}

func (c *Client) follow(ctx context.Context, next int64, out chan<- Block) {
	for ctx.Err() == nil {
		tip, err := c.tip.height(ctx, c.rpc, c.poll)
		if err != nil {
			pause(ctx, 10*c.poll)
			continue
		}
		if next == 0 {
			next = tip + 1
		}
		if next > tip {
			pause(ctx, c.poll)
			continue
		}
		next = max(next, tip-maxBehind)
		b, err := c.Block(ctx, next)
		if err != nil && pruned(err, next) && next < tip-recentKept {
			next++
			continue
		}
		if err != nil {
			pause(ctx, c.poll)
			continue
		}
		select {
		case out <- b:
			next++
		case <-ctx.Done():
		}
	}
}

// Block is a committed block with its events.
func (c *Client) Block(ctx context.Context, height int64) (Block, error) {
	if b, ok := c.recent.find(height); ok {
		return b, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	block, err := c.rpc.Block(ctx, &height)
	if err != nil {
		return Block{}, unreachable(err)
	}
	results, err := c.rpc.BlockResults(ctx, &height)
	if err != nil {
		return Block{}, unreachable(err)
	}
	if block.Block == nil || block.Block.Height != height || results.Height != height {
		return Block{}, unreachable(fmt.Errorf("it was asked for block %d and tells of another or of none", height))
	}
	b := decode(block, results)
	c.recent.keep(b)
	return b, nil
}

func decode(block *ctypes.ResultBlock, results *ctypes.ResultBlockResults) Block {
	b := Block{Height: block.Block.Height, Time: block.Block.Time, Hash: block.BlockID.Hash}
	for i, raw := range block.Block.Txs {
		if i >= len(results.TxsResults) {
			break
		}
		r := results.TxsResults[i]
		b.Txs = append(b.Txs, Tx{
			Hash: sha256.Sum256(raw), Code: r.Code, Codespace: r.Codespace, Log: r.Log, GasUsed: r.GasUsed, Data: r.Data,
		})
		if r.Code == 0 {
			b.Events = append(b.Events, typed(r.Events)...)
		}
	}
	b.Events = append(b.Events, typed(results.FinalizeBlockEvents)...)
	return b
}

// modeKey is the attribute by which the SDK marks in which phase of the block an event arose; typed events have no such field.
const modeKey = "mode"

// typed decodes the typed events among events; those of other kinds (the bank's strings, say) are left out.
func typed(events []abci.Event) []proto.Message {
	var list []proto.Message
	for _, e := range events {
		if proto.MessageType(e.Type) == nil {
			continue
		}
		e.Attributes = slices.DeleteFunc(slices.Clone(e.Attributes), isMark)
		if m, err := sdk.ParseTypedEvent(e); err == nil {
			list = append(list, m)
		}
	}
	return list
}

func isMark(a abci.EventAttribute) bool { return a.Key == modeKey || a.Key == "msg_index" }

// tip remembers the chain's height for a moment, so that many readers cost the node one call.
type tip struct {
	mu     sync.Mutex
	at     time.Time
	value  int64
	silent atomic.Pointer[time.Time] // since when the node has told no height; nil while it tells it
}

// Silent is how long the node has told no height to whoever asked, 0 while it does. Readers of Blocks ask all the time.
func (c *Client) Silent() time.Duration {
	if since := c.tip.silent.Load(); since != nil {
		return time.Since(*since)
	}
	return 0
}

func (t *tip) height(ctx context.Context, rpc RPC, maxAge time.Duration) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.at) < maxAge {
		return t.value, nil
	}
	began := time.Now()
	asking, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := rpc.ABCIInfo(asking)
	if err == nil && info.Response.LastBlockHeight <= 0 {
		err = errors.New("it has no block yet")
	}
	if err != nil {
		if ctx.Err() == nil { // else it is the caller who left
			t.silent.CompareAndSwap(nil, &began)
		}
		return 0, unreachable(err)
	}
	t.silent.Store(nil)
	t.at, t.value = time.Now(), info.Response.LastBlockHeight
	return t.value, nil
}

// recent keeps the last blocks that were read.
type recent struct {
	mu     sync.Mutex
	blocks []Block
}

func (r *recent) find(height int64) (Block, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.blocks {
		if b.Height == height {
			return b, true
		}
	}
	return Block{}, false
}

func (r *recent) keep(b Block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocks = append(r.blocks, b)
	if len(r.blocks) > recentKept {
		r.blocks = slices.Delete(r.blocks, 0, len(r.blocks)-recentKept)
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
