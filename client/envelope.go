package client

import (
	"fmt"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"

	"agora/chain/network"
)

// envelope is everything about a transaction but its messages.
type envelope struct {
	chainID  string
	number   uint64 // of the account
	sequence uint64
	gas      uint64
	fee      uint64 // rao
	timeout  int64  // last block that may hold it
	memo     string // tells the queue's transactions from another program's with the same key, message and sequence
}

// seal encodes and signs a transaction: SIGN_MODE_DIRECT, one signer.
func (e envelope) seal(signer Signer, msgs []sdk.Msg) ([]byte, error) {
	body, err := e.body(msgs)
	if err != nil {
		return nil, err
	}
	auth, err := e.auth(signer)
	if err != nil {
		return nil, err
	}
	doc := tx.SignDoc{BodyBytes: body, AuthInfoBytes: auth, ChainId: e.chainID, AccountNumber: e.number}
	message, err := doc.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode transaction: %w", err)
	}
	signature, err := signer.Sign(message)
	if err != nil {
		return nil, fmt.Errorf("sign transaction: %w", err)
	}
	raw := tx.TxRaw{BodyBytes: body, AuthInfoBytes: auth, Signatures: [][]byte{signature}}
	return raw.Marshal()
}

func (e envelope) body(msgs []sdk.Msg) ([]byte, error) {
	body := tx.TxBody{TimeoutHeight: uint64(e.timeout), Memo: e.memo}
	for _, m := range msgs {
		packed, err := codectypes.NewAnyWithValue(m)
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", m, err)
		}
		body.Messages = append(body.Messages, packed)
	}
	return body.Marshal()
}

func (e envelope) auth(signer Signer) ([]byte, error) {
	key, err := codectypes.NewAnyWithValue(signer.PubKey())
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	info := tx.AuthInfo{
		SignerInfos: []*tx.SignerInfo{{
			PublicKey: key,
			ModeInfo:  &tx.ModeInfo{Sum: &tx.ModeInfo_Single_{Single: &tx.ModeInfo_Single{Mode: signing.SignMode_SIGN_MODE_DIRECT}}},
			Sequence:  e.sequence,
		}},
		Fee: &tx.Fee{GasLimit: e.gas},
	}
	if e.fee > 0 {
		info.Fee.Amount = network.Coins(e.fee)
	}
	return info.Marshal()
}
