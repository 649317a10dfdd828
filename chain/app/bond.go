package app

import (
	"context"

	cmtcrypto "github.com/cometbft/cometbft/crypto"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/client/tx"
	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
)

// Bond makes a validator of operator when the chain starts: it stakes rao of its own, which the account must hold, and
// takes 10 % of its nominators' rewards.
func (g *Genesis) Bond(chainID string, operator cryptotypes.PrivKey, consensus cmtcrypto.PubKey, moniker string, rao uint64) error {
	key, err := cryptocodec.FromCmtPubKeyInterface(consensus)
	if err != nil {
		return err
	}
	address := sdk.ValAddress(operator.PubKey().Address()).String()
	take := stakingtypes.NewCommissionRates(math.LegacyNewDecWithPrec(10, 2), maxTake, maxTakeChange)
	msg, err := stakingtypes.NewMsgCreateValidator(address, key, network.Coins(rao)[0],
		stakingtypes.NewDescription(moniker, "", "", "", ""), take, math.NewInt(network.TAO))
	if err != nil {
		return err
	}
	signed, err := g.sign(chainID, operator, msg)
	if err != nil {
		return err
	}
	g.created = append(g.created, signed)
	return nil
}

// sign signs msg for block 0, where account numbers and sequences are zero.
func (g *Genesis) sign(chainID string, key cryptotypes.PrivKey, msg sdk.Msg) (sdk.Tx, error) {
	const mode = signing.SignMode_SIGN_MODE_DIRECT
	b := g.app.TxConfig.NewTxBuilder()
	if err := b.SetMsgs(msg); err != nil {
		return nil, err
	}
	b.SetGasLimit(400_000)
	unsigned := signing.SignatureV2{PubKey: key.PubKey(), Data: &signing.SingleSignatureData{SignMode: mode}}
	if err := b.SetSignatures(unsigned); err != nil {
		return nil, err
	}
	signer := authsigning.SignerData{ChainID: chainID, Address: sdk.AccAddress(key.PubKey().Address()).String(), PubKey: key.PubKey()}
	signature, err := tx.SignWithPrivKey(context.Background(), mode, signer, b, key, g.app.TxConfig, 0)
	if err != nil {
		return nil, err
	}
	return b.GetTx(), b.SetSignatures(signature)
}
