package price_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/price"
)

// TestTheFreePartIsTheVoicesPartRoundedUp holds it to big integers.
func TestTheFreePartIsTheVoicesPartRoundedUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, total := rapid.Uint64Range(0, 1_000).Draw(t, "slots"), rapid.Uint64Range(1, math.MaxUint64).Draw(t, "total")
		stake := rapid.Uint64Range(0, total).Draw(t, "stake")
		all := int64(2*min(max(slots, 16), 256)*1280 + 30*256)
		want := new(big.Int).Mul(big.NewInt(all), new(big.Int).SetUint64(stake))
		whole := new(big.Int).SetUint64(total)
		want.Add(want, new(big.Int).Sub(whole, big.NewInt(1))).Div(want, whole)
		if got := price.Free(slots, stake, total); got != want.Uint64() {
			t.Fatalf("%d slots, %d of %d: %d, want %s", slots, stake, total, got, want)
		}
	})
	if price.Free(8, 1, 0) != 0 {
		t.Error("free without stake")
	}
}

// TestTheOrderOfAnswersChangesNoBill adds answers up in two orders: after each of them no less is owed than before, and in
// the end the same, whatever is free.
func TestTheOrderOfAnswersChangesNoBill(t *testing.T) {
	rates := price.Rates{In: 1_000_000, Out: 4_000_000}
	one := rapid.Custom(func(t *rapid.T) price.Tokens {
		return price.Tokens{In: rapid.Uint64Range(0, 50).Draw(t, "in"), Out: rapid.Uint64Range(0, 50).Draw(t, "out")}
	})
	rapid.Check(t, func(t *rapid.T) {
		answers, free := rapid.SliceOfN(one, 0, 20).Draw(t, "answers"), rapid.Uint64Range(0, 1_000).Draw(t, "free")
		bill := func(order []price.Tokens) (owed uint64) {
			var sum price.Tokens
			for _, a := range order {
				sum = sum.Plus(a)
				now := price.Metered(sum, free, rates)
				if now < owed {
					t.Fatalf("an answer made the bill fall from %d to %d", owed, now)
				}
				owed = now
			}
			return owed
		}
		other := rapid.Permutation(answers).Draw(t, "another order")
		if a, b := bill(answers), bill(other); a != b {
			t.Fatalf("%d in one order, %d in another", a, b)
		}
	})
}

// TestQuestionsWithinTheFreePartCostNothing: what a voice owes with them is at most what its consumers' answers cost alone.
func TestQuestionsWithinTheFreePartCostNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Uint64Range(0, 1_000)
		rates := price.Rates{In: number.Draw(t, "rate in"), Out: number.Draw(t, "rate out")}
		sold := price.Tokens{In: number.Draw(t, "sold in"), Out: number.Draw(t, "sold out")}
		questions := price.Tokens{In: number.Draw(t, "asked in"), Out: number.Draw(t, "asked out")}
		_, alone := price.Answer(sold, rates)
		if owed := price.Metered(sold.Plus(questions), questions.Sum(), rates); owed > alone {
			t.Fatalf("%d, alone %d", owed, alone)
		}
	})
}
