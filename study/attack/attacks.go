package attack

import (
	"context"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"agora/mechanism/frontier"
)

// Finding is what one attack gains.
type Finding struct {
	Attack string  `json:"attack"`
	Gain   float64 `json:"gain"`   // what the attacker gets ÷ what honest behaviour with the same machines gets him; for leads: points
	Victim float64 `json:"victim"` // what the honest runner-up keeps, ÷ his pay without the attack; 1 where nobody is meant
	Bar    string  `json:"bar"`    // what the design asks
	Holds  bool    `json:"holds"`
}

// Report is a run of the laboratory.
type Report struct {
	Seed     uint64    `json:"seed"`
	Seeds    int       `json:"seeds"`
	Days     int       `json:"days"`
	Findings []Finding `json:"findings"`
}

// Days is how long a play lasts.
const Days = 30

// Run plays every attack with so many seeds from seed on; the figures are means. tell is called after each.
func Run(ctx context.Context, seed uint64, seeds int, tell func(done, of int)) (*Report, error) {
	r := &Report{Seed: seed, Seeds: seeds, Days: Days}
	for i, a := range attacks {
		gain, victim := 0.0, 0.0
		for k := range seeds {
			if err := ctx.Err(); err != nil {
				return nil, context.Cause(ctx)
			}
			g, v := a.play(seed + uint64(k))
			gain, victim = gain+g/float64(seeds), victim+v/float64(seeds)
		}
		r.Findings = append(r.Findings, Finding{a.name, gain, victim, a.bar(), gain <= a.most && victim >= a.least})
		tell(i+1, len(attacks))
	}
	return r, nil
}

// attack is one line of the laboratory.
type attack struct {
	name  string
	most  float64 // of the gain
	least float64 // that the victim keeps
	unit  string
	play  func(seed uint64) (gain, victim float64)
}

func (a attack) bar() string {
	text := fmt.Sprintf("≤ %g%s", a.most, a.unit)
	if a.least > 0 {
		text += fmt.Sprintf(", victim ≥ %g", a.least)
	}
	return text
}

var attacks = []attack{
	{"8 tied copies", 1.05, 0.95, "", copying(0, 0)},
	{"8 copies of one bit", 1.05, 0.95, "", copying(0, 0.001)},
	{"8 degraded copies, 4 points apart", 1.05, 0.95, "", copying(0.04, 0.5)},
	{"a private copy instead of the original", 1.05, 0.95, "", private},
	{"padding ×4, ×16, ×64 after the original", 1.05, 0.95, "", padding(false, 0)},
	{"padding after it, trained to disagree on a tenth", 1.05, 0.95, "", padding(false, 0.1)},
	{"padding before the original", 1.05, 0.95, "", padding(true, 0)},
	{"padding before it, trained to disagree on a tenth", 1.05, 0.95, "", padding(true, 0.1)},
	{"20 keys on one machine", 1.05, 0.95, "", keys(20)},
	{"a program without a model, as a model", 0, 0, "", program},
	{"junk: 64 models that are never right", 0, 0.95, "", junk},
	{"the same machine under a new name and digest every 5 days", 1.05, 0.95, "", renaming},
	{"a withheld reveal in every second tempo for a day (points, after 30 days)", 0.5, 0, " points", withheld},
}

// play is what one of the honest market's servers gets, and the runner-up, where nobody cheats.
func honest(seed uint64) (*market, []host) {
	m := newMarket(seed)
	minds, hosts := ladder()
	m.publish(minds...)
	m.run(tempoDay)
	return m, hosts
}

// baseline is what somebody with a machine of 100 gets by serving the original.
func baseline(seed uint64) (own, runnerUp float64) {
	m, hosts := honest(seed)
	pay := m.over(Days, append(hosts, host{who: "x", model: "A", capacity: 100}))
	return pay["x"], pay["B"]
}

// against compares a play with the baseline.
func against(seed uint64, pay map[string]float64) (gain, victim float64) {
	own, runnerUp := baseline(seed)
	return pay["x"] / own, pay["B"] / runnerUp
}

func copying(step, differs float64) func(uint64) (float64, float64) {
	return func(seed uint64) (float64, float64) {
		m, hosts := honest(seed)
		list := copies(8, m.minds[0], step, differs)
		m.publish(list...)
		for _, k := range list {
			hosts = append(hosts, host{who: "x", model: k.name, capacity: 100 / 8})
		}
		return against(seed, m.over(Days, hosts))
	}
}

func private(seed uint64) (float64, float64) {
	m, hosts := honest(seed)
	list := copies(1, m.minds[0], 0, 0.001)
	m.publish(list...)
	gain, victim := against(seed, m.over(Days, append(hosts, host{who: "x", model: list[0].name, capacity: 100})))
	return gain / 0.8, victim // the copy pays no author's share of a fifth, serving the original does
}

// padding is the author's own play: what he gets with padded models beside his own, to what he gets without.
func padding(first bool, differs float64) func(uint64) (float64, float64) {
	return func(seed uint64) (float64, float64) {
		clean, hosts := honest(seed)
		was := clean.over(Days, hosts)
		m := newMarket(seed)
		minds, _ := ladder()
		var padded []mind
		for _, times := range []uint64{64, 16, 4} {
			k := mind{fmt.Sprintf("A ×%d", times), times * minds[0].parameters, minds[0].capability, "A", differs}
			padded = append(padded, k)
			hosts = append(hosts, host{who: "author", model: k.name, capacity: 100})
		}
		if first {
			// The original is heard first in a draw, so that padded models can say what it says; its commit comes after theirs.
			for i := range padded {
				padded[i].of = padded[0].name
			}
			padded[0].of = ""
			minds[0].of, minds[0].differs = padded[0].name, differs
			minds = append(padded, minds...)
		} else {
			minds = append(minds, padded...)
		}
		m.publish(minds...)
		m.run(tempoDay)
		pay := m.over(Days, hosts)
		return pay["author"] / was["author"], pay["B"] / was["B"]
	}
}

func keys(n int) func(uint64) (float64, float64) {
	return func(seed uint64) (float64, float64) {
		m, hosts := honest(seed)
		return against(seed, m.over(Days, append(hosts, host{who: "x", model: "A", capacity: 100, keys: n})))
	}
}

// program publishes weights that know nothing and serves with a program: the weights are examined.
func program(seed uint64) (float64, float64) {
	m, hosts := honest(seed)
	m.publish(mind{name: "weights for show", parameters: 1000})
	return against(seed, m.over(Days, append(hosts, host{who: "x", model: "weights for show", capacity: 100})))
}

func junk(seed uint64) (float64, float64) {
	m, hosts := honest(seed)
	for i := range 64 {
		name := fmt.Sprintf("junk %d", i)
		m.publish(mind{name: name, parameters: uint64(100) << (i % 24)})
		hosts = append(hosts, host{who: "x", model: name, capacity: 100})
	}
	pay := m.over(3, hosts)
	clean, others := honest(seed)
	was := clean.over(3, others)
	return pay["x"], pay["B"] / was["B"]
}

func renaming(seed uint64) (float64, float64) {
	m, hosts := honest(seed)
	total := map[string]float64{}
	for i := range Days / 5 {
		k := mind{fmt.Sprintf("A renamed %d", i), m.minds[0].parameters, m.minds[0].capability, "A", 0.001}
		m.publish(k)
		for who, share := range m.over(5, append(hosts, host{who: "x", model: k.name, capacity: 100})) {
			total[who] += share * 5 / Days
		}
	}
	return against(seed, total)
}

// withheld is by how many points a pair's lead moves when somebody sees two seeds in half of a day's tempos and takes the better one
// for his model. He loses the pay of these tempos.
func withheld(seed uint64) (float64, float64) {
	lead := func(chosen bool) float64 {
		m := newMarket(seed)
		m.publish(mind{name: "x", parameters: 1000, capability: 0.8}, mind{name: "y", parameters: 1000, capability: 0.8})
		m.draw = func(m *market) [][]frontier.Score {
			one := m.items()
			if other := m.items(); chosen && m.epoch <= tempoDay && m.epoch%2 == 0 && difference(other) > difference(one) {
				return other
			}
			return one
		}
		m.run(Days * tempoDay)
		list := m.board.Places(m.epoch, func([32]byte) bool { return true })
		sum := 0.0
		for _, s := range list {
			sign := 1.0
			if s.Model.Digest != m.digest["x"] {
				sign = -1
			}
			sum += sign * float64(s.Capability)
		}
		return sum / float64(frontier.Whole) * 100
	}
	return lead(true) - lead(false), 1
}

// difference is by how much the first of two leads in a tempo.
func difference(scores [][]frontier.Score) (lead int64) {
	for i := range scores[0] {
		lead += int64(scores[0][i]) - int64(scores[1][i])
	}
	return lead
}

// WriteTable prints the findings for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "attack\tgain\trunner-up keeps\tbar\t\n")
	for _, f := range r.Findings {
		verdict := "holds"
		if !f.Holds {
			verdict = "BROKEN"
		}
		keeps := fmt.Sprintf("%.2f", f.Victim)
		if math.IsNaN(f.Victim) {
			keeps = "-"
		}
		fmt.Fprintf(t, "%s\t%.2f\t%s\t%s\t%s\n", f.Attack, f.Gain, keeps, f.Bar, verdict)
	}
	return t.Flush()
}
