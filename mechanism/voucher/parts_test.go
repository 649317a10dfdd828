package voucher

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// anyParts draws well-formed parts of few subnets and small amounts, so that cases meet.
func anyParts(most uint64) *rapid.Generator[Parts] {
	return rapid.Custom(func(t *rapid.T) (p Parts) {
		for netuid := range uint32(6) {
			if amount := rapid.Uint64Range(0, most).Draw(t, "amount"); amount > 0 {
				p = append(p, Part{netuid, amount})
			}
		}
		return p
	})
}

func TestSumsAndDifferencesOfPartsAreThoseOfEachSubnet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := anyParts(9).Draw(t, "p"), anyParts(9).Draw(t, "q")
		sum := p.Plus(q)
		if err := sum.Check(); err != nil {
			t.Fatal(err)
		}
		covers := true
		for netuid := range uint32(6) {
			if got, want := sum.Of(netuid), p.Of(netuid)+q.Of(netuid); got != want {
				t.Fatalf("netuid %d: %d, want %d", netuid, got, want)
			}
			covers = covers && p.Of(netuid) >= q.Of(netuid)
		}
		if p.Covers(q) != covers || !sum.Covers(p) || !sum.Covers(q) {
			t.Fatalf("%v covers %v: %v, want %v", p, q, p.Covers(q), covers)
		}
		if back := sum.Minus(q); !slices.Equal(back, p) {
			t.Fatalf("%v + %v - %v is %v", p, q, q, back)
		}
	})
}

func TestUpToKeepsTheFirstAndNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, most := anyParts(9).Draw(t, "p"), rapid.Uint64Range(0, 60).Draw(t, "most")
		kept := p.UpTo(most)
		if kept.Total() != min(most, p.Total()) || kept.Check() != nil || !p.Covers(kept) {
			t.Fatalf("%v up to %d is %v", p, most, kept)
		}
		if rest := p.Minus(kept); len(rest) > 0 && len(kept) > 0 && rest[0].Netuid < kept[len(kept)-1].Netuid {
			t.Fatalf("%v up to %d is %v: an earlier subnet was cut", p, most, kept)
		}
	})
}

// TestTheBurnIsTheExactShareRoundedUp holds it to big integers, and payments in pieces to those in one.
func TestTheBurnIsTheExactShareRoundedUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount, bps := rapid.Uint64Range(1, MostAmount).Draw(t, "amount"), rapid.Uint64Range(0, 12_000).Draw(t, "bps")
		want := new(big.Int).Mul(new(big.Int).SetUint64(amount), new(big.Int).SetUint64(min(bps, 10_000)))
		want.Add(want, big.NewInt(9_999)).Div(want, big.NewInt(10_000))
		if got := (Parts{{7, amount}}).Burned(bps).Of(7); got != want.Uint64() {
			t.Fatalf("%d bps of %d: %d, want %s", bps, amount, got, want)
		}
		first := rapid.Uint64Range(0, amount).Draw(t, "first")
		pieces := (Parts{{7, first}}).Burned(bps).Total() + (Parts{{7, amount - first}}).Burned(bps).Total()
		if pieces < want.Uint64() {
			t.Fatalf("%d bps of %d burn %d in two claims, %s in one", bps, amount, pieces, want)
		}
	})
}

func TestPartsOutOfShapeAreRefused(t *testing.T) {
	many := make(Parts, MaxParts+1)
	for i := range many {
		many[i] = Part{uint32(i), 1}
	}
	if err := many[:MaxParts].Check(); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]Parts{
		"too many": many, "twice": {{1, 5}, {1, 5}}, "descending": {{2, 5}, {1, 5}}, "nothing": {{1, 0}},
		"too much": {{1, MostAmount}, {2, 1}}, "overflow": {{1, math.MaxUint64}, {2, math.MaxUint64}},
	} {
		if err := p.Check(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
