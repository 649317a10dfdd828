package score

import (
	"math"
	"testing"
)

// fleet puts identities of one model (the same answers) beside an honest miner, uid 0, and returns the pay of each.
func fleet(t *testing.T, identities, items int) (honest, model float64) {
	f, b := newField(5, 0), newBoard(t)
	for k := range items {
		right, answer := float64(count(k%10 < 8)), f.said()
		results := []Result{{UID: 0, Registered: 5, Score: float64(count(k%9 < 5)), Said: f.said()}}
		for i := range identities {
			results = append(results, Result{UID: uint16(i + 1), Registered: uint64(10 + i), Score: right, Said: answer})
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
	honest, one := fleet(t, 1, 200)
	honestBesideMany, many := fleet(t, 20, 200)
	if share, alone := many/(many+honestBesideMany), one/(one+honest); share > 1.05*alone {
		t.Errorf("20 identities get %.3f of the pay, one gets %.3f", share, alone)
	}
}

func TestShortRightAnswersMakeNoCopies(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for range 400 {
		answer := Said{Text: f.random.Uint64()}
		add(t, b, f, Result{UID: 0, Score: 1, Said: answer}, Result{UID: 1, Score: 1, Said: answer},
			Result{UID: 2, Score: 1}, Result{UID: 3, Score: 1})
	}
	for uid, s := range byUID(b) {
		if s.CopyOf >= 0 || s.Weight == 0 {
			t.Errorf("uid %d: %+v", uid, s)
		}
	}
}

// pair answers items by short texts: both miners say the same where both are right, and where both are wrong in a given share of
// the cases, else each something of its own; now and then both say what they often say.
func pair(t *testing.T, items int, accuracy, alike float64) map[uint16]Standing {
	f, b := newField(9, 0), newBoard(t)
	for range items {
		right := Said{Text: f.random.Uint64() | 1}
		first := Result{UID: 0, Registered: 1, Said: right, Score: 1}
		if f.random.Float64() >= accuracy {
			first.Score, first.Said = 0, Said{Text: f.random.Uint64() | 1}
		}
		second := first
		if second.UID, second.Registered = 1, 2; f.random.Float64() >= alike {
			second.Score, second.Said = 1, right
			if f.random.Float64() >= accuracy {
				second.Score, second.Said = 0, Said{Text: f.random.Uint64() | 1}
			}
		}
		if f.random.Float64() < 0.2 { // a kind of question that neither knows
			first.Score, second.Score, first.Said, second.Said = 0, 0, Said{Text: 77}, Said{Text: 77}
		}
		add(t, b, f, first, second)
	}
	return byUID(b)
}

func TestCopiesAreFoundByTheErrorsInManyShortAnswers(t *testing.T) {
	if s := pair(t, 90, 0.9, 1); s[1].CopyOf != -1 {
		t.Errorf("after 90 items: %+v", s[1])
	}
	if s := pair(t, 250, 0.9, 1); s[1].CopyOf != 0 || s[1].Weight != 0 {
		t.Errorf("an exact copy after 250 items: %+v", s[1])
	}
	for _, alike := range []float64{0, 0.3, 0.7} {
		if s := pair(t, 1000, 0.9, alike); s[1].CopyOf != -1 {
			t.Errorf("models that share %v of their errors count as copies", alike)
		}
	}
}

func declaring(p ...int32) Said {
	var s Said
	for i, l := range p {
		s.Levels = append(s.Levels, Level{uint32(i), l})
	}
	return s
}

func TestDeclaredProbabilitiesAreComparedWithTolerance(t *testing.T) {
	base := declaring(-500, -1200, -3000, -9000)
	for name, c := range map[string]struct {
		other Said
		alike bool
	}{
		"the same":             {base, true},
		"a hair beside":        {declaring(-501, -1199, -3002, -9000), true},
		"unlikely ones differ": {declaring(-500, -1200, -3000, -6000), true},
		"a likely one differs": {declaring(-560, -1200, -3000, -9000), false},
		"a likely one is new":  {declaring(-500, -1200, -3000, -1500), false},
		"one is missing":       {declaring(-500, -1200), false},
		"none are declared":    {Said{Text: 5, Telling: true}, false},
	} {
		if base.alike(c.other) != c.alike || c.other.alike(base) != c.alike {
			t.Errorf("%s: alike %v", name, !c.alike)
		}
	}
	if !base.telling() || declaring(-20, -5000).telling() {
		t.Error("an easy place tells who answers, or a hard one does not")
	}
}

// A thief registers first, answers rubbish, and passes on another's answers once that one serves.
func TestSeatBelongsToTheRecordThatBeganFirst(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for range 60 {
		add(t, b, f, Result{UID: 1, Registered: 1, Score: 0, Said: f.said()})
	}
	for k := range 200 {
		answer, right := f.said(), float64(count(k%10 < 8))
		results := []Result{{UID: 2, Registered: 9, Score: right, Said: answer}}
		if k > 3 {
			results = append(results, Result{UID: 1, Registered: 1, Score: right, Said: answer})
		}
		add(t, b, f, results...)
	}
	if s := byUID(b); s[1].CopyOf != 2 || s[1].Weight != 0 || s[2].CopyOf != -1 || s[2].Weight == 0 {
		t.Errorf("thief %+v, owner %+v", s[1], s[2])
	}
}

func TestSeatIsHeldByTheEarliestThatIsPresent(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for range 150 {
		answer := f.said()
		add(t, b, f, Result{UID: 1, Registered: 30, Score: 1, Said: answer}, Result{UID: 2, Registered: 20, Score: 1, Said: answer},
			Result{UID: 3, Registered: 20, Score: 1, Said: answer}, Result{UID: 4, Registered: 1, Score: 1, Said: f.said()})
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
		answer := f.said()
		other := answer
		if k%20 != 0 {
			other = f.said()
		}
		add(t, b, f, Result{UID: 0, Score: 1, Said: answer}, Result{UID: 1, Score: 1, Said: other})
	}
	if s := byUID(b); s[1].CopyOf != -1 {
		t.Errorf("%+v", s[1])
	}
}

func TestLikenessFades(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for k := range 4 * b.Params().Window {
		answer := f.said()
		other := answer
		if k >= b.Params().Window {
			other = f.said()
		}
		add(t, b, f, Result{UID: 0, Score: 1, Said: answer}, Result{UID: 1, Score: 1, Said: other})
	}
	if s := byUID(b); s[1].CopyOf != -1 {
		t.Errorf("a miner that has long had its own model still counts as a copy: %+v", s[1])
	}
}

func TestTiesShareOnePrize(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	for k := range 200 {
		x := float64(count(k%10 < 8))
		add(t, b, f, Result{UID: 0, Score: x}, Result{UID: 1, Score: x}, Result{UID: 2, Score: float64(count(k%10 < 2))})
	}
	s := byUID(b)
	if want := s[0].Capability / 2; math.Abs(s[0].Weight-want) > 1e-9 || s[0].Weight != s[1].Weight || math.Abs(s[2].Weight-math.Pow(2, -1.5)*s[2].Capability) > 1e-9 {
		t.Errorf("weights %v %v %v, want %v", s[0].Weight, s[1].Weight, s[2].Weight, want)
	}
}

// keys lets one of six models, each ten points below the one before, answer under k identities, every one with bytes of its own;
// it returns the model's pay of all pay, settled, the mean of some runs.
func keys(t *testing.T, rung, k int) (share float64) {
	t.Helper()
	runs := uint64(200 / (1 + k)) // one key is asked little, and its share is the noisier for it
	for seed := range runs {
		accuracies := []float64{.9, .8, .7, .6, .5, .4}
		for range k - 1 {
			accuracies = append(accuracies, accuracies[rung])
		}
		f, b := newField(seed, .7, accuracies...), newBoard(t)
		f.settle(t, b, 3000)
		all, own := 0.0, 0.0
		for uid, s := range byUID(b) {
			all += s.Weight
			if int(uid) == rung || int(uid) >= 6 {
				own += s.Weight
			}
		}
		share += own / all / float64(runs)
	}
	return share
}

func TestManyKeysOfOneModelEarnAsOne(t *testing.T) {
	for _, rung := range []int{0, 2} {
		alone := keys(t, rung, 1)
		for _, k := range []int{5, 20} {
			many := keys(t, rung, k)
			t.Logf("rung %d: %d keys earn %.3f of all pay, one earns %.3f: times %.3f", rung, k, many, alone, many/alone)
			if many > 1.05*alone {
				t.Errorf("rung %d: %d keys earn %.3f, one earns %.3f", rung, k, many, alone)
			}
		}
	}
}

// A miner that answers what it knows, seven in ten, and declines the rest stands beside one that is right on seven in ten.
func TestDeclinerRanksByWhatItAnswers(t *testing.T) {
	const runs = 20
	apart, weight, honest := 0, 0.0, 0.0
	for seed := range uint64(runs) {
		f, b := newField(seed, 0, .9, .7, .5), newBoard(t)
		live := []uint16{0, 1, 2, 3}
		for range 3000 {
			need := b.Need(live)
			if len(need) == 0 {
				break
			}
			var results []Result
			for _, uid := range need {
				r := Result{UID: uid, Said: f.said(), Score: 1}
				switch {
				case uid == 3:
					r.Failed = f.random.Float64() >= .7
				case f.random.NormFloat64() >= f.quantiles[uid]:
					r.Score = 0
				}
				results = append(results, r)
			}
			add(t, b, f, results...)
		}
		s := byUID(b)
		apart += count(s[3].Tier != s[1].Tier)
		weight, honest = weight+s[3].Weight/runs, honest+s[1].Weight/runs
		if s[3].Tier <= s[0].Tier || s[3].Tier >= s[2].Tier {
			t.Errorf("seed %d: the decliner stands in tier %d, .9 in %d, .7 in %d, .5 in %d", seed, s[3].Tier, s[0].Tier, s[1].Tier, s[2].Tier)
		}
	}
	t.Logf("a decliner of .70 has weight %.3f, an honest miner of .70 beside it %.3f; apart in %d of %d runs", weight, honest, apart, runs)
	if weight > 1.1*honest {
		t.Errorf("declining pays: %.3f against %.3f", weight, honest)
	}
}

// bare puts a miner that declares its probabilities beside one that gives a text alone: the other's where copied says so, else
// that of a model that is right as often. Of two wrong texts of honest models three in four are the same.
func bare(t *testing.T, items int, copied bool) Standing {
	f, b := newField(11, 0), newBoard(t)
	for range items {
		right, wrong := Said{Text: 2*f.random.Uint64() | 1}, Said{Text: f.random.Uint64() | 1}
		first := Result{UID: 0, Registered: 1, Score: 0.9, Said: right}
		if f.random.Float64() < 0.2 {
			first.Score, first.Said = 0.4, wrong
		}
		second := Result{UID: 1, Registered: 2, Score: float64(count(first.Said.Text == right.Text)), Said: first.Said}
		if !copied && f.random.Float64() < 0.25 && second.Score == 0 {
			second.Said = Said{Text: f.random.Uint64() | 1}
		}
		first.Said.Levels = declaring(-300-int32(f.random.Uint64()%500), -1800).Levels
		add(t, b, f, first, second)
	}
	return byUID(b)[1]
}

func TestLeavingTheDeclarationOutHidesNoCopy(t *testing.T) {
	if s := bare(t, 300, true); s.CopyOf != 0 || s.Weight != 0 {
		t.Errorf("a copy without probabilities: %+v", s)
	}
	if s := bare(t, 1000, false); s.CopyOf != -1 {
		t.Errorf("another model: %+v", s)
	}
}

// Answers to an item come in one by one: one miner may be gone, or another under its uid, before the next has answered.
func TestNobodyIsLikenedToWhatAMinerSaidThatIsGone(t *testing.T) {
	for name, leave := range map[string]func(*Board){
		"pruned":    func(b *Board) { b.Forget(1) },
		"succeeded": func(b *Board) { b.Add([32]byte{0: 1}, []Result{{UID: 1, Registered: 99, Score: 1}}) },
	} {
		f, b := newField(5, 0), newBoard(t)
		fill(t, b, f, 120, 0.5, 0.9, 0.7)
		ids := make([][32]byte, 5)
		answers := make([]Result, len(ids))
		for i := range ids {
			ids[i], answers[i] = f.item(), Result{UID: 1, Registered: 11, Said: Said{Text: f.random.Uint64(), Telling: true}}
			b.Add(ids[i], answers[i:i+1])
		}
		leave(b)
		for i, id := range ids {
			b.Add(id, []Result{{UID: 2, Registered: 12, Said: answers[i].Said}})
		}
		for uid, s := range byUID(b) {
			if s.CopyOf >= 0 {
				t.Errorf("%s: uid %d counts as a copy of %d", name, uid, s.CopyOf)
			}
		}
		data, err := b.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(DefaultParams(), data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A snapshot of version 2 may hold what miners said that were forgotten.
func TestWhatIsSavedOfForgottenMinersIsDropped(t *testing.T) {
	b, err := Restore(DefaultParams(), []byte(`{"version":2,"items":[{"id":[1],"said":[{"UID":1,"Score":1,"t":5},{"UID":2,"Score":1,"t":5}]}],"miners":[{"uid":1}],"twins":[{"pair":[1,2],"shared":3,"same":3}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.twins) > 0 || len(b.said[0]) != 1 {
		t.Errorf("%v %v", b.twins, b.said)
	}
}

func TestOnlyTheLatestAnswersAreKept(t *testing.T) {
	f, b := newField(5, 0), newBoard(t)
	first := f.item()
	b.Add(first, []Result{{UID: 0, Score: 1, Said: f.said()}})
	for range 2 * keptAnswers {
		b.Add(f.item(), []Result{{UID: 0, Score: 1, Said: f.said()}})
	}
	b.Add(first, []Result{{UID: 1, Score: 1, Said: f.said()}})
	if len(b.said) > keptAnswers {
		t.Errorf("what %d items were answered is kept, want %d", len(b.said), keptAnswers)
	}
}
