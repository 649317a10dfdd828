package localnet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	markettypes "agora/chain/x/market/types"
	"agora/client"
	"agora/gateway"
	"agora/wallet/pay"
)

// What answers cost in a local market, and what its demo consumer puts aside for each gateway, in rao.
const (
	priceIn     = 1 * network.TAO // per million tokens read
	priceOut    = 4 * network.TAO // per million tokens written
	markup      = 500             // of validators, in basis points
	demoDeposit = 10 * network.TAO
	judging     = network.TAO / 20 // of a validator, for questions beyond what is free, per server and tempo
)

// demo is the account whose deposits the demo keys draw on.
const demo = "demo"

// demoPurse is where the demo consumer keeps its purse for gateway i.
func demoPurse(home string, i int) string {
	return filepath.Join(home, "demo", fmt.Sprintf("validator%d.json", i))
}

// openDemo puts a deposit aside for each gateway, in one transaction, and lets the demo keys draw on them. What an earlier
// start has opened is used on.
func (m *Market) openDemo(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(m.Home, "demo"), 0o700); err != nil {
		return err
	}
	have, err := m.clients[0].Channels(ctx, m.keys.account(demo).String(), "")
	if err != nil {
		return err
	}
	open := map[string]markettypes.ChannelView{}
	for _, c := range have {
		open[c.Payee] = c
	}
	if err := m.openChannels(ctx, open); err != nil {
		return fmt.Errorf("the demo consumer's channels: %w", err)
	}
	for i := range m.file.Gateways {
		purse, err := m.demoPurse(i, open[m.keys.account(fmt.Sprintf("validator%d", i)).String()])
		if err != nil {
			return err
		}
		if err := m.credit(ctx, i, purse); err != nil {
			return fmt.Errorf("the demo key's credit at gateway %d: %w", i, err)
		}
	}
	return nil
}

// openChannels opens those that are missing and adds them to open, by payee.
func (m *Market) openChannels(ctx context.Context, open map[string]markettypes.ChannelView) error {
	var msgs []sdk.Msg
	payer := m.keys.account(demo).String()
	for i := range m.file.Gateways {
		payee := m.keys.account(fmt.Sprintf("validator%d", i)).String()
		if _, there := open[payee]; !there {
			key := m.demoKey(i).Public().(ed25519.PublicKey)
			msgs = append(msgs, &markettypes.MsgOpenChannel{Payer: payer, Payee: payee, Deposit: demoDeposit, Key: key})
		}
	}
	if len(msgs) == 0 {
		return nil
	}
	result, err := m.clients[0].Queue(client.ColdSigner(m.keys.cold(demo))).Send(ctx, msgs...)
	if err != nil {
		return err
	}
	if len(result.Responses) != len(msgs) {
		return fmt.Errorf("%d answers to %d messages", len(result.Responses), len(msgs))
	}
	for i, msg := range msgs {
		payee := msg.(*markettypes.MsgOpenChannel).Payee
		open[payee] = markettypes.ChannelView{Id: result.Responses[i].(*markettypes.MsgOpenChannelResponse).Id, Payer: payer, Payee: payee, Deposit: demoDeposit}
	}
	return nil
}

// demoKey signs the demo consumer's vouchers for gateway i.
func (m *Market) demoKey(i int) ed25519.PrivateKey {
	return m.keys.hot(fmt.Sprintf("demo validator%d", i))
}

// demoPurse opens the purse of a channel, or makes it.
func (m *Market) demoPurse(i int, c markettypes.ChannelView) (*pay.Purse, error) {
	path := demoPurse(m.Home, i)
	purse, err := pay.Open(path)
	if err == nil && purse.Status().Channel == c.Id {
		return purse, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil { // of a channel that has ended
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return pay.Create(path, m.demoKey(i), pay.Terms{
		ChainID: m.file.ChainID, Payer: c.Payer, Payee: c.Payee, Gateway: strings.TrimSuffix(m.file.Gateways[i].URL, "/v1"),
		Channel: c.Id, Deposit: c.Deposit,
	})
}

// creditPause lies between two tries to hand a credit over: the gateway's own node may not have the block yet.
const creditPause = 250 * time.Millisecond

func (m *Market) credit(ctx context.Context, i int, purse *pay.Purse) error {
	endpoint := pay.NewEndpoint(purse)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := endpoint.GiveCredit(ctx, gateway.IDOf(m.file.Gateways[i].Key), chatNet)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(creditPause):
		}
	}
}
