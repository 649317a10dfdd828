package cashier

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	markettypes "agora/chain/x/market/types"
	"agora/chain/x/yuma/yumatest"
	"agora/client"
	"agora/gateway/ledger"
	"agora/mechanism/voucher"
)

// counting counts the claims that are sent, and lets time pass for nobody.
type counting struct {
	*chain
	claims int
}

func (c *counting) Send(ctx context.Context, msgs ...sdk.Msg) (client.Result, error) {
	for _, m := range msgs {
		if _, is := m.(*markettypes.MsgClaim); is {
			c.claims++
		}
	}
	return c.chain.Send(ctx, msgs...)
}

// TestADayOfAMillionRequestsTakesThirteenTransactions has 1,000 consumers who were charged for 1,000 requests each, and 256
// miners with an owner each. A day later the validator claims for itself and for them: everybody has every rao.
func TestADayOfAMillionRequestsTakesThirteenTransactions(t *testing.T) {
	const consumers, miners, requests, cost, base = 1_000, 256, 1_000, 25_000, 20_000
	o := newOffice(t)
	sender := &counting{chain: o.chain}
	o.Sender = sender
	o.chain.Fund("val", 1_000*tao)
	for i := range consumers {
		name := fmt.Sprint("consumer", i)
		o.chain.Fund(name, 2*tao)
		o.spends(t, name, requests*cost)
	}
	const owed = consumers * requests * base / miners
	owners := make([]string, miners)
	for i := range miners {
		name := fmt.Sprint("owner", i)
		owners[i] = yumatest.Address(name).String()
		o.chain.Fund(name, 1)
		_, err := o.Ledger.Owe(t.Context(), owners[i], 1, owed)
		require.NoError(t, err)
		require.NoError(t, o.Pay(t.Context(), owners[i]))
	}
	require.Zero(t, sender.claims)
	o.claimed = time.Now().Add(-25 * time.Hour)
	require.NoError(t, o.look(t.Context()))
	require.Equal(t, 13, sender.claims)
	for i := range miners {
		require.EqualValues(t, owed+1, o.chain.Balance(fmt.Sprint("owner", i)))
	}
	views, err := o.chain.Channels(t.Context(), "", yumatest.Address("val").String())
	require.NoError(t, err)
	paid := uint64(0)
	for _, v := range views {
		paid += v.Paid
	}
	require.EqualValues(t, consumers*requests*cost, paid)
	require.NoError(t, o.look(t.Context()))
	require.Equal(t, 13, sender.claims, "claimed twice")
	o.chain.CheckMoney()
}

// spends opens a consumer's channel, charges it and lets it sign.
func (o *office) spends(t *testing.T, name string, rao uint64) {
	key := yumatest.HotKey("pay/" + name)
	id, err := o.chain.Market.Market.Open(o.chain.Ctx, yumatest.Address(name), yumatest.Address("val"), tao, yumatest.Public(key), 0, 0)
	require.NoError(t, err)
	a, err := o.Channel(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, o.Ledger.Keep(t.Context(), a))
	v := voucher.Voucher{Channel: id, Parts: voucher.Parts{{Netuid: 1, Amount: rao}}}
	signature, err := v.Sign(yumatest.ChainID, key)
	require.NoError(t, err)
	terms := voucher.Terms{First: 1, Most: 64, Amount: voucher.MostAmount}
	_, err = o.Ledger.Reserve(t.Context(), ledger.Request{Account: a.ID, ID: "day", Ceiling: rao, Terms: terms})
	require.NoError(t, err)
	_, _, err = o.Ledger.Settle(t.Context(), ledger.Charge{Account: a.ID, Request: "day", At: time.Now(), Netuid: 1, Cost: rao, Base: rao / 2})
	require.NoError(t, err)
	_, err = o.Ledger.Sign(t.Context(), a.ID, ledger.Held{Voucher: v, Signature: signature})
	require.NoError(t, err)
}
