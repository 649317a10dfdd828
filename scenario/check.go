package scenario

import (
	"fmt"
	"strconv"

	abci "github.com/cometbft/cometbft/abci/types"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/app"
	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
)

// Supply follows the money of a chain: what there was at first, and what modules other than emission destroyed since.
// Its zero value begins with the block that it sees first.
type Supply struct {
	genesis math.Int
	slashed math.Int
}

// check holds the state after a block to every invariant.
func (w *World) check(res *abci.ResponseFinalizeBlock) error {
	ctx := w.Ctx()
	if err := w.App.CheckInvariants(ctx); err != nil {
		return err
	}
	return w.ledger.Check(ctx, w.App, res)
}

// Check holds the supply after a block to the book:
//
//	supply = genesis + minted − burned by our modules − burned by the SDK's
func (s *Supply) Check(ctx sdk.Context, a *app.App, res *abci.ResponseFinalizeBlock) error {
	ledger, err := a.Emission.Ledger(ctx)
	if err != nil {
		return err
	}
	have := a.Bank.GetSupply(ctx, network.Denom).Amount
	made := math.NewIntFromUint64(ledger.Minted).Sub(math.NewIntFromUint64(ledger.Burned)).Sub(math.NewIntFromUint64(ledger.BurnedOther))
	if s.genesis.IsNil() {
		*s = Supply{genesis: have.Sub(made), slashed: math.ZeroInt()}
		return nil
	}
	s.slashed = s.slashed.Add(burnedElsewhere(res))
	if want := s.genesis.Add(made).Sub(s.slashed); !have.Equal(want) {
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
