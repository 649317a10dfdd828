package frontier

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBetterModelTakesThePlace(t *testing.T) {
	f := newField(1)
	f.publish("old", 1000, mind{capability: 0.6})
	f.run(t, 20, 8)
	f.publish("new", 1000, mind{capability: 0.85})
	f.run(t, 4, 8)
	if got := f.places(); !slices.Equal(got, []string{"old"}) {
		t.Fatalf("with 32 items: %v", got)
	}
	f.run(t, 40, 8)
	if got := f.places(); !slices.Equal(got, []string{"new"}) {
		t.Errorf("%v", got)
	}
}

func TestSmallerModelsHavePlacesOfTheirOwn(t *testing.T) {
	f := newField(2)
	f.publish("large", 160_000, mind{capability: 0.9})
	f.publish("middle", 60_000, mind{capability: 0.7})
	f.publish("small", 40_000, mind{capability: 0.6})
	f.publish("tiny", 9_000, mind{capability: 0.3})
	f.publish("huge", 700_000, mind{capability: 0.8})
	f.run(t, 200, 8)
	if got := f.places(); !slices.Equal(got, []string{"large", "small", "tiny"}) {
		t.Fatalf("%v", got)
	}
	for _, s := range f.board.Places(f.number, all) {
		want := Placed
		switch f.nameOf(s.Model.Digest) {
		case "middle":
			want = Dominated
		case "huge":
			want = Outsized
		}
		if s.Why != want {
			t.Errorf("%s: %s, want %s", f.nameOf(s.Model.Digest), s.Why, want)
		}
	}
}

func TestQuarterOfTheSizeWithinTheMarginTakesThePlace(t *testing.T) {
	f := newField(3)
	f.publish("big", 4000, mind{capability: 0.8})
	f.run(t, 10, 8)
	f.publish("quarter", 1000, mind{capability: 0.8, of: digestOf("big")})
	f.run(t, 100, 8)
	if got := f.places(); len(got) != 2 || got[0] != "big" {
		t.Fatalf("before it is sure: %v", got)
	}
	f.run(t, 200, 8)
	if got := f.places(); !slices.Equal(got, []string{"quarter"}) {
		t.Errorf("%v", got)
	}
}

// Two equal models, looked at after each tempo for ever: the later passes the earlier with a chance of at most 0.001.
func TestEqualModelsAreNotToldApart(t *testing.T) {
	wrong, runs := 0, 400
	for seed := range uint64(runs) {
		random := rand.New(rand.NewPCG(seed, 1))
		var l lead
		for range 4000 {
			a, b := Score(0), Score(0)
			if random.Float64() < 0.52 {
				a = Whole
			}
			if random.Float64() < 0.5 {
				b = Whole
			}
			if l.add(a, b); l.n >= 32 && l.surely(20_000) {
				wrong++
				break
			}
		}
	}
	if wrong > 3 { // 0.4 are expected at most
		t.Errorf("%d of %d", wrong, runs)
	}
}

// The left side of surely grows as the margin falls, so that a falling margin adds no error.
func TestFallingMarginOnlyHelps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		p, q := random.Float64(), random.Float64()
		var l lead
		for range rapid.IntRange(32, 400).Draw(t, "n") {
			l.add(Score(float64(Whole)*p*random.Float64()), Score(float64(Whole)*q*random.Float64()))
		}
		high := rapid.Int64Range(-maxMargin, maxMargin).Draw(t, "high")
		low := rapid.Int64Range(-maxMargin, high).Draw(t, "low")
		if l.surely(high) && !l.surely(low) {
			t.Fatalf("%+v leads by %d but not by %d", l, high, low)
		}
	})
}

func TestHowManyItemsALeadNeeds(t *testing.T) {
	for _, c := range []struct {
		gap  float64
		most int
	}{{0.25, 260}, {0.1, 1500}, {0.05, 14_000}} {
		slow := 0
		for seed := range uint64(20) {
			random := rand.New(rand.NewPCG(seed, 3))
			var l lead
			for l.n < int64(c.most) && !(l.n >= 32 && l.surely(20_000)) {
				a, b := Score(0), Score(0)
				x := random.Float64()
				if x < 0.6+c.gap {
					a = Whole
				}
				if random.Float64() < 0.5 {
					x = random.Float64()
				}
				if x < 0.6 {
					b = Whole
				}
				l.add(a, b)
			}
			if l.n == int64(c.most) {
				slow++
			}
		}
		if slow > 2 {
			t.Errorf("a lead of %.2f is not seen in %d items in %d of 20 runs", c.gap, c.most, slow)
		}
	}
}

func TestMarginFallsToHalfAPoint(t *testing.T) {
	for first, ages := range map[int64]map[int64]int64{
		20_000:  {-5: 20_000, 0: 20_000, 648_000: 12_500, 1_296_000: 5_000, 1 << 50: 5_000},
		100_000: {0: 100_000, 648_000: 52_500, 1_296_000: 5_000},
		5_000:   {0: 5_000, 648_000: 5_000, 1_296_000: 5_000},
		1_000:   {0: 1_000, 1_296_000: 1_000},
	} {
		r := DefaultRules()
		r.Margin = first
		for age, want := range ages {
			if got := r.margin(100, 100+age); got != want {
				t.Errorf("of %d at age %d: %d, want %d", first, age, got, want)
			}
		}
	}
}

// A board whose margin is changed, there and back too, agrees with one that had it from the start.
func TestAnAdoptedMarginHoldsFromTheStart(t *testing.T) {
	f := newField(21)
	f.publish("a", 1000, mind{capability: 0.8})
	f.publish("b", 1100, mind{capability: 0.86})
	f.run(t, 800, 8)
	narrow := f.places()
	wide := DefaultRules()
	wide.Margin = maxMargin
	f.board.Adopt(wide)
	if got := f.places(); reflect.DeepEqual(got, narrow) {
		t.Errorf("a lead of six points passes margins of two and of ten: %v", got)
	}
	other := NewBoard(wide)
	for _, r := range f.board.models {
		other.Admit(r.Model)
		for i, tempo := range r.tempos {
			if err := other.Count(r.Digest, tempo.number, tempo.height, r.scored(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if x, y := f.board.Places(f.number, all), other.Places(f.number, all); !reflect.DeepEqual(x, y) {
		t.Errorf("%v, from the start %v", x, y)
	}
	f.board.Adopt(DefaultRules())
	if got := f.places(); !reflect.DeepEqual(got, narrow) {
		t.Errorf("%v, before %v", got, narrow)
	}
}

func TestPrizeFallsWithThePlace(t *testing.T) {
	for d := 1; d <= 1024; d++ {
		want := math.Pow(float64(d), -1.5) * float64(Whole) * (1 << 32)
		if got := float64(Prize(d, Whole)); math.Abs(got/want-1) > 1e-4 {
			t.Fatalf("place %d: %g, want %g", d, got, want)
		}
	}
	if Prize(0, Whole) != 0 || Prize(1, 0) != 0 || Prize(1, 2*Whole) != Prize(1, Whole) {
		t.Error("prizes at the ends")
	}
}

func TestServersSharePlaceByWork(t *testing.T) {
	f := newField(4)
	f.publish("a", 1000, mind{capability: 0.8})
	f.publish("copy", 1000, mind{capability: 0.8, of: digestOf("a")})
	f.publish("worse", 1000, mind{capability: 0.4})
	f.run(t, 50, 8)
	a, c, w := digestOf("a"), digestOf("copy"), digestOf("worse")
	servers := []Server{
		{UID: 1, Model: a, Capacity: 30, Service: 65535, Gate: 65535},
		{UID: 2, Model: a, Capacity: 10, Service: 65535, Gate: 65535},
		{UID: 3, Model: a, Capacity: 10, Service: 65535, Gate: 0},
		{UID: 4, Model: c, Capacity: 30, Service: 65535, Gate: 65535},
		{UID: 5, Model: w, Capacity: 30, Service: 32768, Gate: 65535},
		{UID: 6, Model: [32]byte{9}, Capacity: 30, Service: 65535, Gate: 65535},
	}
	got := map[uint16]uint16{}
	for _, p := range f.board.Pay(f.number, f.board.Places(f.number, all), servers) {
		got[p.UID] = p.Weight
	}
	want := map[uint16]uint16{1: 65535, 2: 21845, 4: 26214, 5: 13107} // copies count ½·0.8
	for uid, weight := range want {
		if math.Abs(float64(got[uid])-float64(weight)) > 1 {
			t.Errorf("uid %d has %d, want %d", uid, got[uid], weight)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
}

func TestModelThatIsNeverRightEarnsNothing(t *testing.T) {
	f := newField(5)
	f.publish("null", 1000, mind{})
	f.run(t, 10, 8)
	if got := f.places(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestContradictingResultsAreRefused(t *testing.T) {
	b := NewBoard(DefaultRules())
	d := digestOf("a")
	b.Admit(Model{Digest: d, Published: 100})
	if err := errors.Join(b.Count(d, 5, 99, []Score{1}), b.Count(digestOf("b"), 5, 100, []Score{1}), b.Count(d, 6, 100, nil)); err != nil {
		t.Fatal(err)
	}
	if b.Has(d, 5) || b.Has(digestOf("b"), 5) || b.Has(d, 6) {
		t.Error("something counted that does not count")
	}
	if err := errors.Join(b.Count(d, 7, 200, []Score{1, 2}), b.Count(d, 7, 200, []Score{1, 2})); err != nil {
		t.Fatal(err)
	}
	if err := b.Count(d, 7, 200, []Score{2, 2}); !errors.Is(err, ErrResults) {
		t.Error(err)
	}
}

// What a program thinks does not depend on when results came, in which order, or how often it looked.
func TestTwoProgramsThatKnowTheSameAgree(t *testing.T) {
	for seed := range uint64(8) {
		f := newField(seed)
		random := rand.New(rand.NewPCG(seed, 4))
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			f.publish(name, uint64(1000+random.IntN(20_000)), mind{capability: 0.3 + 0.6*random.Float64()})
			f.run(t, random.IntN(12), 8)
			f.board.Places(f.number, all) // this one looks often
		}
		f.run(t, 30, 8)
		other := shuffled(t, f.board, random)
		number := f.number - uint64(random.IntN(20))
		if x, y := f.board.Places(number, all), other.Places(number, all); !reflect.DeepEqual(x, y) {
			t.Fatalf("seed %d, an earlier tempo:\n%v\n%v", seed, x, y)
		}
		if x, y := f.board.Places(f.number, all), other.Places(f.number, all); !reflect.DeepEqual(x, y) {
			t.Fatalf("seed %d:\n%v\n%v", seed, x, y)
		}
	}
}

// shuffled is a board that learns the same in another order, looking in between.
func shuffled(t *testing.T, b *Board, random *rand.Rand) *Board {
	t.Helper()
	other := NewBoard(b.Rules())
	models := b.Models()
	random.Shuffle(len(models), func(i, j int) { models[i], models[j] = models[j], models[i] })
	type fact struct {
		digest [32]byte
		tempo  tempo
		scores []Score
	}
	var facts []fact
	for _, m := range models {
		other.Admit(m)
		r := b.byName[m.Digest]
		for i, x := range r.tempos {
			facts = append(facts, fact{m.Digest, x, r.scored(i)})
		}
	}
	random.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	for i, x := range facts {
		if err := other.Count(x.digest, x.tempo.number, x.tempo.height, x.scores); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			other.Places(x.tempo.number, all)
		}
	}
	return other
}

func FuzzBoard(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 200, 201, 255, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		b := NewBoard(Rules{Ready: 1, Margin: int64(len(data)) * 1000})
		var servers []Server
		for i := 0; i+4 <= len(data); i += 4 {
			d := [32]byte{data[i] % 8}
			b.Admit(Model{Digest: d, Height: int64(data[i+1]), Parameters: uint64(data[i+2]) << (data[i+1] % 60), Bytes: uint64(data[i+3]), Share: uint32(data[i+1]) * 10_000})
			scores := []Score{Score(data[i+2]) * 5000, Score(data[i+3]) * 5000}
			_ = b.Count(d, uint64(data[i+1]%16), 300, scores) // a contradiction is refused
			servers = append(servers, Server{UID: uint16(i), Model: d, Capacity: uint64(data[i+3]) << (data[i+2] % 60), Service: uint16(data[i]) << 8, Gate: 65535})
		}
		standings := b.Places(9, all)
		sound(t, b, standings)
		parts := b.Pay(9, standings, servers)
		for _, p := range parts {
			if p.Place < 1 {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// sound checks what holds of any list.
func sound(t *testing.T, b *Board, standings []Standing) {
	t.Helper()
	if len(standings) != len(b.models) {
		t.Fatalf("%d of %d models stand somewhere", len(standings), len(b.models))
	}
	var holders []Standing
	for _, s := range standings {
		if (s.Place > 0) != (s.Why == Placed) || (s.Prize > 0) != (s.Place > 0) {
			t.Fatalf("%+v", s)
		}
		if s.Place == 0 {
			continue
		}
		for _, h := range holders {
			if h.Model.size() < 4*s.Model.size() {
				t.Fatalf("%+v has a place beside %+v", s.Model, h.Model)
			}
		}
		if holders = append(holders, s); s.Place != len(holders) {
			t.Fatalf("place %d after %d", s.Place, len(holders)-1)
		}
	}
}
