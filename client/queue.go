package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"github.com/cosmos/gogoproto/proto"

	yumatypes "agora/chain/x/yuma/types"
	"agora/mechanism/price"
)

// Costs and limits of transactions.
const (
	hotGas       = 200_000 // for a hot key's transaction, and
	hotGasWeight = 400     // for each weight in it: the chain's own bound for free transactions
	gasHeadroom  = 4       // tenths added to the gas that a simulation used
	feeHeadroom  = 4       // one part in so many added to the price in force: two full blocks may raise it by a quarter
	lifetime     = 8       // blocks in which a transaction must be included
	attempts     = 6       // times a transaction refused for its sequence, its fee or a full mempool is signed anew
)

// Queue sends the transactions of one key, one at a time, so that their sequence numbers never collide.
// Callers wait for their turn; there is no other queue.
type Queue struct {
	c       *Client
	signer  Signer
	address string
	turn    chan struct{} // holds a token while nobody sends
	mark    string        // this queue's memo
}

// Result is a transaction that a block holds.
type Result struct {
	Height    int64
	Hash      [sha256.Size]byte
	GasUsed   int64
	Responses []proto.Message // one per message, e.g. *subnettypes.MsgRegisterResponse
}

// Queue returns the key's queue. All callers of one client share it; the first sets the signer.
func (c *Client) Queue(signer Signer) *Queue {
	address := sdk.AccAddress(signer.PubKey().Address()).String()
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := c.queues[address]; q != nil {
		return q
	}
	q := &Queue{c: c, signer: signer, address: address, turn: make(chan struct{}, 1), mark: rand.Text()[:8]}
	q.turn <- struct{}{}
	c.queues[address] = q
	return q
}

// Address is the account that the queue's key signs for, in bech32.
func (q *Queue) Address() string { return q.address }

// Send signs msgs as one transaction and waits until a block holds it. Where the answer to sending is lost, it waits for
// the block all the same; it never signs the messages again while an earlier transaction with them could still be
// included. Errors: ErrRefused and ErrExpired, it reached no block and cannot; ErrFailed, it is in a block without
// effect; the context's error, in which case its fate is unknown for up to 8 blocks.
func (q *Queue) Send(ctx context.Context, msgs ...sdk.Msg) (Result, error) {
	return q.SendBy(ctx, math.MaxInt64, msgs...)
}

// SendBy is Send for messages that are worth nothing after block last.
func (q *Queue) SendBy(ctx context.Context, last int64, msgs ...sdk.Msg) (Result, error) {
	if len(msgs) == 0 {
		return Result{}, fmt.Errorf("%w: no messages", ErrRefused)
	}
	select {
	case <-q.turn:
		defer func() { q.turn <- struct{}{} }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	var err error
	for range attempts {
		var result Result
		if result, err = q.try(ctx, last, msgs); !errors.Is(err, errAgain) {
			return result, err
		}
		if err := q.nextBlock(ctx); err != nil {
			return Result{}, err
		}
	}
	return Result{}, err
}

// errAgain marks a refusal that another signature may overcome. The refused transaction is in no mempool.
var errAgain = fmt.Errorf("%w, for now", ErrRefused)

func (q *Queue) try(ctx context.Context, last int64, msgs []sdk.Msg) (Result, error) {
	e, err := q.addressed(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := q.setCost(ctx, &e, msgs); err != nil {
		return Result{}, err
	}
	tip, err := q.c.Height(ctx)
	if err != nil {
		return Result{}, err
	}
	if e.timeout = min(tip+lifetime, last); e.timeout <= tip {
		return Result{}, fmt.Errorf("%w: block %d is the last for it and has passed", ErrExpired, last)
	}
	raw, err := e.seal(q.signer, msgs)
	if err != nil {
		return Result{}, err
	}
	if err := q.broadcast(ctx, raw); err != nil {
		return Result{}, err
	}
	return q.await(ctx, sha256.Sum256(raw), tip+1, e.timeout)
}

func (q *Queue) addressed(ctx context.Context) (envelope, error) {
	number, sequence, err := q.c.account(ctx, q.address)
	if errors.Is(err, ErrNotFound) {
		hint := "send it some coins first"
		if free(q.signer.PubKey()) {
			hint = "register the hot key first"
		}
		return envelope{}, fmt.Errorf("%w: account %s is not on chain %s; %s", ErrRefused, q.address, q.c.chainID, hint)
	}
	return envelope{chainID: q.c.chainID, number: number, sequence: sequence, memo: q.mark}, err
}

// setCost sets gas and fee: the fixed allowance for a hot key, a simulation and the gas price for others.
func (q *Queue) setCost(ctx context.Context, e *envelope, msgs []sdk.Msg) error {
	if free(q.signer.PubKey()) {
		e.gas = hotGas + hotGasWeight*weights(msgs)
		return nil
	}
	e.fee = 1 // so that the simulation pays it as well
	raw, err := e.seal(q.signer, msgs)
	if err != nil {
		return err
	}
	used, err := q.simulate(ctx, raw)
	if err != nil {
		return err
	}
	e.gas = used + used*gasHeadroom/10
	now, err := q.c.GasPrice(ctx)
	if err != nil {
		return err
	}
	e.fee = price.GasFee(e.gas, now+now/feeHeadroom)
	return nil
}

// simulate runs a transaction without effect and returns the gas that it used.
func (q *Queue) simulate(ctx context.Context, raw []byte) (uint64, error) {
	value, _, err := q.c.conn.query(ctx, "/app/simulate", raw, 0)
	switch {
	case errors.Is(err, ErrUnreachable):
		return 0, err
	case err != nil && strings.Contains(err.Error(), sdkerrors.ErrWrongSequence.Error()):
		return 0, fmt.Errorf("%w: %w", errAgain, err)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	var r sdk.SimulationResponse
	if err := protoCodec.UnmarshalJSON(value, &r); err != nil {
		return 0, fmt.Errorf("the node's simulation does not decode: %w", err)
	}
	return r.GasInfo.GasUsed, nil
}

func weights(msgs []sdk.Msg) uint64 {
	n := 0
	for _, m := range msgs {
		switch m := m.(type) {
		case *yumatypes.MsgRevealWeights:
			n += len(m.Weights)
		case *yumatypes.MsgSetWeights:
			n += len(m.Weights)
		}
	}
	return uint64(n)
}

// broadcast returns nil if the transaction may be included: it was taken, or nobody knows.
func (q *Queue) broadcast(ctx context.Context, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := q.c.rpc.BroadcastTxSync(ctx, raw)
	if err != nil {
		return refusedByNode(err)
	}
	if r.Code == 0 {
		return nil
	}
	reason := fmt.Errorf("%w: %s", ErrRefused, r.Log)
	if r.Codespace != sdkerrors.RootCodespace {
		return reason
	}
	switch r.Code {
	case sdkerrors.ErrTxInMempoolCache.ABCICode():
		return nil
	case sdkerrors.ErrWrongSequence.ABCICode(), sdkerrors.ErrMempoolIsFull.ABCICode(), sdkerrors.ErrInsufficientFee.ABCICode():
		return fmt.Errorf("%w: %s", errAgain, r.Log)
	}
	return reason
}

// refusedByNode sorts the errors of a broadcast: after most of them the transaction may be on its way.
func refusedByNode(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "mempool is full"), strings.Contains(text, "catching up"):
		return fmt.Errorf("%w: %w", errAgain, err)
	case strings.Contains(text, "connection refused"):
		return unreachable(err)
	}
	return nil
}

// await reads blocks first..last for the transaction.
func (q *Queue) await(ctx context.Context, hash [sha256.Size]byte, first, last int64) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for b := range q.c.BlocksFrom(ctx, first) {
		for _, t := range b.Txs {
			if t.Hash == hash {
				return included(b.Height, t)
			}
		}
		if b.Height >= last {
			return Result{}, fmt.Errorf("%w: not in blocks %d to %d", ErrExpired, first, last)
		}
	}
	return Result{}, fmt.Errorf("transaction %X may still be included: %w", hash[:8], ctx.Err())
}

func included(height int64, t Tx) (Result, error) {
	r := Result{Height: height, Hash: t.Hash, GasUsed: t.GasUsed}
	if t.Code != 0 {
		return r, fmt.Errorf("%w in block %d: %s", ErrFailed, height, t.Log)
	}
	var data sdk.TxMsgData
	if err := data.Unmarshal(t.Data); err != nil {
		return r, fmt.Errorf("transaction in block %d: responses do not decode: %w", height, err)
	}
	for _, packed := range data.MsgResponses {
		m, err := response(packed.TypeUrl, packed.Value)
		if err != nil {
			return r, fmt.Errorf("transaction in block %d: %w", height, err)
		}
		r.Responses = append(r.Responses, m)
	}
	return r, nil
}

func (q *Queue) nextBlock(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, ok := <-q.c.Blocks(ctx); !ok {
		return ctx.Err()
	}
	return nil
}

// response decodes the answer to one message.
func response(typeURL string, value []byte) (proto.Message, error) {
	m, err := registry.Resolve(typeURL)
	if err != nil {
		return nil, fmt.Errorf("response %s is unknown: %w", typeURL, err)
	}
	return m, proto.Unmarshal(value, m)
}
