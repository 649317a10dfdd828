package emission

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/fixed"
)

const half = 32_768 // the first u16 above one half

// basis is a weight of Root in 1/10,000, rounded.
func basis(weight uint64) uint64 { return (fixed.Part(20_000, weight, Whole) + 1) / 2 }

func vote(stake uint64, weights ...uint64) Ballot {
	return Ballot{Stake: stake, Weights: weights, Cast: true}
}

func silent(stake uint64, weights ...uint64) Ballot { return Ballot{Stake: stake, Weights: weights} }

func TestStakeThatVotedIsClippedAndGoesBackInProportion(t *testing.T) {
	// The majority gives the second a tenth, so of the minority's 40 % only 4 % count there; the 36 % that are clipped
	// go back by the votes, 54 to 46: 54 + 19.44 and 10 + 16.56.
	root, burned := Root(100, []Ballot{vote(40, 0, 100), vote(60, 90, 10)}, 2, half)
	if basis(root[0]) != 7_344 || basis(root[1]) != 2_656 || burned != 0 {
		t.Fatalf("%d and %d of 10,000, %d burned", basis(root[0]), basis(root[1]), burned)
	}
	// Alone the minority directs less than its stake.
	root, _ = Root(100, []Ballot{vote(40, 0, 1), vote(60, 1, 0)}, 2, half)
	if basis(root[1]) != 1_600 {
		t.Fatalf("a subnet that only the minority wants has %d of 10,000", basis(root[1]))
	}
}

func TestSilentStakeCountsWhereItsVoicesSpokeAndIsNotClipped(t *testing.T) {
	root, burned := Root(100, []Ballot{silent(30, 1, 1, 0), silent(10, 0, 0, 1), vote(60, 1, 0, 0)}, 3, half)
	if basis(root[0]) != 7_500 || basis(root[1]) != 1_500 || basis(root[2]) != 1_000 || burned != 0 {
		t.Fatalf("%v, %d burned", root, burned)
	}
}

func TestStakeThatNeitherVotedNorSpokeBurnsItsPart(t *testing.T) {
	root, burned := Root(100, []Ballot{vote(10, 1), silent(15, 1)}, 1, half)
	if basis(root[0]) != 2_500 || basis(burned) != 7_500 {
		t.Fatalf("%d directed, %d burned", basis(root[0]), basis(burned))
	}
	for _, none := range [][]Ballot{nil, {vote(0, 1)}} {
		if root, burned := Root(100, none, 1, half); root[0] != 0 || burned != Whole {
			t.Fatalf("%v, %d burned", root, burned)
		}
	}
}

func TestAVoteForWhatCannotBePaidBurnsThatPart(t *testing.T) {
	all := Ballot{Stake: 100, Weights: []uint64{3}, Burned: 1, Cast: true}
	root, burned := Root(100, []Ballot{all}, 1, half)
	if basis(root[0]) != 7_500 || basis(burned) != 2_500 {
		t.Fatalf("%d directed, %d burned", basis(root[0]), basis(burned))
	}
}

// 16.5 % vote honestly, 17 % for a sham of their own, the rest is silent.
func TestASixthOfTheStakeDirectsItsOwnPartAtMost(t *testing.T) {
	for name, others := range map[string]Ballot{
		"the rest spoke nowhere":           silent(0, 0, 0),
		"the rest spoke in the good one":   silent(665, 1, 0),
		"a tenth spoke, the rest nowhere":  silent(100, 1, 0),
		"the rest voted for the good one":  vote(665, 1, 0),
		"a third voted, the rest, nothing": vote(333, 1, 0),
	} {
		ballots := []Ballot{vote(165, 1, 0), vote(170, 0, 1), others}
		if others.Stake == 0 {
			ballots = ballots[:2]
		}
		root, burned := Root(1_000, ballots, 2, half)
		t.Logf("%s: good %d, sham %d, burned %d of 10,000", name, basis(root[0]), basis(root[1]), basis(burned))
		if basis(root[1]) > 1_700 || basis(root[0]) < 1_650 {
			t.Errorf("%s: good %d, sham %d", name, basis(root[0]), basis(root[1]))
		}
	}
}

// setting is a network in which one validator of 1 % has subnets of his own.
type setting struct {
	honest, shams  int
	voting, spoken uint64 // 1/1,000 of all stake, the honest's
	agree, casts   bool   // the honest vote alike; the attacker votes
}

func (s setting) String() string {
	return fmt.Sprintf("%3d honest and %3d shams, %2d.%d %% vote (alike %-5v), %2d.%d %% only spoke, the attacker votes %-5v",
		s.honest, s.shams, s.voting/10, s.voting%10, s.agree, s.spoken/10, s.spoken%10, s.casts)
}

// ballots are those of 20 honest voters, 20 silent speakers and the attacker, who has ten parts in 1,000.
func (s setting) ballots() (all []Ballot) {
	n := s.honest + s.shams
	row := func(of func(j int) bool) []uint64 {
		weights := make([]uint64, n)
		for j := range weights {
			if of(j) {
				weights[j] = uint64(1 + j%3)
			}
		}
		return weights
	}
	for i := range 20 {
		if s.voting > 0 {
			all = append(all, Ballot{Stake: s.voting * 50, Cast: true, Weights: row(func(j int) bool {
				return j < s.honest && (s.agree || j == i%s.honest)
			})})
		}
		if s.spoken > 0 {
			all = append(all, Ballot{Stake: s.spoken * 50, Weights: row(func(j int) bool { return j < s.honest && j%2 == i%2 })})
		}
	}
	return append(all, Ballot{Stake: 10_000, Cast: s.casts, Weights: row(func(j int) bool { return j >= s.honest })})
}

// settings is the grid.
func settings() (all []setting) {
	for _, honest := range []int{1, 4, 31} {
		for _, shams := range []int{1, 3, 96} {
			for _, turnout := range [][2]uint64{{0, 0}, {0, 330}, {165, 0}, {165, 825}, {330, 330}, {505, 0}, {660, 330}, {990, 0}} {
				for _, agree := range []bool{false, true} {
					for _, casts := range []bool{false, true} {
						all = append(all, setting{honest, shams, turnout[0], turnout[1], agree, casts})
					}
				}
			}
		}
	}
	return all
}

// However many subnets a validator of 1 % opens, and whatever the others do: it directs at most 1 % to them.
func TestOnePercentOfTheStakeDirectsOnePercentAtMost(t *testing.T) {
	var most uint64
	for _, s := range settings() {
		root, burned := Root(1_000_000, s.ballots(), s.honest+s.shams, half)
		var shams, sum uint64
		for j, w := range root {
			sum += w
			if j >= s.honest {
				shams += w
			}
		}
		if sum+burned != Whole {
			t.Fatalf("%s: %d of %d", s, sum+burned, uint64(Whole))
		}
		t.Logf("%s: %.4f %% to the shams, %5.2f %% burned", s, 100*float64(shams)/Whole, 100*float64(burned)/Whole)
		if most = max(most, shams); shams > Whole/100+Whole>>shareBits {
			t.Errorf("%s: more than its stake", s)
		}
	}
	t.Logf("at most %.5f %% in %d settings", 100*float64(most)/Whole, len(settings()))
}

// A coalition below one half that stands alone with its subnets directs at most its part, whatever anybody says, and
// nothing is lost.
func TestRootConservesAndNeverRewardsStandingAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "subnets")
		shams := rapid.IntRange(1, n-1).Draw(t, "shams") // the last of them
		var ballots []Ballot
		var theirs, all uint64
		for range rapid.IntRange(1, 20).Draw(t, "ballots") {
			cabal := rapid.Bool().Draw(t, "cabal")
			b := Ballot{
				Stake: rapid.Uint64Range(0, 1<<50).Draw(t, "stake"), Cast: rapid.Bool().Draw(t, "cast"),
				Weights: make([]uint64, n), Burned: rapid.Uint64Range(0, 3).Draw(t, "burned"),
			}
			for j := range b.Weights {
				if cabal || j < n-shams {
					b.Weights[j] = rapid.Uint64Range(0, 65_535).Draw(t, "weight")
				}
			}
			if all += b.Stake; cabal {
				theirs += b.Stake
			}
			ballots = append(ballots, b)
		}
		bonded := all + rapid.Uint64Range(0, 1<<50).Draw(t, "absent")
		root, burned := Root(bonded, ballots, n, half)
		sum, got := burned, uint64(0)
		for j, w := range root {
			if sum += w; j >= n-shams {
				got += w
			}
		}
		if sum != Whole {
			t.Fatalf("%d of %d accounted for", sum, uint64(Whole))
		}
		if dust := uint64(len(ballots)+1) << shareBits; 2*theirs < bonded && got > fixed.Part(Whole, theirs, bonded)+dust {
			t.Fatalf("%d of %d stake directs %d of 10,000", theirs, bonded, basis(got))
		}
	})
}

func TestRootDoesNotDependOnTheScaleOfVotesOrStake(t *testing.T) {
	a, _ := Root(5, []Ballot{vote(2, 1, 3), vote(3, 2, 2)}, 2, half)
	b, _ := Root(5_000, []Ballot{vote(2000, 100, 300), vote(3000, 7, 7)}, 2, half)
	if !slices.Equal(a, b) {
		t.Fatalf("%v and %v", a, b)
	}
}
