package voucher

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

var consumers = Terms{First: 1, Most: 64, Amount: math.MaxUint64}

// TestALineKeepsThePayeesRiskWithinItsTerms plays requests, answers, vouchers and top-ups at random, beside a plain list of
// what is open.
func TestALineKeepsThePayeesRiskWithinItsTerms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := Terms{
			First: rapid.Uint64Range(1, 3).Draw(t, "first"), Most: rapid.Uint64Range(1, 5).Draw(t, "most"),
			Amount: rapid.SampledFrom([]uint64{5, 30, math.MaxUint64}).Draw(t, "amount"),
		}
		l := Line{Limit: rapid.Uint64Range(0, 100).Draw(t, "limit")}
		var open []uint64
		var charged, answered uint64
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				before := l
				ceiling := rapid.Uint64Range(0, 12).Draw(t, "ceiling")
				if err := l.Reserve(ceiling, terms); err == nil {
					open = append(open, ceiling)
				} else if l != before {
					t.Fatalf("a refused request changed %+v to %+v", before, l)
				}
			case 2:
				if len(open) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				cost := rapid.Uint64Range(0, 15).Draw(t, "cost")
				got := l.Settle(open[i], cost)
				if got > open[i] || got > cost {
					t.Fatalf("charged %d for %d under a ceiling of %d", got, cost, open[i])
				}
				charged += got
				if got > 0 {
					answered++
				}
				open = append(open[:i], open[i+1:]...)
			case 3:
				l.Sign(rapid.Uint64Range(0, 120).Draw(t, "total"))
			}
			check(t, l, terms, open, charged, answered)
		}
	})
}

func check(t *rapid.T, l Line, terms Terms, open []uint64, charged, answered uint64) {
	var reserved uint64
	for _, c := range open {
		reserved += c
	}
	switch {
	case l.Charged != charged || l.Reserved != reserved || l.Open != uint64(len(open)) || l.Answered != answered:
		t.Fatalf("%+v, want %d charged for %d answers and %v open", l, charged, answered, open)
	case charged+reserved > l.Limit:
		t.Fatalf("%+v is beyond its limit", l)
	case l.Owed() > 0 && l.Owed() > terms.Amount:
		t.Fatalf("%+v: %d are owed, the terms allow %d", l, l.Owed(), terms.Amount)
	case l.Owed() > 0 && l.Answered-l.Paid > terms.Most:
		t.Fatalf("%+v: more answers are unpaid than %d", l, terms.Most)
	case l.Due() > l.Charged || l.Due() > l.Signed || l.Due() > l.Limit:
		t.Fatalf("%+v claims %d", l, l.Due())
	}
}

func TestWhoNeverSignsGetsOneAnswerPerDeposit(t *testing.T) {
	l := Line{Limit: 1_000}
	if err := l.Reserve(10, consumers); err != nil {
		t.Fatal(err)
	}
	if err := l.Reserve(10, consumers); !errors.Is(err, ErrCredit) {
		t.Errorf("a second one beside it: %v", err)
	}
	l.Settle(10, 7)
	if err := l.Reserve(10, consumers); !errors.Is(err, ErrCredit) {
		t.Errorf("a second one after it: %v", err)
	}
	l.Sign(7)
	for i := range 2 {
		if err := l.Reserve(10, consumers); err != nil {
			t.Errorf("request %d after the first was paid: %v", i, err)
		}
	}
	if err := l.Reserve(10, consumers); !errors.Is(err, ErrCredit) {
		t.Errorf("a third after one was paid: %v", err)
	}
}

func TestWhoSignsAheadIsServedAtOnce(t *testing.T) {
	l := Line{Limit: 1_000, Signed: 500}
	for i := range 50 {
		if err := l.Reserve(10, consumers); err != nil {
			t.Fatalf("request %d of 50 that are signed for: %v", i, err)
		}
	}
	if err := l.Reserve(10, consumers); !errors.Is(err, ErrCredit) {
		t.Errorf("one more: %v", err)
	}
}

func TestAClosingOrEmptyLineServesNothing(t *testing.T) {
	l := Line{Limit: 1_000, Signed: 1_000, Closing: true}
	if err := l.Reserve(1, consumers); !errors.Is(err, ErrClosing) {
		t.Error(err)
	}
	l = Line{Limit: 9}
	if err := l.Reserve(10, consumers); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
	if err := l.Reserve(math.MaxUint64, consumers); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
}

func TestAFailedAnswerCostsNothing(t *testing.T) {
	l := Line{Limit: 1_000}
	for range 100 {
		if err := l.Reserve(10, consumers); err != nil {
			t.Fatal(err)
		}
		l.Settle(10, 0)
	}
	if l != (Line{Limit: 1_000}) {
		t.Errorf("%+v after 100 failures", l)
	}
}

// TestAMinersWindowIsItsWholeRisk: whatever is asked, a payer who signs nothing gets the window and no more.
func TestAMinersWindowIsItsWholeRisk(t *testing.T) {
	window := Terms{First: 100, Most: 100, Amount: 50_000_000}
	rapid.Check(t, func(t *rapid.T) {
		l := Line{Limit: MostAmount}
		for range 150 {
			ceiling := rapid.Uint64Range(1, 2_000_000).Draw(t, "ceiling")
			if l.Reserve(ceiling, window) == nil && rapid.Bool().Draw(t, "answered") {
				l.Settle(ceiling, ceiling)
			}
		}
		if l.Charged+l.Reserved > window.Amount || l.Credit() > window.Most {
			t.Fatalf("%+v for nothing", l)
		}
	})
}
