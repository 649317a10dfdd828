package app

import (
	"math"

	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"github.com/cosmos/cosmos-sdk/x/auth/ante"

	"agora/chain/network"
	feetypes "agora/chain/x/fee/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/mechanism/price"
)

// A transaction signed by a hot key is free and admitted only within these bounds.
const (
	freeMaxMessages  = 16
	freeMaxGas       = 3_000_000
	freeBaseGas      = 200_000
	freeGasPerWeight = 400
	weightsPerLeaf   = 25 // in gas: an opened leaf of evidence is some 800 bytes
	freeMaxBytes     = 64 << 10
)

// slotTaker is the book of free-message slots.
type slotTaker interface {
	HotAccountKey(ctx sdk.Context, account sdk.AccAddress) ([]byte, bool)
	HasSlot(ctx sdk.Context, netuid uint32, hotKey []byte, kind uint32) error
	TakeSlot(ctx sdk.Context, netuid uint32, hotKey []byte, kind uint32) error
}

// voices tells who may send weights.
type voices interface {
	NeuronOfHotKey(ctx sdk.Context, netuid uint32, hotKey []byte) (subnettypes.Neuron, error)
	CheckWeighs(ctx sdk.Context, netuid, uid uint32) error
}

// calendar tells when weights are taken, of how many neurons, and how many leaves of evidence a reveal opens at most.
type calendar interface {
	CheckOpen(ctx sdk.Context, netuid, kind uint32, height int64, weights int) error
	AskedLeaves(ctx sdk.Context, netuid uint32, epoch uint64, uid uint32) (int, error)
}

// market tells what gas costs, and whose transaction goes first.
type market interface {
	GasPrice(ctx sdk.Context) (uint64, error)
	TakeTurn(ctx sdk.Context, account sdk.AccAddress) error
}

func (app *App) anteHandler() (sdk.AnteHandler, error) {
	deduct := ante.NewDeductFeeDecorator(app.Account, app.Bank, app.Feegrant, feeOf(app.Fee))
	return sdk.ChainAnteDecorators(
		ante.NewSetUpContextDecorator(),
		ante.NewExtensionOptionsDecorator(nil),
		ante.NewValidateBasicDecorator(),
		ante.NewTxTimeoutHeightDecorator(),
		ante.NewValidateMemoDecorator(app.Account),
		ante.NewConsumeGasForTxSizeDecorator(app.Account),
		admitFree{app.Subnet, app.Subnet, app.Yuma, deduct},
		ante.NewSetPubKeyDecorator(app.Account),
		ante.NewValidateSigCountDecorator(app.Account),
		ante.NewSigGasConsumeDecorator(app.Account, ante.DefaultSigVerificationGasConsumer),
		ante.NewSigVerificationDecorator(rememberingAccounts{app.Account, new(signatures)}, app.TxConfig.SignModeHandler()),
		ante.NewIncrementSequenceDecorator(app.Account),
		takeSlots{app.Subnet, app.Fee},
	), nil
}

// feeOf asks for the price of gas in force, and for the node's own where a transaction comes through it; at genesis
// nothing is asked.
func feeOf(m market) ante.TxFeeChecker {
	return func(ctx sdk.Context, tx sdk.Tx) (sdk.Coins, int64, error) {
		feeTx, ok := tx.(sdk.FeeTx)
		if !ok {
			return nil, 0, sdkerrors.ErrTxDecode.Wrap("the transaction has no fee field")
		}
		if ctx.BlockHeight() == 0 {
			return feeTx.GetFee(), 0, nil
		}
		gas, paid := feeTx.GetGas(), feeTx.GetFee().AmountOf(network.Denom)
		if gas > feetypes.MostGas {
			return nil, 0, sdkerrors.ErrInvalidGasLimit.Wrapf("gas limit %d: a transaction asks for at most %d", gas, feetypes.MostGas)
		}
		now, err := m.GasPrice(ctx)
		if err != nil {
			return nil, 0, err
		}
		least := price.GasFee(gas, now)
		if ctx.IsCheckTx() {
			least = max(least, ofNode(ctx, gas))
		}
		if !paid.IsUint64() || paid.Uint64() < least {
			return nil, 0, sdkerrors.ErrInsufficientFee.Wrapf("fee %srao is below %drao for %d gas at %d rao per million gas: add --fees %drao",
				paid, least, gas, now, least)
		}
		return feeTx.GetFee(), 0, nil
	}
}

// ofNode is what gas costs by this node's minimum-gas-prices, in rao.
func ofNode(ctx sdk.Context, gas uint64) uint64 {
	most := ctx.MinGasPrices().AmountOf(network.Denom).MulInt(sdkmath.NewIntFromUint64(gas)).Ceil().TruncateInt()
	if !most.IsUint64() {
		return math.MaxUint64
	}
	return most.Uint64()
}

// admitFree lets hot keys' transactions pass without a fee if they fit the bounds, before any signature is checked;
// every other transaction pays.
type admitFree struct {
	slots    slotTaker
	voices   voices
	calendar calendar
	deduct   sdk.AnteDecorator
}

// freeKey marks the context of a transaction that was admitted for free with the hot key that signs it.
type freeKey struct{}

func (d admitFree) AnteHandle(ctx sdk.Context, tx sdk.Tx, simulate bool, next sdk.AnteHandler) (sdk.Context, error) {
	key, hot, err := hotSigner(ctx, d.slots, tx)
	if err != nil {
		return ctx, err
	}
	if !hot {
		return d.deduct.AnteHandle(ctx, tx, simulate, next)
	}
	if err := d.checkFree(ctx, key, tx); err != nil {
		return ctx, err
	}
	return next(ctx.WithValue(freeKey{}, key), tx, simulate)
}

// takeSlots books, after the signature was checked, a free transaction's slots and a paying operator's turn to go first;
// both stay taken if a message fails.
type takeSlots struct {
	slots  slotTaker
	market market
}

func (d takeSlots) AnteHandle(ctx sdk.Context, tx sdk.Tx, simulate bool, next sdk.AnteHandler) (sdk.Context, error) {
	key, free := ctx.Value(freeKey{}).([]byte)
	if !free {
		return d.takeTurn(ctx, tx, simulate, next)
	}
	for _, msg := range tx.GetMsgs() {
		netuid, kind, _ := freeKind(msg)
		if err := d.slots.TakeSlot(ctx, netuid, key, kind); err != nil {
			return ctx, err
		}
	}
	return next(subnettypes.WithSlotsTaken(ctx), tx, simulate)
}

// takeTurn books the turn in a block only: who waits has it still.
func (d takeSlots) takeTurn(ctx sdk.Context, tx sdk.Tx, simulate bool, next sdk.AnteHandler) (sdk.Context, error) {
	if ctx.BlockHeight() == 0 || ctx.IsCheckTx() || simulate {
		return next(ctx, tx, simulate)
	}
	signers, err := signersOf(tx)
	if err != nil || len(signers) == 0 {
		return ctx, err
	}
	if err := d.market.TakeTurn(ctx, signers[0]); err != nil {
		return ctx, err
	}
	return next(ctx, tx, simulate)
}

// hotSigner is the hot key behind a transaction's signer. A hot key beside other signers is refused.
func hotSigner(ctx sdk.Context, slots slotTaker, tx sdk.Tx) (key []byte, hot bool, err error) {
	signers, err := signersOf(tx)
	if err != nil {
		return nil, false, err
	}
	for _, s := range signers {
		if k, found := slots.HotAccountKey(ctx, s); found {
			if len(signers) > 1 {
				return nil, false, sdkerrors.ErrUnauthorized.Wrap("a hot key signs alone")
			}
			return k, true, nil
		}
	}
	return nil, false, nil
}

// signersOf lists a transaction's signers. Free messages name theirs in a field; to find those of others the SDK decodes
// every message again.
func signersOf(tx sdk.Tx) ([][]byte, error) {
	if account, ok := hotAccount(tx.GetMsgs()); ok {
		address, err := network.Account(account)
		return [][]byte{address}, err
	}
	signed, ok := tx.(interface{ GetSigners() ([][]byte, error) })
	if !ok {
		return nil, sdkerrors.ErrTxDecode.Wrap("the transaction has no signers")
	}
	return signed.GetSigners()
}

// hotAccount is the account that all of msgs name; false if one is not free or names another.
func hotAccount(msgs []sdk.Msg) (account string, ok bool) {
	for i, msg := range msgs {
		free, ok := msg.(interface{ GetHotAccount() string })
		if _, kind, _ := freeKind(msg); !ok || kind == 0 || i > 0 && free.GetHotAccount() != account {
			return "", false
		}
		account = free.GetHotAccount()
	}
	return account, len(msgs) > 0
}

// checkFree holds a hot key's transaction to the bounds of free messages.
func (d admitFree) checkFree(ctx sdk.Context, key []byte, tx sdk.Tx) error {
	feeTx, ok := tx.(sdk.FeeTx)
	if !ok {
		return sdkerrors.ErrTxDecode.Wrap("the transaction has no fee field")
	}
	if !feeTx.GetFee().IsZero() || len(feeTx.FeeGranter()) > 0 {
		return sdkerrors.ErrUnauthorized.Wrap("a hot key can move no money: send zero fee and no fee granter")
	}
	if n := len(tx.GetMsgs()); n < 1 || n > freeMaxMessages {
		return sdkerrors.ErrUnauthorized.Wrapf("%d messages: a hot key's transaction has 1 to %d", n, freeMaxMessages)
	}
	if n := len(ctx.TxBytes()); n > freeMaxBytes {
		return sdkerrors.ErrTxTooLarge.Wrapf("%d bytes: a hot key's transaction has at most %d", n, freeMaxBytes)
	}
	weights, err := d.checkKinds(ctx, key, tx.GetMsgs())
	if err != nil {
		return err
	}
	if most := min(freeMaxGas, freeBaseGas+freeGasPerWeight*uint64(weights)); feeTx.GetGas() > most {
		return sdkerrors.ErrInvalidGasLimit.Wrapf("gas limit %d: at most %d for %d weights", feeTx.GetGas(), most, weights)
	}
	return nil
}

// checkKinds admits only the free kinds, each with slots left, and weights only from voices with stake, when the calendar
// takes them; it counts the weights, and leaves as weights.
func (d admitFree) checkKinds(ctx sdk.Context, key []byte, msgs []sdk.Msg) (weights int, err error) {
	for _, msg := range msgs {
		netuid, kind, n := freeKind(msg)
		if kind == 0 {
			return 0, sdkerrors.ErrUnauthorized.Wrapf("a hot key cannot sign %s: use the owner's cold key", sdk.MsgTypeURL(msg))
		}
		if err := d.slots.HasSlot(ctx, netuid, key, kind); err != nil {
			return 0, err
		}
		weights += n
		if kind == subnettypes.SlotModel {
			continue
		}
		leaves, err := d.checkWeights(ctx, key, msg, n)
		if err != nil {
			return 0, err
		}
		weights += weightsPerLeaf * leaves
	}
	return weights, nil
}

// checkWeights admits n weights of a voice with stake when the calendar takes them, with no more leaves of evidence than
// were asked for, and counts those.
func (d admitFree) checkWeights(ctx sdk.Context, key []byte, msg sdk.Msg, n int) (leaves int, err error) {
	netuid, kind, _ := freeKind(msg)
	uid, err := d.checkVoice(ctx, netuid, key)
	if err != nil {
		return 0, err
	}
	if err := d.calendar.CheckOpen(ctx, netuid, kind, nextHeight(ctx), n); err != nil {
		return 0, err
	}
	reveal, ok := msg.(*yumatypes.MsgRevealWeights)
	if !ok || len(reveal.Leaves) == 0 {
		return 0, nil
	}
	asked, err := d.calendar.AskedLeaves(ctx, netuid, reveal.Epoch, uid)
	if n := len(reveal.Leaves); err == nil && n > asked {
		err = yumatypes.ErrEvidence.Wrapf("%d leaves opened, %d were asked for", n, asked)
	}
	return len(reveal.Leaves), err
}

// checkVoice refuses weights from a hot key that is no voice, or one without stake, before they take room in a pool. It
// returns the voice's uid.
func (d admitFree) checkVoice(ctx sdk.Context, netuid uint32, key []byte) (uid uint32, err error) {
	neuron, err := d.voices.NeuronOfHotKey(ctx, netuid, key)
	if err != nil {
		return 0, err
	}
	return neuron.Uid, d.voices.CheckWeighs(ctx, netuid, neuron.Uid)
}

// nextHeight is the block that a transaction can enter: while it waits, the one after the last.
func nextHeight(ctx sdk.Context) int64 {
	if ctx.IsCheckTx() {
		return ctx.BlockHeight() + 1
	}
	return ctx.BlockHeight()
}

// freeKind classifies a free message; kind 0 is none.
func freeKind(msg sdk.Msg) (netuid, kind uint32, weights int) {
	switch m := msg.(type) {
	case *yumatypes.MsgCommitWeights:
		return m.Netuid, subnettypes.SlotCommit, 0
	case *yumatypes.MsgRevealWeights:
		return m.Netuid, subnettypes.SlotReveal, len(m.Weights)
	case *yumatypes.MsgSetWeights:
		return m.Netuid, subnettypes.SlotWeights, len(m.Weights)
	case *subnettypes.MsgSetModel:
		return m.Netuid, subnettypes.SlotModel, 0
	}
	return 0, 0, 0
}
