package price_test

import (
	"math"
	"math/big"
	"testing"

	"agora/mechanism/price"
)

func TestTheGasPriceRisesWhileBlocksAreFull(t *testing.T) {
	const floor = 10_000
	for name, try := range map[string]struct{ price, fullness, want uint64 }{
		"full":          {80_000, price.Full, 90_000},
		"overfull":      {80_000, 2 * price.Full, 90_000},
		"half full":     {80_000, price.Full / 2, 80_000},
		"empty":         {80_000, 0, 70_000},
		"at the floor":  {10_000, 0, 10_000},
		"below it":      {1, price.Full, 10_000},
		"near the most": {price.MostGas - 1, price.Full, price.MostGas},
		"beyond":        {math.MaxUint64, price.Full, price.MostGas},
	} {
		if got := price.Gas(try.price, try.fullness, floor); got != try.want {
			t.Errorf("%s: %d, want %d", name, got, try.want)
		}
	}
	p := uint64(floor)
	for range 60 {
		p = price.Gas(p, price.Full, floor)
	}
	if p < 1_100*floor || p > 1_200*floor {
		t.Errorf("after 60 full blocks %d, want 1,173 times %d", p, floor)
	}
	for range 60 {
		p = price.Gas(p, 0, floor)
	}
	if p != floor {
		t.Errorf("after 60 empty blocks %d, want %d again", p, floor)
	}
}

// TestAFeeOffersWhatItPays holds fee, bid and fullness to exact arithmetic.
func TestAFeeOffersWhatItPays(t *testing.T) {
	numbers := []uint64{0, 1, 2, 99, 100, 101, 10_000, 999_999, 1_000_000, 1_000_001, 25_000_000, 1 << 40, math.MaxUint64 - 1, math.MaxUint64}
	cut := func(x *big.Int) uint64 {
		if !x.IsUint64() {
			return math.MaxUint64
		}
		return x.Uint64()
	}
	for _, a := range numbers {
		for _, b := range numbers {
			product := new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
			up := new(big.Int).Add(product, big.NewInt(price.Million-1))
			if got, want := price.GasFee(a, b), cut(up.Div(up, big.NewInt(price.Million))); got != want {
				t.Errorf("%d gas at %d: %d, want %d", a, b, got, want)
			}
			if b == 0 {
				if price.GasBid(a, b) != 0 || price.Fullness(a, b) != 0 {
					t.Errorf("%d for nothing is not 0", a)
				}
				continue
			}
			ratio := new(big.Int).Mul(new(big.Int).SetUint64(a), big.NewInt(price.Million))
			want := cut(ratio.Div(ratio, new(big.Int).SetUint64(b)))
			if got := price.GasBid(a, b); got != want {
				t.Errorf("%d rao for %d gas: %d, want %d", a, b, got, want)
			}
			if got := price.Fullness(a, b); got != min(want, price.Full) {
				t.Errorf("%d of %d: %d, want %d", a, b, got, min(want, price.Full))
			}
		}
	}
}
