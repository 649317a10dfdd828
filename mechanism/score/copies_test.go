package score

import (
	"math"
	"testing"
)

// fleet puts identities of one model (the same answers) beside an honest miner, uid 0, and returns the pay of each.
func fleet(t *testing.T, identities, items int, trivial bool) (honest, model float64) {
	f, b := newField(5, 0), newBoard(t)
	for k := range items {
		right, answer := float64(count(k%10 < 8)), f.hash()
		results := []Result{{UID: 0, Registered: 5, Score: float64(count(k%9 < 5)), Answer: f.hash()}}
		for i := range identities {
			results = append(results, Result{UID: uint16(i + 1), Registered: uint64(10 + i), Score: right, Answer: answer, Trivial: trivial})
		}
		add(t, b, f, results...)
	}
	for uid, s := range byUID(b) {
		if uid == 0 {
			honest = s.Weight
		} else {
			model += s.Weight
		}
	}
	return honest, model
}

func TestManyIdentitiesOfOneModelEarnAsOne(t *testing.T) {
	honest, one := fleet(t, 1, 200, false)
	honestBesideMany, many := fleet(t, 20, 200, false)
	if share, alone := many/(many+honestBesideMany), one/(one+honest); share > 1.05*alone {
		t.Errorf("20 identities get %.3f of the pay, one gets %.3f", share, alone)
	}
}

func TestTrivialAnswersMakeNoCopies(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for range 150 {
		answer := f.hash()
		add(t, b, f, Result{UID: 0, Score: 1, Answer: answer, Trivial: true}, Result{UID: 1, Score: 1, Answer: answer, Trivial: true},
			Result{UID: 2, Score: 1}, Result{UID: 3, Score: 1})
	}
	for uid, s := range byUID(b) {
		if s.CopyOf >= 0 || s.Weight == 0 {
			t.Errorf("uid %d: %+v", uid, s)
		}
	}
}

func TestSeatIsHeldByTheEarliestThatIsPresent(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for range 150 {
		answer := f.hash()
		add(t, b, f, Result{UID: 1, Registered: 30, Score: 1, Answer: answer}, Result{UID: 2, Registered: 20, Score: 1, Answer: answer},
			Result{UID: 3, Registered: 20, Score: 1, Answer: answer}, Result{UID: 4, Registered: 1, Score: 1, Answer: f.hash()})
	}
	s := byUID(b)
	if s[1].CopyOf != 2 || s[3].CopyOf != 2 || s[2].CopyOf != -1 || s[4].CopyOf != -1 || s[1].Weight != 0 || s[2].Weight == 0 || s[1].Tier != s[2].Tier {
		t.Errorf("%+v", s)
	}
	for range b.Params().Gone {
		add(t, b, f, Result{UID: 2, Registered: 20, Failed: true})
	}
	if s := byUID(b); s[3].CopyOf != -1 || s[3].Weight == 0 || s[2].CopyOf != 3 || s[2].Weight != 0 {
		t.Errorf("the seat of a miner that is gone stays empty: %+v", s)
	}
}

func TestChanceLikenessMakesNoCopies(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for k := range 150 {
		answer := f.hash()
		other := answer
		if k%20 != 0 {
			other = f.hash()
		}
		add(t, b, f, Result{UID: 0, Score: 1, Answer: answer}, Result{UID: 1, Score: 1, Answer: other})
	}
	if s := byUID(b); s[1].CopyOf != -1 {
		t.Errorf("%+v", s[1])
	}
}

func TestLikenessFades(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for k := range 4 * b.Params().Window {
		answer := f.hash()
		other := answer
		if k >= b.Params().Window {
			other = f.hash()
		}
		add(t, b, f, Result{UID: 0, Score: 1, Answer: answer}, Result{UID: 1, Score: 1, Answer: other})
	}
	if s := byUID(b); s[1].CopyOf != -1 {
		t.Errorf("a miner that has long had its own model still counts as a copy: %+v", s[1])
	}
}

func TestTiesShareThePrizesOfTheirPlaces(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for k := range 200 {
		x := float64(count(k%10 < 8))
		add(t, b, f, Result{UID: 0, Score: x}, Result{UID: 1, Score: x}, Result{UID: 2, Score: float64(count(k%10 < 2))})
	}
	s := byUID(b)
	want := (1 + math.Pow(2, -1.5)) / 2 * s[0].Capability
	if math.Abs(s[0].Weight-want) > 1e-9 || s[0].Weight != s[1].Weight || s[2].Weight >= s[1].Weight {
		t.Errorf("weights %v %v %v, want %v", s[0].Weight, s[1].Weight, s[2].Weight, want)
	}
}
