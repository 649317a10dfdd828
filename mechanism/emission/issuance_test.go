package emission

import (
	"testing"

	"pgregory.net/rapid"
)

const (
	tao    = 1_000_000_000
	supply = 21_000_000 * tao
)

func TestHalvingsFollowWhatExists(t *testing.T) {
	for _, c := range []struct {
		issued uint64
		want   uint
	}{
		{0, 0},
		{supply/2 - 1, 0},
		{supply / 2, 1},
		{supply*3/4 - 1, 1},
		{supply * 3 / 4, 2},
		{supply * 7 / 8, 3},
		{supply - supply>>10, 10},
		{supply - 1, MaxHalvings + 1},
		{supply, MaxHalvings + 1},
		{supply + 5, MaxHalvings + 1},
	} {
		if got := Halvings(c.issued, supply); got != c.want {
			t.Errorf("Halvings(%d) = %d, want %d", c.issued, got, c.want)
		}
	}
}

// The curve in steps of a tenth of a halving, from nothing to the cap: every
// halving takes 10.5M rewards of twelve seconds, and ends on its power of two.
func TestIssuanceReachesTheCapHalvingByHalving(t *testing.T) {
	const step = 1_050_000 * period
	var issued uint64
	var a Accrual
	for h := range uint(30) {
		issued = supply - uint64(supply)>>h
		for range 10 {
			var rao uint64
			rao, a = a.Accrue(step, tao, issued, supply)
			if want := uint64(1_050_000*tao) >> h; rao > want+1 || rao+1 < want {
				t.Fatalf("halving %d: a step issues %d, want %d", h, rao, want)
			}
			issued += rao
		}
		// What is left halves each time, to within the steps' rounding.
		if left, want := supply-issued, uint64(supply)>>(h+1); left > want+10 || left+10 < want {
			t.Fatalf("halving %d: %d left, want %d", h, left, want)
		}
	}
}

func TestNothingIsIssuedBeyondTheCap(t *testing.T) {
	const almost = supply - 3
	rao, _ := Accrual{}.Accrue(1<<63, 1<<40, almost, supply)
	if rao != 0 && rao > 3 {
		t.Fatalf("issued %d with 3 left", rao)
	}
	rao, a := Accrual{Remainder: 7, Halvings: 2}.Accrue(60*tao, tao, supply, supply)
	if rao != 0 || a.Remainder != 0 {
		t.Fatalf("at the cap: issued %d, remainder %d", rao, a.Remainder)
	}
	if rao, _ := (Accrual{}).Accrue(1<<63, 1<<62, 0, supply); rao != supply {
		t.Fatalf("an absurd step issues %d, want the cap", rao)
	}
}

// Cutting a span of time into any blocks issues the same money, to the rao.
func TestIssuanceDoesNotDependOnBlockTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		issued := rapid.Uint64Range(0, supply/2-supply/8).Draw(t, "issued")
		steps := rapid.SliceOfN(rapid.Uint64Range(1, 60*tao), 1, 50).Draw(t, "steps")
		var whole, sum uint64
		var a Accrual
		for _, dt := range steps {
			var rao uint64
			rao, a = a.Accrue(dt, tao, issued, supply)
			sum += rao
			whole += dt
		}
		want, end := Accrual{}.Accrue(whole, tao, issued, supply)
		if sum != want || a != end {
			t.Fatalf("%d rao in %d blocks, %d in one", sum, len(steps), want)
		}
	})
}

func TestARemainderSurvivesAHalving(t *testing.T) {
	half := Accrual{Remainder: period / 2}
	rao, next := half.Accrue(0, tao, supply/2, supply)
	if rao != 0 || next.Remainder != period || next.Halvings != 1 {
		t.Fatalf("half a rao became %d and %+v", rao, next)
	}
	back, again := next.Accrue(0, tao, 0, supply)
	if back != 0 || again != half {
		t.Fatalf("and back %d, %+v, want %+v", back, again, half)
	}
}

func BenchmarkAccrue(b *testing.B) {
	var a Accrual
	for b.Loop() {
		_, a = a.Accrue(2*tao, tao, supply/3, supply)
	}
}

// The whole life of the curve in steps of a day, each from what the ones before it
// issued, against the time at which each power of two is reached: a halving takes
// 10.5M rewards of twelve seconds, four years less a day, and the last rao comes in
// the thirty-first.
func TestIssuanceFromNothingToTheCap(t *testing.T) {
	const day = 7_200 * period
	var issued, days uint64
	var a Accrual
	table := map[uint64]uint64{ // rao issued after so many days, to a two-thousandth
		1:      7_200 * tao,
		365:    365 * 7_200 * tao,
		1_458:  1_458 * 7_200 * tao,
		1_459:  10_500_000 * tao,
		2_917:  15_750_000 * tao,
		14_584: supply - supply>>10,
		29_167: supply - supply>>20,
		43_750: supply,
	}
	reached := uint(0)
	for a.Halvings <= MaxHalvings {
		var rao uint64
		rao, a = a.Accrue(day, tao, issued, supply)
		if rao > supply-issued {
			t.Fatalf("day %d: %d issued, %d were left", days, rao, supply-issued)
		}
		issued += rao
		days++
		for supply-issued <= supply>>(reached+1) && reached < MaxHalvings {
			reached++
			// 1458.33 days each; a step that crosses the boundary is paid at the old rate, so each halving may
			// come a day early.
			if want := uint64(reached) * 10_500_000 / 7_200; days > want+2 || days+uint64(reached) < want {
				t.Errorf("halving %d after %d days, want about %d", reached, days, want)
			}
		}
		if want, listed := table[days]; listed {
			if off := max(issued, want) - min(issued, want); off > want/2_000 {
				t.Errorf("day %d: %d rao issued, want %d", days, issued, want)
			}
			delete(table, days)
		}
		if days > 31*1_460 {
			t.Fatalf("after %d days %d rao are left", days, supply-issued)
		}
	}
	t.Logf("%d rao after %d days, %d halvings", issued, days, a.Halvings)
	if len(table) > 0 || reached != MaxHalvings {
		t.Errorf("the curve ended after %d days in halving %d, before %v", days, reached, table)
	}
	if left := supply - issued; left > supply>>MaxHalvings {
		t.Errorf("%d rao are never issued", left)
	}
}
