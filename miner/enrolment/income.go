package enrolment

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	markettypes "agora/chain/x/market/types"
	"agora/client"
	"agora/miner"
)

// OnChain reads payment channels from a node.
type OnChain struct{ *client.Client }

// Channel implements miner.Channels.
func (c OnChain) Channel(ctx context.Context, id uint64) (miner.Channel, error) {
	v, err := c.Client.Channel(ctx, id)
	if errors.Is(err, client.ErrNotFound) {
		return miner.Channel{Closing: true}, nil // it has ended
	}
	if err != nil {
		return miner.Channel{}, err
	}
	key, err := hex.DecodeString(v.Key)
	if err != nil {
		return miner.Channel{}, fmt.Errorf("channel %d: key: %w", id, err)
	}
	limit := v.Deposit
	if v.Cap > 0 {
		limit = min(limit, v.Cap)
	}
	return miner.Channel{Payer: v.Payer, Payee: v.Payee, Key: key, Limit: limit, Paid: v.Paid, Closing: v.WithdrawFrom > 0}, nil
}

// Claim is the message that claims the vouchers of a meter which would bring at least some rao, nil where there is none;
// sender pays the fee. Validators claim for their miners once a day, many at once.
func Claim(ctx context.Context, c *client.Client, m *miner.Meter, sender string, least uint64) (sdk.Msg, error) {
	msg := &markettypes.MsgClaim{Sender: sender}
	for _, v := range m.Vouchers() {
		channel, err := c.Channel(ctx, v.Voucher.Channel)
		if errors.Is(err, client.ErrNotFound) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		if due := min(v.Voucher.Total(), channel.Deposit); due >= channel.Paid+max(1, least) && len(msg.Vouchers) < markettypes.MaxVouchers {
			msg.Vouchers = append(msg.Vouchers, markettypes.NewVoucher(v.Voucher, v.Proof, 0))
		}
	}
	if len(msg.Vouchers) == 0 {
		return nil, nil
	}
	return msg, nil
}
