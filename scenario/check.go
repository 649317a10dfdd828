package scenario

import (
	"fmt"
	"strconv"

	abci "github.com/cometbft/cometbft/abci/types"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	emissionkeeper "agora/chain/x/emission/keeper"
	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
)

// supply follows the money: what there was at first, and what modules other than emission destroyed since.
type supply struct {
	genesis math.Int
	slashed math.Int
}

// check holds the state after a block to every invariant.
func (w *World) check(res *abci.ResponseFinalizeBlock) error {
	ctx := w.Ctx()
	if err := w.App.Emission.CheckLedger(ctx); err != nil {
		return err
	}
	pool, err := w.App.Distribution.FeePool.Get(ctx)
	if err != nil {
		return err
	}
	if err := emissionkeeper.CheckRewards(ctx, w.App.Bank, w.App.Distribution, pool.CommunityPool); err != nil {
		return err
	}
	for _, i := range w.App.Subnet.Invariants(w.locks) {
		if err := i.Check(ctx); err != nil {
			return fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	return w.checkSupply(ctx, res)
}

func (w *World) locks(ctx sdk.Context) uint64 {
	return w.App.Bank.GetBalance(ctx, authtypes.NewModuleAddress(subnettypes.ModuleName), network.Denom).Amount.Uint64()
}

// checkSupply holds the supply to the sum of all balances, and to the book:
//
//	supply = genesis + minted − burned by our modules − burned by the SDK's
func (w *World) checkSupply(ctx sdk.Context, res *abci.ResponseFinalizeBlock) error {
	held := math.ZeroInt()
	w.App.Bank.IterateAllBalances(ctx, func(_ sdk.AccAddress, c sdk.Coin) bool {
		held = held.Add(c.Amount)
		return false
	})
	have := w.App.Bank.GetSupply(ctx, network.Denom).Amount
	if !held.Equal(have) {
		return fmt.Errorf("the supply is %s rao, accounts hold %s", have, held)
	}
	ledger, err := w.App.Emission.Ledger(ctx)
	if err != nil {
		return err
	}
	made := math.NewIntFromUint64(ledger.Minted).Sub(math.NewIntFromUint64(ledger.Burned)).Sub(math.NewIntFromUint64(ledger.BurnedOther))
	if w.ledger.genesis.IsNil() {
		w.ledger = supply{genesis: have.Sub(made), slashed: math.ZeroInt()}
		return nil
	}
	w.ledger.slashed = w.ledger.slashed.Add(burnedElsewhere(res))
	if want := w.ledger.genesis.Add(made).Sub(w.ledger.slashed); !have.Equal(want) {
		return fmt.Errorf("the supply is %s rao, the books say %s", have, want)
	}
	return nil
}

// burnedElsewhere adds up what other modules than emission burned in a block: slashes, refused deposits.
func burnedElsewhere(res *abci.ResponseFinalizeBlock) math.Int {
	total := math.ZeroInt()
	ours := authtypes.NewModuleAddress(emissiontypes.ModuleName).String()
	events := res.Events
	for _, r := range res.TxResults {
		if r.Code == 0 {
			events = append(events, r.Events...)
		}
	}
	for _, e := range events {
		if e.Type == banktypes.EventTypeCoinBurn && attribute(e, banktypes.AttributeKeyBurner) != ours {
			coins, err := sdk.ParseCoinsNormalized(attribute(e, sdk.AttributeKeyAmount))
			if err == nil {
				total = total.Add(coins.AmountOf(network.Denom))
			}
		}
	}
	return total
}

func attribute(e abci.Event, key string) string {
	for _, a := range e.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// number reads a decimal, a percentage (50%), yes or no.
func number(word string) (figure, error) {
	switch word {
	case "yes":
		return math.LegacyOneDec(), nil
	case "no":
		return math.LegacyZeroDec(), nil
	}
	scale := int64(1)
	if n := len(word); n > 1 && word[n-1] == '%' {
		word, scale = word[:n-1], 100
	}
	d, err := math.LegacyNewDecFromStr(word)
	if err != nil {
		return figure{}, fmt.Errorf("%s is no number", strconv.Quote(word))
	}
	return d.QuoInt64(scale), nil
}
