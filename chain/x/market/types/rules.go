package types

import (
	"crypto/ed25519"
	"fmt"

	"agora/chain/network"
	"agora/mechanism/voucher"
)

// Promise is a voucher as the mechanism knows it.
func (v Voucher) Promise() voucher.Voucher {
	return voucher.Voucher{Channel: v.Channel, Parts: toParts(v.Parts), Expiry: v.Expiry}
}

// NewVoucher is a signed promise as a claim carries it, of which at most upTo rao in all are claimed; 0 is all.
func NewVoucher(p voucher.Voucher, signature []byte, upTo uint64) Voucher {
	return Voucher{Channel: p.Channel, Parts: fromParts(p.Parts), Expiry: p.Expiry, Signature: signature, UpTo: upTo}
}

// Terms is a channel as the mechanism knows it.
func (c Channel) Terms() voucher.Channel {
	return voucher.Channel{Deposit: c.Deposit, Cap: c.Cap, Paid: toParts(c.Paid)}
}

// Left is what the channel still holds, in rao.
func (c Channel) Left() uint64 { return c.Deposit - toParts(c.Paid).Total() }

// Pay notes what was paid now.
func (c *Channel) Pay(now voucher.Parts) { c.Paid = fromParts(toParts(c.Paid).Plus(now)) }

func toParts(list []Part) voucher.Parts {
	parts := make(voucher.Parts, len(list))
	for i, p := range list {
		parts[i] = voucher.Part{Netuid: p.Netuid, Amount: p.Amount}
	}
	return parts
}

func fromParts(parts voucher.Parts) []Part {
	list := make([]Part, len(parts))
	for i, p := range parts {
		list[i] = Part{Netuid: p.Netuid, Amount: p.Amount}
	}
	return list
}

// ValidateBasic checks the message without state.
func (m *MsgOpenChannel) ValidateBasic() error {
	if err := checkAddresses(m.Payer, m.Payee); err != nil {
		return err
	}
	if m.Payer == m.Payee {
		return fmt.Errorf("%w: %s cannot pay itself", ErrInvalid, m.Payer)
	}
	if len(m.Key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: key of %d bytes, want an ed25519 public key of %d", ErrInvalid, len(m.Key), ed25519.PublicKeySize)
	}
	if m.WithdrawDelay > LongestDelay {
		return fmt.Errorf("%w: withdrawal after %d seconds, at most %d", ErrInvalid, m.WithdrawDelay, LongestDelay)
	}
	return checkAmounts(m.Deposit, m.Cap)
}

// ValidateBasic checks the message without state.
func (m *MsgTopUp) ValidateBasic() error {
	if err := checkChannel(m.Payer, m.Channel); err != nil {
		return err
	}
	return checkAmounts(m.Deposit, m.Cap)
}

// ValidateBasic checks the message without state; what is wrong with a voucher is found when it is looked at.
func (m *MsgClaim) ValidateBasic() error {
	if n := len(m.Vouchers); n == 0 || n > MaxVouchers {
		return fmt.Errorf("%w: %d vouchers, want 1 to %d", ErrInvalid, n, MaxVouchers)
	}
	return checkAddresses(m.Sender)
}

// ValidateBasic checks the message without state.
func (m *MsgRequestWithdraw) ValidateBasic() error { return checkChannel(m.Payer, m.Channel) }

// ValidateBasic checks the message without state.
func (m *MsgWithdraw) ValidateBasic() error { return checkChannel(m.Payer, m.Channel) }

// ValidateBasic checks the message without state.
func (m *MsgClose) ValidateBasic() error { return checkChannel(m.Payee, m.Channel) }

// ValidateBasic checks the message without state.
func (m *MsgUpdateParams) ValidateBasic() error {
	if err := checkAddresses(m.Authority); err != nil {
		return err
	}
	return m.Params.Validate()
}

func checkChannel(account string, id uint64) error {
	if id == 0 {
		return fmt.Errorf("%w: channel 0: channels count from 1", ErrInvalid)
	}
	return checkAddresses(account)
}

func checkAmounts(deposit, most uint64) error {
	if deposit == 0 || deposit > voucher.MostAmount || most > voucher.MostAmount {
		return fmt.Errorf("%w: deposit of %d rao with a cap of %d, want 1 to %d", ErrInvalid, deposit, most, uint64(voucher.MostAmount))
	}
	return nil
}

func checkAddresses(addresses ...string) error {
	for _, address := range addresses {
		if _, err := network.Account(address); err != nil {
			return fmt.Errorf("%w: address %.100q: %w", ErrInvalid, address, err)
		}
	}
	return nil
}

// DefaultGenesis has no channels.
func DefaultGenesis() *GenesisState {
	return &GenesisState{Params: DefaultParams(), NextChannel: 1}
}

// Validate checks that channels are well formed, of one payer and payee each, and that the sums add up.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	pairs, last, held := map[string]bool{}, uint64(0), uint64(0)
	for _, c := range g.Channels {
		if c.Id <= last || c.Id >= g.NextChannel {
			return fmt.Errorf("%w: channel %d after %d, next is %d", ErrInvalid, c.Id, last, g.NextChannel)
		}
		if err := c.Validate(); err != nil {
			return err
		}
		pair := string(c.Payer) + "/" + string(c.Payee)
		if pairs[pair] {
			return fmt.Errorf("%w: channel %d is the second of its payer and payee", ErrInvalid, c.Id)
		}
		pairs[pair], last, held = true, c.Id, held+c.Left()
	}
	if t := g.Totals; t.Deposited != t.Claimed+t.Returned+held {
		return fmt.Errorf("%w: %d deposited, %d claimed, %d returned, %d held", ErrBroken, t.Deposited, t.Claimed, t.Returned, held)
	}
	return g.checkTurnovers()
}

func (g GenesisState) checkTurnovers() error {
	claimed := uint64(0)
	for i, t := range g.Turnovers {
		if i > 0 && t.Netuid <= g.Turnovers[i-1].Netuid || t.Burned > t.Claimed {
			return fmt.Errorf("%w: turnover of netuid %d: %d claimed, %d burned", ErrInvalid, t.Netuid, t.Claimed, t.Burned)
		}
		claimed += t.Claimed
	}
	if claimed != g.Totals.Claimed {
		return fmt.Errorf("%w: %d claimed in subnets, %d in all", ErrBroken, claimed, g.Totals.Claimed)
	}
	return nil
}

// Validate checks a channel by itself. The error is ErrInvalid.
func (c Channel) Validate() error {
	parts := toParts(c.Paid)
	if err := parts.Check(); err != nil {
		return fmt.Errorf("%w: channel %d: %w", ErrInvalid, c.Id, err)
	}
	if c.Deposit == 0 || c.Deposit > voucher.MostAmount || parts.Total() > c.Terms().Limit() {
		return fmt.Errorf("%w: channel %d paid %d of %d rao with a cap of %d", ErrInvalid, c.Id, parts.Total(), c.Deposit, c.Cap)
	}
	if len(c.Payer) == 0 || len(c.Payee) == 0 || len(c.Key) != ed25519.PublicKeySize || string(c.Payer) == string(c.Payee) {
		return fmt.Errorf("%w: channel %d from %x to %x with key %x", ErrInvalid, c.Id, c.Payer, c.Payee, c.Key)
	}
	if c.WithdrawDelay == 0 || c.WithdrawDelay > LongestDelay || c.WithdrawFrom < 0 || c.Opened < 0 {
		return fmt.Errorf("%w: channel %d opened at %d, withdrawal from %d after %d s", ErrInvalid, c.Id, c.Opened, c.WithdrawFrom, c.WithdrawDelay)
	}
	return nil
}
