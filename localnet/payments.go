package localnet

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"agora/chain/network"
	markettypes "agora/chain/x/market/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/gateway"
	"agora/wallet/pay"
)

// What requests cost in a local market, in rao per million tokens, and what its consumer puts aside.
const (
	priceIn  = 50_000_000
	priceOut = 200_000_000
	markup   = 500 // basis points, of every validator

	consumerDeposit = 10 * network.TAO
)

func priced(card subnettypes.ModelCard) subnettypes.ModelCard {
	card.PriceIn, card.PriceOut = priceIn, priceOut
	return card
}

// openPurse opens the demo consumer's channel to the first validator, once, and lets the demo key draw on it.
func (m *Market) openPurse(ctx context.Context) error {
	door := m.file.Gateways[0]
	url := strings.TrimSuffix(door.URL, "/v1")
	path := pay.File(m.Home, url)
	purse, err := pay.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		purse, err = m.newPurse(ctx, path, url)
	}
	if err != nil {
		return err
	}
	return pay.NewEndpoint(purse).GiveCredit(ctx, gateway.IDOf(door.Key), chatNet)
}

func (m *Market) newPurse(ctx context.Context, path, url string) (*pay.Purse, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(m.keys.secret("purse", "consumer")[:ed25519.SeedSize])
	payer, payee := m.keys.account("consumer").String(), m.keys.account("validator0").String()
	id, err := m.channel(ctx, payer, payee, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return pay.Create(path, key, pay.Terms{
		ChainID: m.file.ChainID, Payer: payer, Payee: payee, Gateway: url, Channel: id, Deposit: consumerDeposit,
	})
}

// channel opens the consumer's channel, unless a start that was cut off has.
func (m *Market) channel(ctx context.Context, payer, payee string, key ed25519.PublicKey) (uint64, error) {
	list, err := m.clients[0].Channels(ctx, payer, payee)
	if err != nil {
		return 0, err
	}
	if len(list) > 0 {
		return list[0].Id, nil
	}
	return m.clients[0].OpenChannel(ctx, client.ColdSigner(m.keys.cold("consumer")), payee, consumerDeposit, key)
}

// settle lets every validator pay its miners and claim what consumers signed, and claims what miners hold: anybody may.
func (m *Market) settle(ctx context.Context) error {
	for i, d := range m.offices {
		if err := d.Settle(ctx); err != nil {
			return fmt.Errorf("validator%d: %w", i, err)
		}
		debts, err := d.Ledger().Debts(ctx)
		if err != nil {
			return err
		}
		queue := m.clients[i].Queue(client.ColdSigner(m.keys.cold(fmt.Sprintf("validator%d", i))))
		msg := &markettypes.MsgClaim{Sender: queue.Address()}
		for _, debt := range debts {
			if len(debt.Held.Signature) > 0 && len(msg.Vouchers) < markettypes.MaxVouchers {
				msg.Vouchers = append(msg.Vouchers, markettypes.NewVoucher(debt.Held.Voucher, debt.Held.Signature, 0))
			}
		}
		if len(msg.Vouchers) == 0 {
			continue
		}
		if _, err := queue.Send(ctx, msg); err != nil {
			return fmt.Errorf("claim for miners: %w", err)
		}
	}
	return nil
}

// flow is what has moved through the first validator's channels, in rao.
type flow struct {
	spent, burned    uint64 // by consumers
	income, deposits uint64 // of its miners, and put aside for them
	balance          uint64 // of the validator
}

// payments settles, and compares what the chain moved with what the gateway wrote down for each answer.
func (c *checker) payments(ctx context.Context) (string, error) {
	before, err := c.flow(ctx)
	if err != nil {
		return "", err
	}
	if _, err := call(ctx, c.home, http.MethodPost, "/settle"); err != nil {
		return "", err
	}
	after, err := c.flow(ctx)
	if err != nil {
		return "", err
	}
	cost, base, err := c.charged(ctx)
	if err != nil {
		return "", err
	}
	received := after.spent - before.spent - (after.burned - before.burned)
	fees := int64(before.balance+received) - int64(after.balance+after.deposits-before.deposits)
	switch {
	case cost == 0:
		return "", errors.New("the demo consumer was charged nothing")
	case after.spent != cost:
		return "", fmt.Errorf("the consumer paid %d rao on the chain, its answers cost %d", after.spent, cost)
	case after.income != base:
		return "", fmt.Errorf("miners got %d rao on the chain, their part of the answers is %d", after.income, base)
	case fees < 0 || fees > network.TAO:
		return "", fmt.Errorf("the validator's balance lacks %d rao", fees)
	}
	net := int64(after.spent) - int64(after.income) - int64(after.burned)
	return fmt.Sprintf("the consumer's %d rao are %d to miners, %d burned and %d to the validator (its mark-up is %d), which paid %d in fees",
		after.spent, after.income, after.burned, net, cost-base, fees), nil
}

func (c *checker) flow(ctx context.Context) (f flow, err error) {
	validator := c.file.Accounts["validator0"].Address
	from, err1 := c.chain.Channels(ctx, "", validator)
	to, err2 := c.chain.Channels(ctx, validator, "")
	turnovers, err3 := c.chain.Turnovers(ctx)
	f.balance, err = c.chain.Balance(ctx, validator)
	for _, v := range from {
		f.spent += v.Paid
	}
	for _, v := range to {
		f.income, f.deposits = f.income+v.Paid, f.deposits+v.Deposit
	}
	for _, t := range turnovers {
		f.burned += t.Burned
	}
	return f, errors.Join(err, err1, err2, err3)
}

// charged is what the demo consumer's answers cost, and the miners' part, as the gateway wrote it down for each.
func (c *checker) charged(ctx context.Context) (cost, base uint64, err error) {
	door := c.file.Gateways[0]
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, door.URL+"/pay/spending", nil)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+door.Key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	var told struct {
		Days []struct {
			Rao  uint64 `json:"rao"`
			Base uint64 `json:"miners_rao"`
		} `json:"days"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&told); err != nil {
		return 0, 0, err
	}
	for _, d := range told.Days {
		cost, base = cost+d.Rao, base+d.Base
	}
	return cost, base, nil
}
