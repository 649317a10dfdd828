package scenario

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	marketkeeper "agora/chain/x/market/keeper"
	markettypes "agora/chain/x/market/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/voucher"
)

// purseKey is the key that a person signs vouchers with.
func purseKey(name string) ed25519.PrivateKey { return Hot("purse/" + name) }

// makeOpen reads PAYEE TAO [cap=TAO] [delay=DURATION].
func makeOpen(_ *World, who string, words []string) (sdk.Msg, error) {
	deposit, err := tao(words[1])
	if err != nil {
		return nil, err
	}
	s, err := settings(words[2:])
	if err != nil {
		return nil, err
	}
	msg := &markettypes.MsgOpenChannel{
		Payer: Account(who).String(), Payee: Account(words[0]).String(), Deposit: deposit, Key: purseKey(who).Public().(ed25519.PublicKey),
	}
	if most, set := s["cap"]; set {
		if msg.Cap, err = tao(most); err != nil {
			return nil, err
		}
	}
	if text, set := s["delay"]; set {
		delay, err := duration(text)
		if err != nil {
			return nil, err
		}
		msg.WithdrawDelay = uint64(delay.Seconds())
	}
	return msg, nil
}

// makeTopUp reads PAYEE TAO.
func makeTopUp(w *World, who string, words []string) (sdk.Msg, error) {
	c, err := w.channel(who, words[0])
	if err != nil {
		return nil, err
	}
	deposit, err := tao(words[1])
	return &markettypes.MsgTopUp{Payer: Account(who).String(), Channel: c.Id, Deposit: deposit}, err
}

// makeClaim reads PAYER/PAYEE=TAO…: what the payer has signed in all for the subnet spoken of, besides what other subnets
// were paid before; an amount that begins with ! is forged.
func makeClaim(w *World, who string, words []string) (sdk.Msg, error) {
	msg := &markettypes.MsgClaim{Sender: Account(who).String()}
	for _, word := range words {
		pair, amount, _ := strings.Cut(word, "=")
		payer, payee := cutPair(pair)
		v, err := w.voucher(payer, payee, amount)
		if err != nil {
			return nil, err
		}
		msg.Vouchers = append(msg.Vouchers, v)
	}
	return msg, nil
}

// voucher is what payer signs for payee: amount in all for work in the subnet spoken of.
func (w *World) voucher(payer, payee, amount string) (markettypes.Voucher, error) {
	amount, forged := strings.CutPrefix(amount, "!")
	owed, err1 := tao(amount)
	netuid, err2 := w.netuid()
	c, err3 := w.channel(payer, payee)
	if err := errors.Join(err1, err2, err3); err != nil {
		return markettypes.Voucher{}, err
	}
	paid := c.Terms().Paid
	p := voucher.Voucher{Channel: c.Id, Parts: paid.Minus(voucher.Parts{{Netuid: netuid, Amount: paid.Of(netuid)}})}
	if owed > 0 {
		p.Parts = p.Parts.Plus(voucher.Parts{{Netuid: netuid, Amount: owed}})
	}
	signature, err := p.Sign(ChainID, purseKey(payer))
	if err == nil && forged {
		signature[0] ^= 1
	}
	return markettypes.NewVoucher(p, signature, 0), err
}

// makeAsk reads PAYEE: asks for what is left.
func makeAsk(w *World, who string, words []string) (sdk.Msg, error) {
	c, err := w.channel(who, words[0])
	return &markettypes.MsgRequestWithdraw{Payer: Account(who).String(), Channel: c.Id}, err
}

// makeRegain reads PAYEE: takes what is left.
func makeRegain(w *World, who string, words []string) (sdk.Msg, error) {
	c, err := w.channel(who, words[0])
	return &markettypes.MsgWithdraw{Payer: Account(who).String(), Channel: c.Id}, err
}

// makeClose reads PAYER.
func makeClose(w *World, who string, words []string) (sdk.Msg, error) {
	c, err := w.channel(words[0], who)
	return &markettypes.MsgClose{Payee: Account(who).String(), Channel: c.Id}, err
}

// channel is the one between two people; an error if there is none.
func (w *World) channel(payer, payee string) (markettypes.Channel, error) {
	list, err := marketkeeper.NewQueryServer(w.App.Market).Channels(w.Ctx(), &markettypes.QueryChannelsRequest{
		Payer: Account(payer).String(), Payee: Account(payee).String(),
	})
	if err != nil {
		return markettypes.Channel{}, err
	}
	if len(list.Channels) == 0 {
		return markettypes.Channel{}, fmt.Errorf("%s has no channel to %s: %w", payer, payee, collections.ErrNotFound)
	}
	return w.App.Market.Channel(w.Ctx(), list.Channels[0].Id)
}

// left is what PAYER/PAYEE's channel holds, in TAO; 0 if there is none.
func left(w *World, subject string) (figure, error) {
	payer, payee := cutPair(subject)
	c, err := w.channel(payer, payee)
	if errors.Is(err, collections.ErrNotFound) {
		return rao(0), nil
	}
	return rao(c.Left()), err
}

// turnover is what was claimed for work in a subnet, in TAO.
func turnover(of func(markettypes.Turnover) uint64) measure {
	return ofSubnet(func(w *World, s subnettypes.Subnet) (figure, error) {
		list, err := marketkeeper.NewQueryServer(w.App.Market).Turnovers(w.Ctx(), &markettypes.QueryTurnoversRequest{})
		if err != nil {
			return figure{}, err
		}
		for _, t := range list.Turnovers {
			if t.Netuid == s.Netuid {
				return rao(of(t)), nil
			}
		}
		return rao(0), nil
	})
}
