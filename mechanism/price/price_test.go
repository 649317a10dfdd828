package price_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/price"
)

const tao = 1_000_000_000

func TestRiseIsTheExactProductRoundedUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, bps := rapid.Uint64().Draw(t, "price"), rapid.Uint64Range(10_000, 30_000).Draw(t, "bps")
		want := new(big.Int).Mul(new(big.Int).SetUint64(p), new(big.Int).SetUint64(bps))
		want.Add(want, big.NewInt(9_999)).Div(want, big.NewInt(10_000))
		if !want.IsUint64() {
			want.SetUint64(math.MaxUint64)
		}
		if got := price.Rise(p, bps); got != want.Uint64() {
			t.Fatalf("Rise(%d, %d) = %d, want %s", p, bps, got, want)
		}
	})
}

func TestThreeRegistrationsDoubleThePrice(t *testing.T) {
	p := uint64(tao)
	for range 3 {
		p = price.Rise(p, 12_600)
	}
	if p != 2_000_376_000 { // 1.26³
		t.Fatalf("%d rao after three registrations", p)
	}
}

func TestLockFallsFromTwiceTheLastToTheFloor(t *testing.T) {
	const day = uint64(86_400)
	for _, c := range []struct{ elapsed, want uint64 }{
		{0, 6000 * tao},
		{7 * day, 4500 * tao},
		{14 * day, 3000 * tao},
		{21 * day, 1500 * tao},
		{25 * day, 1000 * tao},
		{28 * day, 1000 * tao},
		{math.MaxUint64, 1000 * tao},
	} {
		if got := price.Lock(3000*tao, c.elapsed, 14*day, 1000*tao); got != c.want {
			t.Errorf("after %d s: %d rao, want %d", c.elapsed, got, c.want)
		}
	}
}

func TestFirstLockIsTheFloor(t *testing.T) {
	if got := price.Lock(0, 0, 14, 1000*tao); got != 1000*tao {
		t.Fatalf("got %d", got)
	}
}

func TestLockNeverRisesWithTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last, floor := rapid.Uint64().Draw(t, "last"), rapid.Uint64().Draw(t, "floor")
		period := rapid.Uint64().Draw(t, "period")
		elapsed := rapid.Uint64Range(0, math.MaxUint64-1).Draw(t, "elapsed")
		now, next := price.Lock(last, elapsed, period, floor), price.Lock(last, elapsed+1, period, floor)
		if next > now || next < floor {
			t.Fatalf("lock went from %d to %d, floor %d", now, next, floor)
		}
	})
}

func TestPartAndRestAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount, bps := rapid.Uint64().Draw(t, "amount"), rapid.Uint64Range(0, 20_000).Draw(t, "bps")
		part, rest := price.Part(amount, bps)
		if part+rest != amount || part > amount {
			t.Fatalf("%d + %d is not %d", part, rest, amount)
		}
	})
	if part, rest := price.Part(1000*tao, 1_000); part != 100*tao || rest != 900*tao {
		t.Fatalf("a tenth of 1,000 TAO is %d and %d", part, rest)
	}
}
