package score

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fill gives each miner n answers, right for its share of the items: miner i is right on item k when k·7919 mod n < share·n.
func fill(t testing.TB, b *Board, f *field, n int, shares ...float64) {
	t.Helper()
	for k := range n {
		results := make([]Result, len(shares))
		for i, share := range shares {
			results[i] = Result{UID: uint16(i), Registered: uint64(10 + i), Said: f.said()}
			if float64(k*37%n) < share*float64(n) {
				results[i].Score = 1
			}
		}
		add(t, b, f, results...)
	}
}

func add(t testing.TB, b *Board, f *field, results ...Result) {
	t.Helper()
	b.Add(f.item(), results)
}

func TestWeightsFollowTheTiers(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	fill(t, b, f, 300, 0.2, 0.9, 0.55)
	uids, weights := b.Weights()
	if !slices.Equal(uids, []uint16{0, 1, 2}) || weights[1] != math.MaxUint16 || weights[2] <= weights[0] || weights[1] < 2*weights[2] {
		t.Errorf("weights %v of %v", weights, uids)
	}
	s := b.Standings()
	if s[0].UID != 1 || s[1].UID != 2 || s[2].UID != 0 || s[0].Tier != 0 || s[1].Tier != 1 || s[2].Tier != 2 {
		t.Errorf("standings %+v", s)
	}
}

func TestNobodyIsPaidBeforeEnoughItems(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	fill(t, b, f, DefaultParams().MinItems-1, 0.9, 0.5)
	if uids, weights := b.Weights(); len(uids) != 0 || len(weights) != 0 || b.Ready([]uint16{0, 1}) {
		t.Errorf("weights %v of %v", weights, uids)
	}
	fill(t, b, f, 1, 1, 1)
	if uids, _ := b.Weights(); len(uids) != 2 || !b.Ready([]uint16{0, 1}) || b.Ready([]uint16{0, 1, 2}) {
		t.Errorf("weights of %v", uids)
	}
}

func TestMinerThatWasNeverRightRanksLastAndEarnsNothing(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	fill(t, b, f, 200, 0.02, 0, 0.9)
	s := b.Standings()
	if last := s[2]; last.UID != 1 || last.Weight != 0 || last.Tier <= s[1].Tier || s[1].Weight == 0 {
		t.Errorf("standings %+v", s)
	}
}

func TestSkillCountsFromChance(t *testing.T) {
	p := DefaultParams()
	p.Chance = 0.5
	b, err := NewBoard(p)
	if err != nil {
		t.Fatal(err)
	}
	f := newField(1, 0)
	for k := range 200 {
		ripple := 0.02 * float64(k%3-1)
		add(t, b, f, Result{UID: 0, Score: 0.5}, Result{UID: 1, Score: 0.9 + ripple}, Result{UID: 2, Score: 0.4})
	}
	s := byUID(b)
	if s[0].Weight != 0 || s[2].Weight != 0 || s[1].Capability < 0.75 || s[1].Capability > 0.8 {
		t.Errorf("capabilities %v %v %v", s[0].Capability, s[1].Capability, s[2].Capability)
	}
}

func TestOfflineMinerLosesItsWeightWithinATempo(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	fill(t, b, f, 200, 0.9, 0.5)
	live := []uint16{0, 1}
	add(t, b, f, Result{UID: 0, Registered: 10, Failed: true}, Result{UID: 1, Registered: 11, Score: 1})
	if need := b.Need(live); !slices.Equal(need, []uint16{0}) {
		t.Errorf("a miner that failed is to be asked again, not %v", need)
	}
	for range b.Params().Gone - 1 {
		add(t, b, f, Result{UID: 0, Registered: 10, Failed: true})
	}
	if s := byUID(b)[0]; s.Weight != 0 || s.Service != 0 || s.Mean < 0.89 {
		t.Errorf("gone: %+v", s)
	}
	if need := b.Need(live); len(need) != 0 {
		t.Errorf("a miner that is gone is asked with the others only, not %v", need)
	}
	add(t, b, f, Result{UID: 0, Registered: 10, Score: 1, Said: f.said()})
	back := byUID(b)[0]
	if want := 1 - float64(b.Params().Gone)/float64(b.Params().Recent); math.Abs(back.Answered-want) > 1e-9 || back.Service != 1 || back.Weight == 0 {
		t.Errorf("back: %+v, want an answered share of %v", back, want)
	}
	for range b.Params().Recent {
		add(t, b, f, Result{UID: 0, Registered: 10, Score: 1, Said: f.said()})
	}
	if s := byUID(b)[0]; s.Answered != 1 {
		t.Errorf("an absence is never over: %+v", s)
	}
}

func TestSlowMinerEarnsLess(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	for range 150 {
		add(t, b, f,
			Result{UID: 0, Score: 1, Said: f.said(), Latency: time.Second},
			Result{UID: 1, Score: 1, Said: f.said(), Latency: 20 * time.Second},
			Result{UID: 2, Score: 1, Said: f.said(), Latency: 2 * time.Second})
	}
	s := byUID(b)
	if s[0].Service != 1 || s[2].Service != 1 || math.Abs(s[1].Service-8.0/20) > 0.01 || s[1].Weight >= s[0].Weight {
		t.Errorf("service %v %v %v", s[0].Service, s[1].Service, s[2].Service)
	}
}

func TestGateStopsPay(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	fill(t, b, f, 150, 0.9, 0.5)
	b.SetGate(0, 0)
	b.SetGate(9, 0)
	if s := byUID(b); s[0].Weight != 0 || s[1].Weight == 0 || s[1].Tier != 0 {
		t.Errorf("%+v", s)
	}
}

func TestNewOwnerStartsAfresh(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	fill(t, b, f, 150, 0.9, 0.5)
	add(t, b, f, Result{UID: 0, Registered: 99, Score: 1})
	if s := byUID(b)[0]; s.N != 1 || s.Asked != 1 || s.Ready || s.Weight != 0 {
		t.Errorf("%+v", s)
	}
	b.Forget(1)
	if uids := b.UIDs(); !slices.Equal(uids, []uint16{0}) {
		t.Errorf("uids %v", uids)
	}
}

func TestItemsCountOnce(t *testing.T) {
	b := newBoard(t)
	b.Add([32]byte{1}, []Result{{UID: 1, Score: 1}, {UID: 1, Score: 1}})
	b.Add([32]byte{1}, []Result{{UID: 1, Score: 1}, {UID: 2, Score: 1}})
	if s := byUID(b); s[1].N != 1 || s[1].Asked != 1 || s[2].N != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWindowForgetsTheOldest(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	for range 6 * b.Params().Window {
		add(t, b, f, Result{UID: 1, Score: 0.5})
	}
	if n := len(b.records[1].marks); n != b.Params().Window || len(b.byID) > 5*b.Params().Window+1 || len(b.byID) != len(b.items) {
		t.Errorf("%d answers and %d items kept", n, len(b.byID))
	}
}

func TestBadParamsAreNamed(t *testing.T) {
	for _, change := range []func(*Params){
		func(p *Params) { p.Window = 5000 },
		func(p *Params) { p.MinItems = 5 },
		func(p *Params) { p.Error = math.NaN() },
		func(p *Params) { p.Chance = 1 },
		func(p *Params) { p.Idle = 0 },
		func(p *Params) { p.Same = -1 },
		func(p *Params) { p.Copies = 1 },
		func(p *Params) { p.Gone = 0 },
	} {
		p := DefaultParams()
		change(&p)
		if _, err := NewBoard(p); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestBoundIsWilsonsForRightOrWrong(t *testing.T) {
	var tally Tally
	for i := range 263 {
		tally.Add(float64(count(i < 81)))
	}
	// Newcombe (1998), table I: 81 of 263, 95 %.
	if low, up := tally.Bound(1.959964); math.Abs(low-0.2553) > 5e-5 || math.Abs(up-0.3662) > 5e-5 {
		t.Errorf("%.4f to %.4f", low, up)
	}
	var none, right, wrong Tally
	for range 100 {
		right.Add(1)
		wrong.Add(0)
	}
	if low, up := none.Bound(2); low != 0 || up != 1 {
		t.Errorf("nothing known: %v to %v", low, up)
	}
	if low, up := right.Bound(2.3263); math.Abs(low-1/(1+2.3263*2.3263/100)) > 1e-9 || up != 1 {
		t.Errorf("always right: %v to %v", low, up)
	}
	if low, _ := wrong.Bound(2.3263); low != 0 {
		t.Errorf("never right: %v", low)
	}
}

func TestBoundCoversTheMeanOfGradedScores(t *testing.T) {
	below := 0
	const trials = 4000
	for seed := range uint64(trials) {
		f := newField(seed, 0)
		var tally Tally
		for range 100 {
			x := f.random.Float64()
			tally.Add(1 - x*x*x*x) // mean 0.8, skewed as scores of log probability are
		}
		if low, _ := tally.Bound(boundary(0.01, 1, 1)); low > 0.8 {
			below++
		}
	}
	if rate := float64(below) / trials; rate > 0.015 {
		t.Errorf("the bound misses the mean in %.4f of the samples", rate)
	}
}

func TestBoardSurvivesARestart(t *testing.T) {
	f, b := newField(1, 0), newBoard(t)
	fill(t, b, f, 200, 0.9, 0.5, 0.2)
	same := f.said()
	add(t, b, f, Result{UID: 0, Registered: 10, Said: same}, Result{UID: 1, Registered: 11, Said: same}, Result{UID: 2, Registered: 12, Failed: true})
	b.SetGate(2, 0.5)
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var form snapshot
	if err := json.Unmarshal(data, &form); err != nil {
		t.Fatal(err)
	}
	if whole, err := json.Marshal(form); err != nil || string(whole) != string(data) {
		t.Errorf("in pieces it is written otherwise than as a whole: %v\n%.300s\n%.300s", err, data, whole)
	}
	back, err := Restore(DefaultParams(), data)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Standings(), b.Standings()) {
		t.Error("the restored board ranks otherwise")
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(data) {
		t.Errorf("the restored board is written otherwise: %v", err)
	}
	var first [32]byte
	first[7] = 1
	before := byUID(back)[0].N
	if back.Add(first, []Result{{UID: 0, Registered: 10, Score: 1}}); byUID(back)[0].N != before {
		t.Error("a used item counts again")
	}
}

func TestDamagedBoardIsRefused(t *testing.T) {
	for name, data := range map[string]string{
		"not JSON":        `{`,
		"other version":   `{"version":4}`,
		"uid twice":       `{"version":1,"miners":[{"uid":1},{"uid":1}]}`,
		"score above 1":   `{"version":1,"next":9,"miners":[{"uid":1,"marks":[{"i":1,"s":2}]}]}`,
		"item of future":  `{"version":1,"next":9,"miners":[{"uid":1,"marks":[{"i":9,"s":1}]}]}`,
		"items unordered": `{"version":1,"next":9,"miners":[{"uid":1,"marks":[{"i":2,"s":1},{"i":2,"s":1}]}]}`,
		"below 0":         `{"version":1,"miners":[{"uid":1,"asked":-1}]}`,
		"bad item":        `{"version":1,"next":9,"used":{"ab":1}}`,
		"bad outcomes":    `{"version":2,"miners":[{"uid":1,"service":{"outcomes":"10x"}}]}`,
		"odd surplus":     `{"version":2,"items":[{"known":1,"surplus":2}]}`,
		"unknown twin":    `{"version":3,"miners":[{"uid":1}],"twins":[{"pair":[1,2]}]}`,
		"unknown miner":   `{"version":3,"items":[{"said":[{"UID":2}]}],"miners":[{"uid":1}]}`,
	} {
		if _, err := Restore(DefaultParams(), []byte(data)); !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"version":1,"next":9,"miners":[{"uid":1,"asked":5,"gate":1,"marks":[{"i":1,"s":0.5},{"i":3,"s":1}]},{"uid":2}],"twins":[{"pair":[1,2],"shared":3,"same":3}]}`))
	f.Add([]byte(`{"version":2,"first":7,"items":[{"id":[1],"known":1,"surplus":0.5}],"miners":[{"uid":1,"since":7,"asked":5,"gate":1,"service":{"outcomes":"101","latencies":[0.5]},"marks":[{"i":7,"s":0.5}]},{"uid":2}],"twins":[{"pair":[1,2],"shared":3,"same":3}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Restore(DefaultParams(), data)
		if err != nil {
			return
		}
		b.Need(b.UIDs())
		sound(t, b)
	})
}

// sound checks what must hold for every board whatever happened to it.
func sound(t interface{ Fatalf(string, ...any) }, b *Board) {
	best, sum := uint16(0), 0.0
	for _, s := range b.Standings() {
		for _, x := range []float64{s.Mean, s.Lower, s.Upper, s.Answered, s.Capability, s.Service, s.Gate} {
			if !(x >= 0 && x <= 1) {
				t.Fatalf("%+v", s)
			}
		}
		if s.Lower > s.Upper || s.Tier < 0 || !(s.Weight >= 0 && s.Weight < 3) || s.Weight > 0 && (s.CopyOf >= 0 || !s.Ready) {
			t.Fatalf("%+v", s)
		}
		sum += s.Weight
	}
	if sum > 2.6124 {
		t.Fatalf("weights sum to %v, more than all prizes", sum)
	}
	uids, weights := b.Weights()
	for i, w := range weights {
		best = max(best, w)
		if w == 0 || i > 0 && uids[i] <= uids[i-1] {
			t.Fatalf("%v %v", uids, weights)
		}
	}
	if len(uids) != len(weights) || len(uids) > 0 && best != math.MaxUint16 {
		t.Fatalf("%v %v", uids, weights)
	}
}

func TestAnyHistoryGivesSoundWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Params{MinItems: 10, Window: 40, Idle: 2, Error: 0.05, Copies: 2, Recent: 10, Gone: 3, Chance: rapid.SampledFrom([]float64{0, 0.5}).Draw(t, "chance")}
		b, err := NewBoard(p)
		if err != nil {
			t.Fatal(err)
		}
		scores := rapid.SampledFrom([]float64{0, 1, 0.5, 0.25, math.NaN(), math.Inf(1), -3, 1e-300})
		for k := range rapid.IntRange(0, 60).Draw(t, "items") {
			results := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Result {
				return Result{
					UID: uint16(rapid.IntRange(0, 5).Draw(t, "uid")), Registered: uint64(rapid.IntRange(0, 20).Draw(t, "since") / 20),
					Score: scores.Draw(t, "score"), Failed: rapid.IntRange(0, 9).Draw(t, "failed") == 0,
					Said:    Said{Text: uint64(rapid.IntRange(0, 3).Draw(t, "answer")), Telling: rapid.Bool().Draw(t, "telling")},
					Latency: time.Duration(rapid.Int64().Draw(t, "latency")),
				}
			}), 0, 6).Draw(t, "results")
			b.Add([32]byte{1, byte(k - k%3)}, results)
		}
		for _, uid := range b.Need([]uint16{0, 1, 2, 9}) {
			if uid != 0 && uid != 1 && uid != 2 && uid != 9 {
				t.Fatalf("needs %d, which is not live", uid)
			}
		}
		sound(t, b)
	})
}

// matrix draws right-or-wrong scores of a few miners on the same items.
func matrix(t *rapid.T) [][]float64 {
	miners, items := rapid.IntRange(2, 5).Draw(t, "miners"), rapid.IntRange(100, 160).Draw(t, "items")
	rows := make([][]float64, items)
	for k := range rows {
		rows[k] = rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1}), miners, miners).Draw(t, "row")
	}
	return rows
}

// play puts a matrix on a board, miner i under the uid names[i].
func play(t *rapid.T, rows [][]float64, names []uint16) map[uint16]Standing {
	b, err := NewBoard(DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	for k, row := range rows {
		results := make([]Result, len(row))
		for i, x := range row {
			results[i] = Result{UID: names[i], Score: x}
		}
		b.Add([32]byte{byte(k >> 8), byte(k), 1}, results)
	}
	return byUID(b)
}

func TestNamesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := matrix(t)
		names := rapid.Permutation([]uint16{0, 1, 2, 3, 4}).Draw(t, "names")
		plain, renamed := play(t, rows, []uint16{0, 1, 2, 3, 4}), play(t, rows, names)
		for i := range rows[0] {
			x, y := plain[uint16(i)], renamed[names[i]]
			// Equal means may be led by either name, so a miner beside such a pair may be held against the other.
			if x.Mean != y.Mean || x.Lower != y.Lower {
				t.Fatalf("%+v as %d, %+v as %d", x, i, y, names[i])
			}
			if distinctMeans(plain) && (x.Tier != y.Tier || math.Abs(x.Weight-y.Weight) > 1e-12) {
				t.Fatalf("%+v as %d, %+v as %d", x, i, y, names[i])
			}
		}
	})
}

func distinctMeans(s map[uint16]Standing) bool {
	seen := map[float64]bool{}
	for _, x := range s {
		if seen[x.Mean] {
			return false
		}
		seen[x.Mean] = true
	}
	return true
}

// It may earn less all the same, where many share its tier's prize.
func TestMinerThatIsRightWhereverAnotherIsRanksNoLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := matrix(t)
		for _, row := range rows {
			row[0] = math.Max(row[0], row[1])
		}
		if s := play(t, rows, []uint16{0, 1, 2, 3, 4}); s[0].N == len(rows) && s[1].N == len(rows) && (s[0].Tier > s[1].Tier || s[0].Tier == s[1].Tier && s[0].Weight < s[1].Weight) {
			t.Fatalf("%+v below %+v", s[0], s[1])
		}
	})
}

// What the version before wrote is read: records go on, likenesses are found anew.
func TestBoardOfTheVersionBeforeIsRead(t *testing.T) {
	old := `{"version":1,"next":3,"miners":[
		{"uid":1,"registered":7,"asked":3,"gate":1,"service":{"Answered":9,"Failed":1,"Streak":2,"Latency":0.25},"marks":[{"i":0,"s":1},{"i":2,"s":0,"e":0.1}]},
		{"uid":4,"registered":8,"asked":1,"gate":0,"service":{"Answered":0,"Failed":0,"Streak":0,"Latency":0},"marks":[]}],
		"used":{"0100000000000000000000000000000000000000000000000000000000000000":0,"0200000000000000000000000000000000000000000000000000000000000000":2},
		"twins":[{"pair":[1,4],"shared":4,"same":4}]}`
	b, err := Restore(DefaultParams(), []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	s := byUID(b)
	if s[1].N != 2 || s[1].Mean != 0.5 || s[1].Registered != 7 || s[1].Asked != 3 || math.Abs(s[1].Answered-0.9) > 1e-9 || s[4].Gate != 0 || s[4].Answered != 1 {
		t.Errorf("%+v", s)
	}
	if b.Add([32]byte{2}, []Result{{UID: 1, Registered: 7, Score: 1}}); byUID(b)[1].N != 2 {
		t.Error("an item that was answered counts again")
	}
	if b.Add([32]byte{3}, []Result{{UID: 1, Registered: 7, Score: 1}}); byUID(b)[1].N != 3 || b.Items() != 4 {
		t.Errorf("a new item does not count: %+v of %d items", byUID(b)[1], b.Items())
	}
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Restore(DefaultParams(), data); err != nil || !slices.Equal(again.Standings(), b.Standings()) {
		t.Errorf("written and read again it is another: %v", err)
	}
}

func TestFunctionsAgreeWithTheLibrary(t *testing.T) {
	for k := range 2000 {
		x := math.Exp(float64(k-1000) / 40)
		if got, want := ln(x), math.Log(x); math.Abs(got-want) > 1e-14*math.Max(1, math.Abs(want)) {
			t.Fatalf("ln %v = %v, want %v", x, got, want)
		}
		y := float64(k-1000) / 20
		if got, want := exp(y), math.Exp(y); math.Abs(got-want) > 1e-13*want {
			t.Fatalf("exp %v = %v, want %v", y, got, want)
		}
		z := float64(k) / 300
		if got, want := upperTail(z), math.Erfc(z/math.Sqrt2)/2; math.Abs(got-want) > 1e-12 {
			t.Fatalf("Q(%v) = %v, want %v", z, got, want)
		}
	}
}
