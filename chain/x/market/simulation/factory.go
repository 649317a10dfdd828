// Package simulation plays the module at random: players open channels to each other and to validators, sign, claim for
// whom they like, also what was claimed before or is forged, and take back what is left.
package simulation

import (
	"crypto/ed25519"
	"math/rand"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/play"
	"agora/chain/x/market/keeper"
	"agora/chain/x/market/types"
	"agora/mechanism/voucher"
)

// Delay is the withdrawal delay of a play, in seconds: short enough to run out in it.
const Delay = 20

const (
	least = 10_000_000    // rao of a deposit
	most  = 5_000_000_000 // rao of a deposit
)

// Register adds every message of the module.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	g := game{k, keeper.NewMsgServer(k)}
	reg.Add(weights.Get("msg_open_channel", 25), play.Factory(g.open))
	reg.Add(weights.Get("msg_top_up", 15), play.Factory(g.topUp))
	reg.Add(weights.Get("msg_claim", 40), play.Factory(g.claim))
	reg.Add(weights.Get("msg_request_withdraw", 8), play.Factory(g.requestWithdraw))
	reg.Add(weights.Get("msg_withdraw", 15), play.Factory(g.withdraw))
	reg.Add(weights.Get("msg_close", 3), play.Factory(g.close))
}

// game is the module with its message server.
type game struct {
	k      *keeper.Keeper
	server types.MsgServer
}

// keyOf is the key that a player signs vouchers with: his consensus key, as it is at hand.
func keyOf(a simsx.SimAccount) ed25519.PrivateKey { return ed25519.PrivateKey(a.ConsKey.Bytes()) }

func (g game) open(t play.Turn) ([]simsx.SimAccount, *types.MsgOpenChannel) {
	payer := t.AnyAccount(t)
	payee := t.AnyAccount(t, simsx.ExcludeAddresses(payer.AddressBech32))
	msg := &types.MsgOpenChannel{
		Payer: payer.AddressBech32, Payee: payee.AddressBech32, Deposit: amount(t.Rand().Rand),
		Key: keyOf(payer).Public().(ed25519.PublicKey), WithdrawDelay: Delay,
	}
	if t.Rand().Intn(4) == 0 {
		msg.Cap = msg.Deposit / 2
	}
	return play.Try(t, payer, msg, g.server.OpenChannel)
}

func amount(r *rand.Rand) uint64 { return least + uint64(r.Int63n(most-least)) }

// channel is any open channel of a player who is still there.
func (g game) channel(t play.Turn) (c types.Channel, payer simsx.SimAccount, found bool) {
	state, err := g.k.ExportGenesis(t.Context)
	if err != nil || len(state.Channels) == 0 {
		t.Skip("no channel is open")
		return c, payer, false
	}
	c = state.Channels[t.Rand().Intn(len(state.Channels))]
	payer = t.GetAccount(t, sdk.AccAddress(c.Payer).String())
	return c, payer, !t.IsSkipped()
}

func (g game) topUp(t play.Turn) ([]simsx.SimAccount, *types.MsgTopUp) {
	c, payer, found := g.channel(t)
	if !found {
		return nil, nil
	}
	msg := &types.MsgTopUp{Payer: payer.AddressBech32, Channel: c.Id, Deposit: amount(t.Rand().Rand)}
	if c.Cap > 0 && t.Rand().Intn(2) == 0 {
		msg.Cap = c.Cap + msg.Deposit
	}
	return play.Try(t, payer, msg, g.server.TopUp)
}

// claim sends some vouchers, of which some pay.
func (g game) claim(t play.Turn) ([]simsx.SimAccount, *types.MsgClaim) {
	sender := t.AnyAccount(t)
	msg := &types.MsgClaim{Sender: sender.AddressBech32}
	for range 1 + t.Rand().Intn(5) {
		c, payer, found := g.channel(t)
		if !found {
			return nil, nil
		}
		v, err := sign(t.Rand().Rand, t.ChainID(), c, keyOf(payer))
		if err != nil {
			t.Skip(err.Error())
			return nil, nil
		}
		msg.Vouchers = append(msg.Vouchers, v)
	}
	return play.Try(t, sender, msg, g.server.Claim)
}

// sign promises something more than was paid, in some subnets; now and then too much, or forged.
func sign(r *rand.Rand, chainID string, c types.Channel, key ed25519.PrivateKey) (types.Voucher, error) {
	more := voucher.Parts{{Netuid: uint32(r.Intn(4)), Amount: 1 + uint64(r.Int63n(int64(c.Deposit/2)))}}
	p := voucher.Voucher{Channel: c.Id, Parts: c.Terms().Paid.Plus(more)}
	signature, err := p.Sign(chainID, key)
	if err == nil && r.Intn(8) == 0 {
		signature[0] ^= 1
	}
	upTo := uint64(0)
	if r.Intn(3) == 0 {
		upTo = c.Terms().Paid.Total() + more.Total()/2
	}
	return types.NewVoucher(p, signature, upTo), err
}

func (g game) requestWithdraw(t play.Turn) ([]simsx.SimAccount, *types.MsgRequestWithdraw) {
	c, payer, found := g.channel(t)
	if !found {
		return nil, nil
	}
	msg := &types.MsgRequestWithdraw{Payer: payer.AddressBech32, Channel: c.Id}
	return play.Try(t, payer, msg, g.server.RequestWithdraw)
}

func (g game) withdraw(t play.Turn) ([]simsx.SimAccount, *types.MsgWithdraw) {
	c, payer, found := g.channel(t)
	if !found {
		return nil, nil
	}
	msg := &types.MsgWithdraw{Payer: payer.AddressBech32, Channel: c.Id}
	return play.Try(t, payer, msg, g.server.Withdraw)
}

func (g game) close(t play.Turn) ([]simsx.SimAccount, *types.MsgClose) {
	c, _, found := g.channel(t)
	if !found {
		return nil, nil
	}
	payee := t.GetAccount(t, sdk.AccAddress(c.Payee).String())
	msg := &types.MsgClose{Payee: payee.AddressBech32, Channel: c.Id}
	return play.Try(t, payee, msg, g.server.Close)
}
