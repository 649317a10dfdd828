package emission

import (
	"testing"

	"pgregory.net/rapid"
)

func TestPartsAddUpAndEndWithinTheTempo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		height, tempo := rapid.Int64Range(1, 1<<40).Draw(t, "height"), rapid.Int64Range(1, 50_400).Draw(t, "tempo")
		amount := rapid.Uint64Range(0, supply).Draw(t, "amount")
		f := NewFlow(height, tempo)
		var paid uint64
		for parts := int64(1); !f.Done(); parts++ {
			if f.Next <= height || f.Next > height+tempo || parts > min(Parts, tempo) {
				t.Fatalf("part %d at %d of a tempo of %d from %d", parts, f.Next, tempo, height)
			}
			if f.Until(f.Next-1) != 0 || f.Until(f.Next) != 1 {
				t.Fatalf("%+v: %d due", f, f.Until(f.Next))
			}
			part := f.Due(amount, 1)
			if mean := amount / uint64(f.Of); part < mean || part > mean+1 {
				t.Fatalf("part %d is %d of %d", parts, part, amount)
			}
			paid += part
			if f = f.After(1); paid+f.Left(amount) != amount {
				t.Fatalf("%d paid and %d left of %d", paid, f.Left(amount), amount)
			}
		}
		if paid != amount {
			t.Fatalf("%d of %d paid", paid, amount)
		}
	})
}

func TestPartsOfSubnetsWithOneTempoFallTogether(t *testing.T) {
	for height := int64(1_000); height < 1_018; height++ {
		f := NewFlow(height, 360)
		if f.Step != 18 || f.Next%18 != 0 || f.Of != 20 {
			t.Errorf("from %d: %+v", height, f)
		}
	}
}

func TestPartsThatWereMissedAreDueAtOnce(t *testing.T) {
	f := NewFlow(100, 20)
	if due := f.Until(107); due != 7 || f.Due(100, due) != 35 {
		t.Errorf("%d due, %d", due, f.Due(100, due))
	}
	if due := f.After(7).Until(1_000); due != 13 {
		t.Errorf("%d due in the end", due)
	}
}
