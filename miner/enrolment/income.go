package enrolment

import (
	"context"
	"encoding/hex"
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
	return miner.Channel{Payer: v.Payer, Payee: v.Payee, Key: key, Limit: limit, Closing: v.WithdrawFrom > 0}, nil
}

// Claim is the message that claims every voucher a meter holds, nil where there is none; sender pays the fee.
func Claim(m *miner.Meter, sender string) sdk.Msg {
	msg := &markettypes.MsgClaim{Sender: sender}
	for _, v := range m.Vouchers() {
		if len(msg.Vouchers) < markettypes.MaxVouchers {
			msg.Vouchers = append(msg.Vouchers, markettypes.NewVoucher(v.Voucher, v.Proof, 0))
		}
	}
	if len(msg.Vouchers) == 0 {
		return nil
	}
	return msg
}
