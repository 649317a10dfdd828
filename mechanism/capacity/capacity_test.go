package capacity

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func hashOf(height int64) []byte {
	h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(height)))
	return h[:]
}

// moments are those of a chain that a watcher sees who begins at a block.
func moments(hash func(int64) []byte, from, to int64) (list []int64) {
	var s Scan
	for h := from; h < to; h++ {
		if s.Block(h, hash(h)) {
			list = append(list, h)
		}
	}
	return list
}

func TestMomentsKeepApartAndEndEightZeros(t *testing.T) {
	list := moments(hashOf, 1, 200_000)
	for i, m := range list {
		for back := range int64(Zeros) {
			if hash := hashOf(m - back); hash[31]&1 != 0 {
				t.Fatalf("block %d before moment %d ends in a 1", back, m)
			}
		}
		if i > 0 && m-list[i-1] < Rest {
			t.Fatalf("moments %d and %d are too near", list[i-1], m)
		}
	}
	if gap := 200_000 / len(list); gap < 600 || gap > 780 { // 510 blocks for eight zeros, and the rest
		t.Errorf("a moment in %d blocks", gap)
	}
}

// Whoever begins to watch later sees the same moments, but for the first.
func TestWhoComesLaterSeesTheSameMoments(t *testing.T) {
	whole := moments(hashOf, 1, 16_000)
	for from := int64(2); from < 4_000; from += 97 {
		late := moments(hashOf, from, 16_000)
		if len(late) < 10 {
			t.Fatalf("from block %d only %d moments are seen", from, len(late))
		}
		for _, m := range late {
			if !slices.Contains(whole, m) {
				t.Fatalf("from block %d block %d is a moment, from the first it is not", from, m)
			}
		}
	}
}

func TestAGapBeginsAnew(t *testing.T) {
	zero := func(int64) []byte { return make([]byte, 32) }
	if list := moments(zero, 1, 10_000); list != nil {
		t.Errorf("nobody can know which of these is one: %v", list)
	}
	var s Scan
	for h := int64(1); h < 1000; h++ {
		s.Block(h, []byte{1})
	}
	for h := int64(1000); h < 1007; h++ {
		if s.Block(h, zero(h)) {
			t.Fatalf("%d zeros are a moment", h-999)
		}
	}
	before := s
	if !s.Block(1007, zero(1007)) {
		t.Error("eight zeros are none")
	}
	if before.Block(1008, zero(1008)) || before.Block(1007, nil) {
		t.Error("a moment after a gap")
	}
}

func TestShortTemposHaveOneMoment(t *testing.T) {
	seen := map[int64]bool{}
	for i := range 100 {
		m := Drawn(sha256.Sum256([]byte{byte(i)}), 50, 10)
		if m < 52 || m >= 54 {
			t.Fatalf("moment %d of a tempo from 50 to 59", m)
		}
		seen[m] = true
	}
	if len(seen) != 2 || Drawn([32]byte{}, 7, 1) != 7 {
		t.Error("moments are not drawn from the second quarter")
	}
}

func TestABurstIsDividedByStake(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		stakes := make([]uint64, 1+r.IntN(64))
		for i := range stakes {
			stakes[i] = uint64(1 / (1e-12 + r.Float64())) // Pareto
		}
		size := Size(r.IntN(400))
		counts := Divide(size, stakes, [32]byte{byte(r.Uint32())}, r.Uint32())
		sum, all := 0, uint64(0)
		for i := range stakes {
			sum, all = sum+counts[i], all+stakes[i]
		}
		if sum != size {
			t.Fatalf("%d requests are sent of %d", sum, size)
		}
		for i, n := range counts {
			if whole := mulDiv(uint64(size), stakes[i], all); uint64(n) != whole && uint64(n) != whole+1 {
				t.Fatalf("a voice with %d of %d sends %d of %d", stakes[i], all, n, size)
			}
		}
	}
	if n := Divide(16, []uint64{0, 0}, [32]byte{}, 1); n[0] != 0 || n[1] != 0 {
		t.Errorf("nobody's stake sends %v", n)
	}
	if n := Divide(1000, []uint64{1 << 63, 1 << 63, 5}, [32]byte{}, 1); n[0]+n[1]+n[2] != Most {
		t.Errorf("stakes beyond 64 bits send %v", n)
	}
}

// Over many servers a voice sends its part, however small.
func TestSmallVoicesAskNowAndThen(t *testing.T) {
	stakes := []uint64{1, 99, 900}
	sent := make([]int, 3)
	for uid := range uint32(4000) {
		for i, n := range Divide(16, stakes, [32]byte{9}, uid) {
			sent[i] += n
		}
	}
	for i, want := range []int{64, 6336, 57600} {
		if d := sent[i] - want; d*d > 36*want {
			t.Errorf("voice %d sends %d requests, its part is %d", i, sent[i], want)
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		context int
		blocks  int64
		want    Shape
	}{
		{0, 360, Shape{256, 64}}, {1152, 7200, Shape{256, 64}}, {128, 360, Shape{64, 32}}, {4096, 10, Shape{32, 16}}, {4096, 100, Shape{71, 17}}, {8, -1, Shape{32, 16}},
	} {
		if got := ShapeOf(c.context, c.blocks); got != c.want {
			t.Errorf("context %d, tempo %d: %v, want %v", c.context, c.blocks, got, c.want)
		}
	}
}

func TestFigures(t *testing.T) {
	s := Sample{Work: Work(256, 64) * 4, Micros: 2_000_000, Own: 4, Whole: 16} // 4 × 128 tokens in 2 s, a quarter of the burst
	if f, ok := s.Figure(); !ok || f != 1_024_000 {
		t.Errorf("%d thousandths of a token in a second, %t", f, ok)
	}
	s.False = true
	if f, ok := s.Figure(); !ok || f != 0 {
		t.Errorf("a false answer leaves %d, %t", f, ok)
	}
	if _, ok := (Sample{Work: 1, Micros: 1, Whole: 16}).Figure(); ok {
		t.Error("no own request is a figure")
	}
	if f, ok := (Sample{Work: 1 << 63, Own: 1, Whole: 1 << 60}).Figure(); !ok || f != Highest {
		t.Errorf("what is beyond all bounds is %d, %t", f, ok)
	}
}

// A machine that answers one request after the other, in whatever order, shows together behind all of its keys what it shows behind one.
func TestKeysOnOneMachineAddUp(t *testing.T) {
	const answers = 120 // in a window
	window, one := Window(Tempo), Work(256, 64)
	orders := map[string]func(i, lanes int) int{ // the lane that the i-th answer goes to
		"in turn":    func(i, lanes int) int { return i % lanes },
		"key by key": func(i, _ int) int { return i / Rounds },
		"the last":   func(i, lanes int) int { return lanes - 1 - i/Rounds },
	}
	for name, order := range orders {
		for _, keys := range []int{2, 5, 20} {
			done := make([]uint64, keys*Least)
			for i := range answers {
				done[order(i, len(done))]++
			}
			var sum uint64
			for key := range keys {
				var work uint64
				for _, n := range done[key*Least : (key+1)*Least] {
					work += n * one
				}
				f, _ := Sample{Work: work, Micros: window, Own: Least, Whole: Least}.Figure()
				sum += f
			}
			alone, _ := Sample{Work: answers * one, Micros: window, Own: Most, Whole: Most}.Figure()
			if sum > alone || sum+uint64(keys) < alone {
				t.Errorf("%s: %d keys show %d, one shows %d", name, keys, sum, alone)
			}
		}
	}
}

func TestTheWindow(t *testing.T) {
	for blocks, want := range map[int64]uint64{360: 20_000_000, 7200: 20_000_000, 10: 2_500_000, 0: 250_000, -5: 250_000} {
		if got := Window(blocks); got != want {
			t.Errorf("in tempos of %d blocks a burst lasts %d µs, want %d", blocks, got, want)
		}
	}
	for blocks, want := range map[int64]int{7200: 4, 360: 4, 30: 3, 10: 1, 0: 1, -5: 1} {
		if got := RoundsOf(blocks); got != want {
			t.Errorf("in tempos of %d blocks there are %d rounds, want %d", blocks, got, want)
		}
	}
}

// seen is a moment at which voices have these figures.
func seen(figures ...uint64) (list []Seen) {
	for i, f := range figures {
		list = append(list, Seen{i, f})
	}
	return list
}

func TestCapacityIsTheMeanOfEight(t *testing.T) {
	alone := []uint64{7}
	if c := Of([][]Seen{seen(800)}, alone); c != 100 {
		t.Errorf("a newcomer has %d after the first moment, want an eighth", c)
	}
	var moments [][]Seen
	for i := range uint64(20) {
		moments = append(moments, seen(i))
	}
	if c := Of(moments, alone); c != (12+13+14+15+16+17+18+19)/8 {
		t.Errorf("the mean is %d", c)
	}
	if c := Of([][]Seen{nil, seen(100, 300), {{1, 80}, {1, 9000}, {5, 9000}, {-1, 9000}}}, []uint64{1 << 60, 1 << 60}); c != (200+80)/8 {
		t.Errorf("two voices make %d", c)
	}
	if Of(nil, nil) != 0 || Of(make([][]Seen, 9), alone) != 0 || Of([][]Seen{seen(5)}, []uint64{0}) != 0 {
		t.Error("nothing is something")
	}
	if c := Of(slices.Repeat([][]Seen{seen(1 << 63)}, 8), alone); c != Highest {
		t.Errorf("beyond all bounds is %d", c)
	}
	if m := Mean(seen(100, 400), []uint64{2, 1}); m != 199 { // each part is rounded down
		t.Errorf("the mean by stake is %d", m)
	}
}

// A server that answers some voices and not others shows no more than it did; who answers one alone shows nothing.
func TestWhomAServerAnswersFirstDoesNotMatter(t *testing.T) {
	stakes := []uint64{30, 25, 20, 15, 10}
	fair := Of(slices.Repeat([][]Seen{seen(1000, 1000, 1000, 1000, 1000)}, 8), stakes)
	if fair < 995 || fair > 1000 {
		t.Fatalf("1000 in all voices' eyes is %d", fair)
	}
	favoured := Of(slices.Repeat([][]Seen{seen(2000, 1600, 0, 0, 0)}, 8), stakes) // 30 · 2000 + 25 · 1600 = 100 · 1000
	if favoured < 900 || favoured > 1000 {
		t.Errorf("who answers the largest voices shows %d, in equal turns %d", favoured, fair)
	}
	if one := Of(slices.Repeat([][]Seen{seen(3333, 0, 0, 0, 0)}, 8), stakes); one != 0 {
		t.Errorf("who answers one voice alone shows %d", one)
	}
}

// A voice that lies adds at most twice what the others' stake leaves it, and takes at most its part away.
func TestALieIsBelievedThreeTimesItsPart(t *testing.T) {
	for _, c := range []struct{ stake, most uint64 }{{1, 1030}, {5, 1120}, {10, 1240}, {30, 1640}} {
		stakes := []uint64{c.stake, 100 - c.stake}
		lie := Of(slices.Repeat([][]Seen{seen(Highest, 1000)}, 8), stakes)
		if lie > c.most {
			t.Errorf("with %d %% of the stake a lie makes %d of 1000", c.stake, lie)
		}
		if silent := Of(slices.Repeat([][]Seen{seen(0, 1000)}, 8), stakes); silent+c.stake*10+1 < 1000 {
			t.Errorf("with %d %% of the stake a lie leaves %d of 1000", c.stake, silent)
		}
	}
}

func TestDearServersDoNotCount(t *testing.T) {
	offers := []Offer{{1, 10, 50}, {1, 20, 30}, {1, 21, 20}, {2, 21, 1}, {1, 5, 0}, {3, 0, 5}, {3, 1, 4}}
	if got := Affordable(offers, 0); !slices.Equal(got, []bool{true, true, false, true, false, true, false}) {
		t.Errorf("%v", got)
	}
	if got := Affordable(offers, 15); !slices.Equal(got, []bool{true, false, false, false, false, true, false}) {
		t.Errorf("at most 15: %v", got)
	}
	if Price(10, 40) != 80 || Price(1<<63, 0) != 1<<64-1 {
		t.Error("prices")
	}
}

func FuzzTotal(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint64(3), uint64(4), int64(5), []byte("hash"))
	f.Fuzz(func(t *testing.T, a, b, c, d uint64, height int64, hash []byte) {
		figure, _ := Sample{Work: a, Micros: b, Own: c, Whole: d}.Figure()
		if figure > Highest {
			t.Errorf("figure %d", figure)
		}
		if m := Of([][]Seen{{{0, a}, {1, b}}, {{int(int32(c)), d}}}, []uint64{b, c}); m > Highest {
			t.Errorf("capacity %d", m)
		}
		Mean([]Seen{{0, a}, {1, b}}, []uint64{c, d})
		sum := 0
		for _, n := range Divide(int(int32(a)), []uint64{b, c, d}, [32]byte{}, uint32(a)) {
			if n < 0 {
				t.Errorf("%d requests", n)
			}
			sum += n
		}
		if sum > Most {
			t.Errorf("%d requests in all", sum)
		}
		var s Scan
		s.Block(height, hash)
		Affordable([]Offer{{0, a, b}, {0, c, d}}, a)
		ShapeOf(int(int32(a)), height)
	})
}

func TestServiceForgivesOneInTwenty(t *testing.T) {
	for _, c := range []struct {
		answered, asked uint64
		least, most     uint16
	}{{0, 0, math.MaxUint16, math.MaxUint16}, {95, 100, math.MaxUint16, math.MaxUint16}, {50, 100, 34_000, 36_000}, {0, 128, 500, 600}, {9, 5, math.MaxUint16, math.MaxUint16}, {0, 1, 34_000, 35_000}, {0, math.MaxUint64, 1, 1}, {math.MaxUint64, math.MaxUint64, math.MaxUint16, math.MaxUint16}} {
		if s := Service(c.answered, c.asked); s < c.least || s > c.most {
			t.Errorf("%d of %d: %d, want %d to %d", c.answered, c.asked, s, c.least, c.most)
		}
	}
}
