package scenario

import (
	"context"
	"errors"

	"github.com/cosmos/cosmos-sdk/client/tx"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"

	"agora/chain/network"
	yumatypes "agora/chain/x/yuma/types"
)

// Gas is what a paid transaction asks for, and Fee what it pays for that, in rao.
const (
	Gas = 1_000_000
	Fee = Gas / 100
)

// FreeGas is the most that a hot key's transaction of msgs may ask for.
func FreeGas(msgs ...sdk.Msg) uint64 {
	gas := uint64(200_000)
	for _, msg := range msgs {
		switch m := msg.(type) {
		case *yumatypes.MsgRevealWeights:
			gas += 400 * uint64(len(m.Weights))
		case *yumatypes.MsgSetWeights:
			gas += 400 * uint64(len(m.Weights))
		}
	}
	return gas
}

// Deliver signs msgs and runs them in the next block. The error is the transaction's, or the chain's.
func (w *World) Deliver(key cryptotypes.PrivKey, gas, fee uint64, msgs ...sdk.Msg) error {
	raw, err := w.Sign(key, gas, fee, msgs...)
	if err != nil {
		return err
	}
	results, err := w.Step(raw)
	if err != nil {
		return err
	}
	if results[0].Code != 0 {
		return errors.New(results[0].Log)
	}
	return nil
}

// Sign makes a transaction for the next block. The account's sequence counts what was signed for that block already.
func (w *World) Sign(key cryptotypes.PrivKey, gas, fee uint64, msgs ...sdk.Msg) ([]byte, error) {
	return w.SignWith(key, func(b TxFields) {
		b.SetGasLimit(gas)
		b.SetFeeAmount(network.Coins(fee))
	}, msgs...)
}

// TxFields is what a transaction says beside its messages.
type TxFields interface {
	SetGasLimit(uint64)
	SetFeeAmount(sdk.Coins)
	SetFeeGranter(sdk.AccAddress)
	SetMemo(string)
}

// SignWith is Sign with the other fields as fill sets them.
func (w *World) SignWith(key cryptotypes.PrivKey, fill func(TxFields), msgs ...sdk.Msg) ([]byte, error) {
	who := w.signerData(key)
	b := w.App.TxConfig.NewTxBuilder()
	if err := b.SetMsgs(msgs...); err != nil {
		return nil, err
	}
	fill(b)
	const mode = signing.SignMode_SIGN_MODE_DIRECT
	unsigned := signing.SignatureV2{PubKey: key.PubKey(), Data: &signing.SingleSignatureData{SignMode: mode}, Sequence: who.Sequence}
	if err := b.SetSignatures(unsigned); err != nil {
		return nil, err
	}
	signature, err := tx.SignWithPrivKey(context.Background(), mode, who, b, key, w.App.TxConfig, who.Sequence)
	if err != nil {
		return nil, err
	}
	if err := b.SetSignatures(signature); err != nil {
		return nil, err
	}
	return w.App.TxConfig.TxEncoder()(b.GetTx())
}

// signerData is an account's number and next sequence.
func (w *World) signerData(key cryptotypes.PrivKey) authsigning.SignerData {
	address := sdk.AccAddress(key.PubKey().Address())
	who := authsigning.SignerData{ChainID: ChainID, Address: address.String(), PubKey: key.PubKey()}
	if a := w.App.Account.GetAccount(w.Ctx(), address); a != nil {
		who.AccountNumber, who.Sequence = a.GetAccountNumber(), a.GetSequence()+w.signed[who.Address]
	}
	w.signed[who.Address]++
	return who
}
