package cashier

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agora/chain/network"
	marketkeeper "agora/chain/x/market/keeper"
	markettypes "agora/chain/x/market/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
	"agora/client"
	"agora/gateway"
	"agora/gateway/ledger"
	"agora/mechanism/voucher"
	"agora/wire/x402"
)

const tao = network.TAO

// chain is the real keepers as a cashier reaches them.
type chain struct {
	*yumatest.Market
	down bool
}

func (c *chain) Channel(_ context.Context, id uint64) (markettypes.ChannelView, error) {
	r, err := marketkeeper.NewQueryServer(c.Market.Market).Channel(c.Ctx, &markettypes.QueryChannelRequest{Id: id})
	if status.Code(err) == codes.NotFound {
		return markettypes.ChannelView{}, client.ErrNotFound
	}
	if err != nil {
		return markettypes.ChannelView{}, err
	}
	return r.Channel, nil
}

func (c *chain) Channels(_ context.Context, payer, payee string) ([]markettypes.ChannelView, error) {
	if c.down {
		return nil, client.ErrUnreachable
	}
	var all []markettypes.ChannelView
	for page := (&query.PageRequest{Limit: 200}); ; {
		r, err := marketkeeper.NewQueryServer(c.Market.Market).Channels(c.Ctx, &markettypes.QueryChannelsRequest{Payer: payer, Payee: payee, Pagination: page})
		if err != nil {
			return nil, err
		}
		all = append(all, r.Channels...)
		if r.Pagination == nil || len(r.Pagination.NextKey) == 0 {
			return all, nil
		}
		page = &query.PageRequest{Key: r.Pagination.NextKey, Limit: 200}
	}
}

// Send runs messages as a transaction would.
func (c *chain) Send(_ context.Context, msgs ...sdk.Msg) (r client.Result, err error) {
	server := marketkeeper.NewMsgServer(c.Market.Market)
	err = c.Try(func(ctx sdk.Context) error {
		for _, msg := range msgs {
			var err error
			switch m := msg.(type) {
			case *markettypes.MsgClaim:
				var res *markettypes.MsgClaimResponse
				res, err = server.Claim(ctx, m)
				r.Responses = append(r.Responses, res)
			case *markettypes.MsgOpenChannel:
				var res *markettypes.MsgOpenChannelResponse
				res, err = server.OpenChannel(ctx, m)
				r.Responses = append(r.Responses, res)
			case *markettypes.MsgTopUp:
				_, err = server.TopUp(ctx, m)
			default:
				err = fmt.Errorf("%T is not known here", msg)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

func (c *chain) pass(d time.Duration) { c.Ctx = c.Ctx.WithBlockTime(c.Ctx.BlockTime().Add(d)) }

// office is a validator with its ledger and cashier.
type office struct {
	*Cashier
	chain *chain
	path  string
}

var ann = yumatest.HotKey("pay/ann")

func newOffice(t *testing.T) *office {
	c := &chain{Market: yumatest.New(t)}
	c.Validate("val", 1_000*tao)
	c.Fund("val", 100*tao)
	c.Fund("ann", 100*tao)
	c.Fund("olga", tao)
	c.Must(c.Subnet.SetProfile(c.Ctx, subnettypes.Profile{Operator: yumatest.Address("val").String(), Addresses: []string{"127.0.0.1:1"}}))
	o := &office{chain: c, path: filepath.Join(t.TempDir(), "ledger.db")}
	o.start(t)
	return o
}

// start opens the ledger and begins anew, as after a kill.
func (o *office) start(t *testing.T) {
	l, err := ledger.Open(t.Context(), o.path, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	o.Cashier, err = New(Config{
		Chain: o.chain, Sender: o.chain, Ledger: l, Operator: yumatest.Address("val").String(), Key: yumatest.HotKey("val"), ChainID: yumatest.ChainID, Markup: 500,
	})
	require.NoError(t, err)
	require.NoError(t, o.Recall(t.Context()))
}

// consumer opens ann's channel, is charged and signs.
func (o *office) consumer(t *testing.T, deposit, charged, signed uint64) uint64 {
	id, err := o.chain.Market.Market.Open(o.chain.Ctx, yumatest.Address("ann"), yumatest.Address("val"), deposit, yumatest.Public(ann), 0, 0)
	require.NoError(t, err)
	a, err := o.Channel(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, o.Ledger.Keep(t.Context(), a))
	v := voucher.Voucher{Channel: id, Parts: voucher.Parts{{Netuid: 1, Amount: signed}}}
	signature, err := v.Sign(yumatest.ChainID, ann)
	require.NoError(t, err)
	terms := voucher.Terms{First: 1, Most: 64, Amount: voucher.MostAmount}
	_, err = o.Ledger.Reserve(t.Context(), ledger.Request{Account: a.ID, ID: "a", Ceiling: charged, Terms: terms})
	require.NoError(t, err)
	_, n, err := o.Ledger.Settle(t.Context(), ledger.Charge{Account: a.ID, Request: "a", At: time.Now(), Netuid: 1, Cost: charged, Base: charged / 2})
	require.NoError(t, err)
	require.Equal(t, charged, n)
	_, err = o.Ledger.Sign(t.Context(), a.ID, ledger.Held{Voucher: v, Signature: signature})
	require.NoError(t, err)
	return id
}

// slow is a chain that takes a moment for a transaction.
type slow struct {
	*chain
	one sync.Mutex
}

func (s *slow) Send(ctx context.Context, msgs ...sdk.Msg) (client.Result, error) {
	time.Sleep(50 * time.Millisecond)
	s.one.Lock()
	defer s.one.Unlock()
	return s.chain.Send(ctx, msgs...)
}

func TestTwoPaymentsAtOnceOpenOneChannel(t *testing.T) {
	o := newOffice(t)
	o.Sender = &slow{chain: o.chain}
	var channels [2]uint64
	var errs [2]error
	var both sync.WaitGroup
	for i := range channels {
		both.Go(func() { channels[i], errs[i] = o.channelTo(t.Context(), yumatest.Address("olga").String(), 1) })
	}
	both.Wait()
	require.NoError(t, errors.Join(errs[:]...))
	require.Equal(t, channels[0], channels[1])
}

func TestAWithdrawalIsClaimedFirst(t *testing.T) {
	o := newOffice(t)
	id := o.consumer(t, 10*tao, 3*tao, 5*tao)
	require.NoError(t, o.look(t.Context()))
	c, err := o.chain.Market.Market.Channel(o.chain.Ctx, id)
	require.NoError(t, err)
	require.Zero(t, c.Deposit-c.Left(), "claimed before anybody asked")
	_, err = o.chain.Market.Market.RequestWithdraw(o.chain.Ctx, yumatest.Address("ann"), id)
	require.NoError(t, err)
	require.NoError(t, o.look(t.Context()))
	c, err = o.chain.Market.Market.Channel(o.chain.Ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 3*tao, c.Deposit-c.Left(), "what was charged, not what was signed")
	a, err := o.Ledger.Account(t.Context(), fmt.Sprintf("channel/%d", id))
	require.NoError(t, err)
	require.True(t, a.Line.Closing)
}

// TestAGatewayThatIsAwayForTheWholeDelayLosesWhatWasNotClaimed restarts after the delay: before the payer came everything is
// still there; after that exactly what was not claimed is lost, and the program goes on.
func TestAGatewayThatIsAwayForTheWholeDelayLosesWhatWasNotClaimed(t *testing.T) {
	for _, taken := range []bool{false, true} {
		o := newOffice(t)
		id := o.consumer(t, 10*tao, 3*tao, 3*tao)
		_, err := o.chain.Market.Market.RequestWithdraw(o.chain.Ctx, yumatest.Address("ann"), id)
		require.NoError(t, err)
		require.NoError(t, o.Ledger.Close())
		o.chain.pass(25 * time.Hour)
		before := o.chain.Balance("val")
		if taken {
			returned, err := o.chain.Market.Market.Withdraw(o.chain.Ctx, yumatest.Address("ann"), id)
			require.NoError(t, err)
			require.EqualValues(t, 10*tao, returned)
		}
		o.start(t)
		require.NoError(t, o.look(t.Context()))
		got := o.chain.Balance("val") - before
		if taken {
			require.Zero(t, got)
			var counted dto.Metric
			require.NoError(t, o.metrics.rao.WithLabelValues(ended).Write(&counted))
			require.EqualValues(t, 3*tao, counted.GetCounter().GetValue(), "what is lost is counted")
		} else {
			require.EqualValues(t, 3*tao-3*tao/50, got)
		}
		require.NoError(t, o.look(t.Context()))
	}
}

// TestAVoucherIsClaimedBeforeItEnds has the gateway's clock right, and wrong by 90 seconds in both ways, and a voucher for less than a claim
// is worth. It is claimed a day before its end, to the rao, and not before that; when it has ended nothing is left to lose.
func TestAVoucherIsClaimedBeforeItEnds(t *testing.T) {
	for _, off := range []time.Duration{-90 * time.Second, 0, 90 * time.Second} {
		o := newOffice(t)
		charged := o.Least * 3 / 10
		id := o.consumer(t, 10*tao, charged, charged)
		ends := func(more uint64, in time.Duration) {
			v := voucher.Voucher{Channel: id, Parts: voucher.Parts{{Netuid: 1, Amount: charged + more}}, Expiry: o.chain.Ctx.BlockTime().Add(in).Unix()}
			signature, err := v.Sign(yumatest.ChainID, ann)
			require.NoError(t, err)
			_, err = o.Ledger.Sign(t.Context(), fmt.Sprintf("channel/%d", id), ledger.Held{Voucher: v, Signature: signature})
			require.NoError(t, err)
		}
		left := func() uint64 {
			c, err := o.chain.Market.Market.Channel(o.chain.Ctx, id)
			require.NoError(t, err)
			return c.Left()
		}
		o.chain.Ctx = o.chain.Ctx.WithBlockTime(time.Now().Add(-off)) // it is the chain's clock that is right
		ends(1, gateway.LastCall+5*time.Minute)
		require.NoError(t, o.look(t.Context()))
		require.EqualValues(t, 10*tao, left(), "claimed while it could become more")
		ends(2, gateway.LastCall-5*time.Minute)
		before := o.chain.Balance("val")
		require.NoError(t, o.look(t.Context()))
		burned := charged / 50
		require.EqualValues(t, 10*tao-charged, left())
		require.EqualValues(t, charged-burned, o.chain.Balance("val")-before)
		o.chain.pass(2 * gateway.LastCall)
		rao, err := o.ClaimNow(t.Context())
		require.NoError(t, err)
		require.Zero(t, rao)
	}
}

func TestANodeThatIsAwayCostsNothing(t *testing.T) {
	o := newOffice(t)
	id := o.consumer(t, 10*tao, 3*tao, 3*tao)
	o.chain.down = true
	require.ErrorIs(t, o.look(t.Context()), client.ErrUnreachable)
	o.chain.down = false
	rao, err := o.ClaimNow(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3*tao, rao)
	rao, err = o.ClaimNow(t.Context())
	require.NoError(t, err)
	require.Zero(t, rao, "claimed twice")
	_ = id
}

// TestMinersGetWhatTheirAnswersCostToTheRao answers for one miner, pays, tops the channel up, loses the process in between,
// and claims: the miner has every rao that was written down, once.
func TestMinersGetWhatTheirAnswersCostToTheRao(t *testing.T) {
	o := newOffice(t)
	o.Deposit = 20_000_000
	olga := yumatest.Address("olga").String()
	before, owed := o.chain.Balance("olga"), uint64(0)
	for round := range 8 {
		for range 30 {
			o.Owe(gateway.Work{Payee: olga, NetUID: 1, HotKey: make([]byte, ed25519.PublicKeySize), Rao: 500_007})
			owed += 500_007
		}
		o.book(t.Context())
		if round%3 == 2 { // a kill after it was written down
			require.NoError(t, o.Ledger.Close())
			o.start(t)
			o.Deposit = 20_000_000
		}
		o.pay(t.Context())
		h := http.Header{}
		o.Enclose(h, gateway.Work{Payee: olga}, 0)
		_, v, err := x402.ReadPayment(h.Get(x402.HeaderSignature), x402.Network(yumatest.ChainID))
		require.NoError(t, err)
		require.Equal(t, owed, v.Total())
	}
	d, err := o.Ledger.Debt(t.Context(), olga)
	require.NoError(t, err)
	_, err = o.chain.Send(t.Context(), &markettypes.MsgClaim{
		Sender: yumatest.Address("ann").String(), Vouchers: []markettypes.Voucher{markettypes.NewVoucher(d.Held.Voucher, d.Held.Signature, 0)},
	})
	require.NoError(t, err)
	require.Equal(t, before+owed, o.chain.Balance("olga"))
	o.chain.CheckMoney()
}

func TestAChannelOfSomebodyElseIsNoneHere(t *testing.T) {
	o := newOffice(t)
	id, err := o.chain.Market.Market.Open(o.chain.Ctx, yumatest.Address("ann"), yumatest.Address("olga"), tao, yumatest.Public(ann), 0, 0)
	require.NoError(t, err)
	for _, id := range []uint64{id, 99} {
		if _, err := o.Channel(t.Context(), id); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("channel %d: %v", id, err)
		}
	}
}
