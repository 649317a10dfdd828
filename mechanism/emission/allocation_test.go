package emission

import (
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/fixed"
)

func TestApportionGivesAwayEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Uint64Range(0, supply).Draw(t, "amount")
		weights := rapid.SliceOf(rapid.Uint64Range(0, 1<<50)).Draw(t, "weights")
		parts, left := Apportion(amount, weights)
		sum, total := left, uint64(0)
		for j := range parts {
			sum += parts[j]
			total += weights[j]
		}
		if sum != amount {
			t.Fatalf("%d of %d accounted for", sum, amount)
		}
		for j := range parts {
			if want := fixed.Part(amount, weights[j], total); parts[j] > want+1 || parts[j]+1 < want {
				t.Fatalf("part %d is %d, want %d ± 1", j, parts[j], want)
			}
		}
	})
}

func TestTheOwnersShareLeavesTheRest(t *testing.T) {
	b := Divide(1_000_000, 11797)
	if b.Owner != 180010 || b.Owner+b.Shared != b.Total {
		t.Fatalf("%+v", b)
	}
}

func TestDemandNeverEarnsMoreThanWasBurned(t *testing.T) {
	claims := []Claim{
		{Root: 1, Demand: 1000, Room: 10, Open: true},
		{Root: 1, Demand: 0, Room: 0, Open: true},
	}
	grants, left := Allocate(1_000, 32768, claims, 0)
	if left != 0 || grants[0].FromDemand != 10 || grants[0].Paid != 505 || grants[1].Paid != 495 {
		t.Fatalf("%+v, %d left", grants, left)
	}
}

func TestAClosedSubnetsPartIsWithheld(t *testing.T) {
	grants, left := Allocate(100, 0, []Claim{{Root: 3, Open: true}, {Root: 1}}, 0)
	if left != 0 || grants[0].Paid != 75 || grants[1].Withheld != 25 || grants[1].Paid != 0 {
		t.Fatalf("%+v, %d left", grants, left)
	}
	// Of 32,768/65,535 of 1,000 by demand, a closed subnet's capped part goes to nobody either.
	grants, left = Allocate(1_000, 32_768, []Claim{{Root: 1, Open: true}, {Demand: 1, Room: 300}}, 0)
	if left != 0 || grants[0].Paid != 700 || grants[1].Withheld != 300 {
		t.Fatalf("%+v, %d left", grants, left)
	}
	if _, left := Allocate(100, 0, nil, 7); left != 100 {
		t.Fatalf("without subnets %d is left", left)
	}
}

func TestWhatNobodyDirectsIsNobodys(t *testing.T) {
	grants, burned := Allocate(1_000, 32_768, []Claim{{Root: 1, Open: true}, {Root: 1, Demand: 1, Room: 100, Open: true}}, 2)
	if grants[0].Paid != 225 || grants[1].Paid != 325 || burned != 450 {
		t.Fatalf("%+v, %d burned", grants, burned)
	}
}

func TestDemandBringsAtMostHalfOfWhatWasBurned(t *testing.T) {
	for _, c := range [][3]uint64{{0, 0, 0}, {1, 0, 0}, {100, 0, 50}, {100, 20, 30}, {100, 50, 0}, {100, 90, 0}} {
		if got := Room(c[0], c[1]); got != c[2] {
			t.Errorf("%d burned, %d granted: room for %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestAllocationConservesMoney(t *testing.T) {
	claim := rapid.Custom(func(t *rapid.T) Claim {
		return Claim{
			Root: rapid.Uint64Range(0, 1<<55).Draw(t, "root"), Demand: rapid.Uint64Range(0, 1<<50).Draw(t, "demand"),
			Room: rapid.Uint64Range(0, 1<<40).Draw(t, "room"), Open: rapid.Bool().Draw(t, "open"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Uint64Range(0, supply).Draw(t, "amount")
		claims := rapid.SliceOfN(claim, 0, 128).Draw(t, "claims")
		burned := rapid.Uint64Range(0, Whole).Draw(t, "burned")
		grants, sum := Allocate(amount, rapid.Uint32Range(0, Full).Draw(t, "lambda"), claims, burned)
		for j, g := range grants {
			sum += g.Paid + g.Withheld
			if g.FromDemand > claims[j].Room || g.FromDemand > g.Paid {
				t.Fatalf("claim %d: %+v got %+v", j, claims[j], g)
			}
		}
		if sum != amount {
			t.Fatalf("%d of %d accounted for", sum, amount)
		}
	})
}
