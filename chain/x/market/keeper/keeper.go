// Package keeper holds payers' deposits for payees and pays vouchers from them.
package keeper

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	corestore "cosmossdk.io/core/store"
	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	"agora/chain/x/market/types"
	"agora/mechanism/voucher"
)

type (
	payerAndPayee = collections.Pair[sdk.AccAddress, sdk.AccAddress]
	payeeAndID    = collections.Pair[sdk.AccAddress, uint64]
)

// Keeper reads and writes the module's state.
type Keeper struct {
	authority string
	address   string // of the module's account
	bank      types.BankKeeper
	staking   types.StakingKeeper
	subnets   types.SubnetKeeper
	furnace   types.Furnace

	// Schema lists the collections below, for export and decoding.
	Schema collections.Schema

	params    collections.Item[types.Params]
	channels  collections.Map[uint64, types.Channel] // without what was paid
	paid      collections.Map[uint64, types.Paid]
	pairs     collections.Map[payerAndPayee, uint64]
	payees    collections.KeySet[payeeAndID]
	payers    collections.Map[sdk.AccAddress, uint64] // number of open channels
	next      collections.Sequence
	totals    collections.Item[types.Totals]
	turnovers collections.Map[uint32, types.Turnover]
}

// NewKeeper returns a keeper on store. authority is the address that proposals sign with.
func NewKeeper(cdc codec.Codec, store corestore.KVStoreService, authority string, bank types.BankKeeper,
	staking types.StakingKeeper, subnets types.SubnetKeeper, furnace types.Furnace,
) *Keeper {
	sb := collections.NewSchemaBuilder(store)
	k := &Keeper{
		authority: authority, address: authtypes.NewModuleAddress(types.ModuleName).String(),
		bank: bank, staking: staking, subnets: subnets, furnace: furnace,
		params:    collections.NewItem(sb, types.ParamsPrefix, "params", codec.CollValue[types.Params](cdc)),
		channels:  collections.NewMap(sb, types.ChannelsPrefix, "channels", collections.Uint64Key, codec.CollValue[types.Channel](cdc)),
		paid:      collections.NewMap(sb, types.PaidPrefix, "paid", collections.Uint64Key, codec.CollValue[types.Paid](cdc)),
		pairs:     collections.NewMap(sb, types.PairsPrefix, "pairs", collections.PairKeyCodec(sdk.AccAddressKey, sdk.AccAddressKey), collections.Uint64Value),
		payees:    collections.NewKeySet(sb, types.PayeesPrefix, "payees", collections.PairKeyCodec(sdk.AccAddressKey, collections.Uint64Key)),
		payers:    collections.NewMap(sb, types.PayersPrefix, "payers", sdk.AccAddressKey, collections.Uint64Value),
		next:      collections.NewSequence(sb, types.NextChannelPrefix, "next_channel"),
		totals:    collections.NewItem(sb, types.TotalsPrefix, "totals", codec.CollValue[types.Totals](cdc)),
		turnovers: collections.NewMap(sb, types.TurnoversPrefix, "turnovers", collections.Uint32Key, codec.CollValue[types.Turnover](cdc)),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(fmt.Sprintf("market: schema: %v", err)) // the prefixes above clash: a mistake in this file
	}
	k.Schema = schema
	return k
}

// Open puts a deposit aside for a payee and returns the channel's id. Errors: ErrTooSmall, ErrOutOfBounds, ErrCannotPay,
// ErrOpen, ErrTooMany.
func (k *Keeper) Open(ctx sdk.Context, payer, payee sdk.AccAddress, deposit uint64, key []byte, most, delay uint64) (uint64, error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return 0, err
	}
	if delay, err = checkTerms(params, deposit, delay); err != nil {
		return 0, err
	}
	if err := k.checkPayee(ctx, payee); err != nil {
		return 0, err
	}
	if err := k.take(ctx, payer, deposit); err != nil {
		return 0, err
	}
	id, err := k.next.Next(ctx)
	if err != nil {
		return 0, err
	}
	channel := types.Channel{
		Id: id, Payer: payer, Payee: payee, Key: key, Cap: most, Deposit: deposit, WithdrawDelay: delay, Opened: ctx.BlockHeight(),
	}
	if err := k.enter(ctx, channel, params.MaxChannels); err != nil {
		return 0, err
	}
	return id, k.emit(ctx, &types.ChannelOpened{Channel: id, Payer: payer.String(), Payee: payee.String(), Deposit: deposit})
}

// checkTerms holds a new channel to the parameters; a delay of 0 is the usual one.
func checkTerms(params types.Params, deposit, delay uint64) (uint64, error) {
	if deposit < params.MinDeposit {
		return 0, fmt.Errorf("%w: %d rao, want at least %d", types.ErrTooSmall, deposit, params.MinDeposit)
	}
	if delay == 0 {
		delay = max(types.DefaultDelay, params.MinWithdrawDelay)
	}
	if delay < params.MinWithdrawDelay {
		return 0, fmt.Errorf("%w: withdrawal after %d seconds, want at least %d", types.ErrOutOfBounds, delay, params.MinWithdrawDelay)
	}
	return delay, nil
}

// checkPayee refuses who can never have the money: modules, and hot keys, which move none.
func (k *Keeper) checkPayee(ctx sdk.Context, payee sdk.AccAddress) error {
	if _, hot := k.subnets.HotAccountKey(ctx, payee); hot || k.bank.BlockedAddr(payee) {
		return fmt.Errorf("%w: %s belongs to a module or a hot key: name the owner's account", types.ErrCannotPay, payee)
	}
	return nil
}

// enter writes a new channel and its place in the indices; a payer has at most so many.
func (k *Keeper) enter(ctx sdk.Context, c types.Channel, most uint64) error {
	pair := collections.Join(sdk.AccAddress(c.Payer), sdk.AccAddress(c.Payee))
	if id, err := k.pairs.Get(ctx, pair); err == nil {
		return fmt.Errorf("%w: it is channel %d: top it up", types.ErrOpen, id)
	} else if !errors.Is(err, collections.ErrNotFound) {
		return err
	}
	open, err := k.open(ctx, c.Payer)
	if err != nil {
		return err
	}
	if open >= most {
		return fmt.Errorf("%w: %d, at most %d: withdraw from one first", types.ErrTooMany, open, most)
	}
	return errors.Join(
		k.pairs.Set(ctx, pair, c.Id), k.payees.Set(ctx, collections.Join(sdk.AccAddress(c.Payee), c.Id)),
		k.payers.Set(ctx, c.Payer, open+1), k.setTerms(ctx, c), k.setPaid(ctx, c),
	)
}

// open is the number of a payer's channels.
func (k *Keeper) open(ctx sdk.Context, payer sdk.AccAddress) (uint64, error) {
	n, err := k.payers.Get(ctx, payer)
	if errors.Is(err, collections.ErrNotFound) {
		return 0, nil
	}
	return n, err
}

// take moves a deposit into the module's account and counts it.
func (k *Keeper) take(ctx sdk.Context, payer sdk.AccAddress, amount uint64) error {
	if err := k.bank.SendCoinsFromAccountToModule(ctx, payer, types.ModuleName, network.Coins(amount)); err != nil {
		return err
	}
	return k.count(ctx, types.Totals{Deposited: amount})
}

// count adds to the sums over all channels.
func (k *Keeper) count(ctx sdk.Context, more types.Totals) error {
	totals, err := k.totals.Get(ctx)
	if err != nil {
		return err
	}
	totals.Deposited += more.Deposited
	totals.Claimed += more.Claimed
	totals.Returned += more.Returned
	return k.totals.Set(ctx, totals)
}

// TopUp adds to a channel's deposit, may raise its key's cap, and takes a request to withdraw back.
// Errors: ErrNoChannel, ErrNotAllowed, ErrOutOfBounds.
func (k *Keeper) TopUp(ctx sdk.Context, payer sdk.AccAddress, id, deposit, most uint64) error {
	c, err := k.channelOf(ctx, payer, id)
	if err != nil {
		return err
	}
	if most > 0 && (c.Cap == 0 || most < c.Cap) {
		return fmt.Errorf("%w: a cap of %d rao where it is %d (0 is none): promises of the key may be beyond it", types.ErrOutOfBounds, most, c.Cap)
	}
	if c.Deposit+deposit > voucher.MostAmount {
		return fmt.Errorf("%w: %d rao besides %d", types.ErrOutOfBounds, deposit, c.Deposit)
	}
	if err := k.take(ctx, payer, deposit); err != nil {
		return err
	}
	c.Deposit += deposit
	c.Cap = max(c.Cap, most)
	c.WithdrawFrom = 0
	if err := k.setTerms(ctx, c); err != nil {
		return err
	}
	return k.emit(ctx, &types.ToppedUp{Channel: id, Added: deposit, Deposit: c.Deposit})
}

// RequestWithdraw begins a channel's delay; asked again it changes nothing. Errors: ErrNoChannel, ErrNotAllowed.
func (k *Keeper) RequestWithdraw(ctx sdk.Context, payer sdk.AccAddress, id uint64) (from int64, err error) {
	c, err := k.channelOf(ctx, payer, id)
	if err != nil || c.WithdrawFrom > 0 {
		return c.WithdrawFrom, err
	}
	c.WithdrawFrom = ctx.BlockTime().Unix() + int64(c.WithdrawDelay)
	if err := k.setTerms(ctx, c); err != nil {
		return 0, err
	}
	return c.WithdrawFrom, k.emit(ctx, &types.WithdrawRequested{Channel: id, WithdrawFrom: c.WithdrawFrom})
}

// Withdraw gives the payer what is left after the delay and ends the channel. Errors: ErrNoChannel, ErrNotAllowed,
// ErrTooSoon.
func (k *Keeper) Withdraw(ctx sdk.Context, payer sdk.AccAddress, id uint64) (returned uint64, err error) {
	c, err := k.channelOf(ctx, payer, id)
	if err != nil {
		return 0, err
	}
	now := ctx.BlockTime().Unix()
	if c.WithdrawFrom == 0 {
		return 0, fmt.Errorf("%w: ask for it first, and wait %d seconds", types.ErrTooSoon, c.WithdrawDelay)
	}
	if now < c.WithdrawFrom {
		return 0, fmt.Errorf("%w: %d seconds left", types.ErrTooSoon, c.WithdrawFrom-now)
	}
	return c.Left(), k.end(ctx, c, false)
}

// Close ends a channel at once, by its payee. Errors: ErrNoChannel, ErrNotAllowed.
func (k *Keeper) Close(ctx sdk.Context, payee sdk.AccAddress, id uint64) (returned uint64, err error) {
	c, err := k.Channel(ctx, id)
	if err != nil {
		return 0, err
	}
	if !payee.Equals(sdk.AccAddress(c.Payee)) {
		return 0, fmt.Errorf("%w: channel %d pays %s", types.ErrNotAllowed, id, sdk.AccAddress(c.Payee))
	}
	return c.Left(), k.end(ctx, c, true)
}

// end gives the payer what is left and forgets the channel. Its id never comes again, so its vouchers are worth nothing.
func (k *Keeper) end(ctx sdk.Context, c types.Channel, byPayee bool) error {
	left, payer := c.Left(), sdk.AccAddress(c.Payer)
	if err := k.payOut(ctx, []payment{{payer, left}}); err != nil {
		return err
	}
	open, err := k.open(ctx, payer)
	if err != nil {
		return err
	}
	err = k.payers.Set(ctx, payer, open-1)
	if open <= 1 {
		err = k.payers.Remove(ctx, payer)
	}
	return errors.Join(
		err, k.channels.Remove(ctx, c.Id), k.paid.Remove(ctx, c.Id), k.pairs.Remove(ctx, collections.Join(payer, sdk.AccAddress(c.Payee))),
		k.payees.Remove(ctx, collections.Join(sdk.AccAddress(c.Payee), c.Id)), k.count(ctx, types.Totals{Returned: left}),
		k.emit(ctx, &types.ChannelEnded{Channel: c.Id, Returned: left, ByPayee: byPayee}),
	)
}

// payment is rao for an account.
type payment struct {
	to     sdk.AccAddress
	amount uint64
}

// payOut pays from the module's account in one booking.
func (k *Keeper) payOut(ctx context.Context, payments []payment) error {
	total, outputs := uint64(0), make([]banktypes.Output, 0, len(payments))
	for _, p := range payments {
		if p.amount == 0 {
			continue
		}
		total += p.amount
		outputs = append(outputs, banktypes.Output{Address: p.to.String(), Coins: network.Coins(p.amount)})
	}
	if total == 0 {
		return nil
	}
	return k.bank.InputOutputCoins(ctx, banktypes.Input{Address: k.address, Coins: network.Coins(total)}, outputs)
}

// Channel returns an open channel. The error is ErrNoChannel.
func (k *Keeper) Channel(ctx context.Context, id uint64) (types.Channel, error) {
	c, err := k.channels.Get(ctx, id)
	if errors.Is(err, collections.ErrNotFound) {
		return c, fmt.Errorf("%w: %d", types.ErrNoChannel, id)
	}
	if err != nil {
		return c, err
	}
	paid, err := k.paid.Get(ctx, id)
	if errors.Is(err, collections.ErrNotFound) {
		return c, nil
	}
	c.Paid = paid.Parts
	return c, err
}

// setTerms writes a channel but for what it has paid.
func (k *Keeper) setTerms(ctx context.Context, c types.Channel) error {
	c.Paid = nil
	return k.channels.Set(ctx, c.Id, c)
}

// setPaid writes what a channel has paid.
func (k *Keeper) setPaid(ctx context.Context, c types.Channel) error {
	if len(c.Paid) == 0 {
		return nil
	}
	return k.paid.Set(ctx, c.Id, types.Paid{Parts: c.Paid})
}

// channelOf returns an open channel of payer. Errors: ErrNoChannel, ErrNotAllowed.
func (k *Keeper) channelOf(ctx context.Context, payer sdk.AccAddress, id uint64) (types.Channel, error) {
	c, err := k.Channel(ctx, id)
	if err == nil && !payer.Equals(sdk.AccAddress(c.Payer)) {
		err = fmt.Errorf("%w: channel %d is of %s", types.ErrNotAllowed, id, sdk.AccAddress(c.Payer))
	}
	return c, err
}

// UpdateParams replaces the module's parameters on behalf of sender, who must be governance.
func (k *Keeper) UpdateParams(ctx sdk.Context, sender string, params types.Params) error {
	if sender != k.authority {
		return fmt.Errorf("%w: %s is not governance", types.ErrNotAllowed, sender)
	}
	if err := params.Validate(); err != nil {
		return err
	}
	if err := k.params.Set(ctx, params); err != nil {
		return err
	}
	return k.emit(ctx, &types.ParamsUpdated{Params: params})
}

func (k *Keeper) emit(ctx sdk.Context, event proto.Message) error {
	return ctx.EventManager().EmitTypedEvent(event)
}
