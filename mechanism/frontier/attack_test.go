package frontier

import (
	"fmt"
	"math"
	"testing"
)

// ladder publishes an honest market: three sizes far apart, each with a server of its own.
func ladder(seed uint64) (*field, map[string]uint64) {
	f := newField(seed)
	f.publish("A", 200_000, mind{capability: 0.9})
	f.publish("B", 40_000, mind{capability: 0.6})
	f.publish("C", 9_000, mind{capability: 0.3})
	return f, map[string]uint64{"A": 100, "B": 100, "C": 100}
}

// Somebody with a machine of 100 and eight copies of the best model, worse in steps, gets less than by serving the original, and
// the runner-up loses nothing.
func TestCopiesEarnLessThanTheOriginal(t *testing.T) {
	for name, differs := range map[string]float64{"tied": 0, "of one bit": 0.001, "fine-tuned": 0.1, "degraded": 0.5} {
		t.Run(name, func(t *testing.T) {
			f, servers := ladder(11)
			f.run(t, 20, 8)
			servers["x"] = 100
			f.names["x"] = f.names["A"]
			before := f.shares(servers)
			delete(servers, "x")
			for k := range 8 {
				copied := fmt.Sprintf("copy%d", k)
				f.publish(copied, 200_000, mind{capability: 0.9 - differs*float64(k)/10, of: f.names["A"], differs: differs})
				servers[copied] = 100 / 8
			}
			f.run(t, 60, 8)
			after, sum := f.shares(servers), 0.0
			for k := range 8 {
				sum += after[fmt.Sprintf("copy%d", k)]
			}
			if sum > before["x"] || after["B"] < 0.95*before["B"] {
				t.Errorf("copies earn %.3f instead of %.3f, B %.3f instead of %.3f", sum, before["x"], after["B"], before["B"])
			}
		})
	}
}

// Dead parameters make a model bigger and no better. Committed after the original they have no place; before it, one prize with it.
func TestPaddingNeverGains(t *testing.T) {
	for name, c := range map[string]struct {
		first   bool
		differs float64
	}{"after": {}, "before": {first: true}, "after, fine-tuned to disagree": {differs: 0.1}, "before, fine-tuned to disagree": {first: true, differs: 0.1}} {
		t.Run(name, func(t *testing.T) {
			honest, servers := ladder(12)
			honest.run(t, 150, 8)
			want := honest.shares(servers)
			f := newField(12)
			pad := func() {
				for _, times := range []uint64{64, 16, 4} {
					f.publish(fmt.Sprintf("P%d", times), times*200_000, mind{capability: 0.9, of: digestOf("A"), differs: c.differs})
					servers[fmt.Sprintf("P%d", times)] = 100
				}
			}
			if c.first {
				pad()
			}
			f.publish("A", 200_000, mind{capability: 0.9})
			f.publish("B", 40_000, mind{capability: 0.6})
			f.publish("C", 9_000, mind{capability: 0.3})
			if !c.first {
				pad()
			}
			f.run(t, 150, 8)
			got := f.shares(servers)
			own := got["A"] + got["P4"] + got["P16"] + got["P64"]
			if own > 1.05*want["A"] || got["B"] < 0.95*want["B"] {
				t.Errorf("the author has %.3f instead of %.3f, B %.3f instead of %.3f", own, want["A"], got["B"], want["B"])
			}
		})
	}
}

// A model that another of its size is ahead of changes no prize.
func TestDominatedModelChangesNobodysPrize(t *testing.T) {
	for seed := range uint64(20) {
		f, _ := ladder(seed)
		f.run(t, 60, 8)
		before := f.board.Places(f.number, all)
		f.publish("worse", []uint64{200_000, 40_000, 9_000, 100_000_000}[seed%4], mind{capability: 0.1})
		for range 30 {
			f.run(t, 1, 8)
			prizes := map[[32]byte]float64{}
			for _, s := range f.board.Places(f.number, all) {
				prizes[s.Model.Digest] = float64(s.Prize) / float64(s.Capability+1)
			}
			for _, s := range before {
				if was := float64(s.Prize) / float64(s.Capability+1); math.Abs(prizes[s.Model.Digest]-was) > 0.001*was {
					t.Fatalf("seed %d: the prize of %s moves from %.4g to %.4g", seed, f.nameOf(s.Model.Digest), was, prizes[s.Model.Digest])
				}
			}
			if prizes[digestOf("worse")] != 0 {
				t.Fatalf("seed %d: it has a place", seed)
			}
		}
	}
}

// A machine behind many keys earns what it earns behind one.
func TestSplittingAMachineChangesNothing(t *testing.T) {
	f, _ := ladder(13)
	f.run(t, 60, 8)
	standings := f.board.Places(f.number, all)
	pay := func(keys int) (own float64) {
		servers := []Server{{UID: 1, Model: digestOf("A"), Capacity: 1000, Service: 65535, Gate: 65535}, {UID: 2, Model: digestOf("B"), Capacity: 1000, Service: 65535, Gate: 65535}}
		for k := range keys {
			servers = append(servers, Server{UID: uint16(10 + k), Model: digestOf("A"), Capacity: uint64(1000 / keys), Service: 65535, Gate: 65535})
		}
		sum := 0.0
		for _, p := range f.board.Pay(f.number, standings, servers) {
			sum += float64(p.Pay)
			if p.UID >= 10 {
				own += float64(p.Pay)
			}
		}
		return own / sum
	}
	one := pay(1)
	for _, keys := range []int{2, 5, 20, 100} {
		if got := pay(keys); got > 1.001*one {
			t.Errorf("%d keys earn %.4f, one %.4f", keys, got, one)
		}
	}
}
