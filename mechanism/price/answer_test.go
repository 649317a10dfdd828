package price_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/price"
)

// TestAnAnswersCostIsExactAndRoundedUp holds it to big integers.
func TestAnAnswersCostIsExactAndRoundedUp(t *testing.T) {
	number := rapid.OneOf(rapid.Uint64Range(0, 10_000), rapid.Uint64Range(0, 1<<40), rapid.Uint64())
	rapid.Check(t, func(t *rapid.T) {
		used := price.Tokens{In: number.Draw(t, "in"), Out: number.Draw(t, "out")}
		rates := price.Rates{In: number.Draw(t, "rate in"), Out: number.Draw(t, "rate out"), Markup: rapid.Uint64Range(0, 100_000).Draw(t, "markup")}
		up := func(x *big.Int, by int64) *big.Int {
			return x.Add(x, big.NewInt(by-1)).Div(x, big.NewInt(by))
		}
		of := func(a, b uint64) *big.Int {
			return new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
		}
		miner := up(new(big.Int).Add(of(used.In, rates.In), of(used.Out, rates.Out)), price.Million)
		consumer := new(big.Int).Add(miner, up(new(big.Int).Mul(miner, new(big.Int).SetUint64(rates.Markup)), price.BPS))
		cut := func(x *big.Int) uint64 {
			if !x.IsUint64() {
				return math.MaxUint64
			}
			return x.Uint64()
		}
		gotConsumer, gotMiner := price.Answer(used, rates)
		if gotMiner != cut(miner) || miner.IsUint64() && gotConsumer != cut(consumer) {
			t.Fatalf("%+v at %+v: %d and %d, want %s and %s", used, rates, gotConsumer, gotMiner, consumer, miner)
		}
	})
}
