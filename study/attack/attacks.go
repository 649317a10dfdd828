package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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
	Open   bool    `json:"open,omitempty"` // known to miss its bar: docs/attacks.md says why
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

// Chain tells a story of package scenario on the real chain, by its name; its error says where it is not true.
type Chain func(story string) error

// ErrNoAttack says that no attack has what was looked for in its name.
var ErrNoAttack = errors.New("no attack is called so")

// Run plays every attack whose name contains what is said, with so many seeds from seed on; the figures are means. tell is called after
// each. Those on the chain are stories, which have no seeds and are left out where chain is nil.
func Run(ctx context.Context, named string, seed uint64, seeds int, chain Chain, tell func(done, of int)) (*Report, error) {
	plays := slices.Concat(attacks, servers, voices, capacities)
	plays = slices.DeleteFunc(plays, func(a attack) bool { return !strings.Contains(a.name, named) })
	var told []story
	if chain != nil {
		told = slices.DeleteFunc(slices.Clone(stories), func(s story) bool { return !strings.Contains(s.name, named) })
	}
	total := len(plays) + len(told)
	if total == 0 {
		return nil, fmt.Errorf("%w: %q; docs/attacks.md lists them", ErrNoAttack, named)
	}
	r := &Report{Seed: seed, Seeds: seeds, Days: Days}
	for i, a := range plays {
		f, err := a.finding(ctx, seed, seeds)
		if err != nil {
			return nil, err
		}
		r.Findings = append(r.Findings, f)
		tell(i+1, total)
	}
	for i, s := range told {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		r.Findings = append(r.Findings, s.finding(chain))
		tell(len(plays)+i+1, total)
	}
	return r, nil
}

// finding plays an attack with so many seeds.
func (a attack) finding(ctx context.Context, seed uint64, seeds int) (Finding, error) {
	gain, victim := 0.0, 0.0
	for k := range seeds {
		if err := ctx.Err(); err != nil {
			return Finding{}, context.Cause(ctx)
		}
		g, v := a.play(seed + uint64(k))
		gain, victim = gain+g, victim+v
	}
	gain, victim = gain/float64(seeds), victim/float64(seeds)
	return Finding{a.name, gain, victim, a.bar(), gain <= a.most && victim >= a.least, a.open}, nil
}

// story is an attack on the chain. Its figure is 0 where the story is true to the end: what the attacker would earn by it he does not.
type story struct{ name, file string }

var stories = []story{
	{"committing ahead of the author, after seeing his file or his transaction", "committing-first"},
	{"squatting names, and digests that were public before", "squatting-names-and-digests"},
	{"removal or retirement to steal authorship or to kill servers", "removal-steals-nothing"},
	{"an owner's author share as a back door around the burn", "authors-are-paid"},
	{"files larger than a subnet takes", "files-too-large"},
}

func (s story) finding(chain Chain) Finding {
	f := Finding{Attack: s.name, Victim: 1, Bar: "0", Holds: true}
	if err := chain(s.file); err != nil {
		f.Gain, f.Holds, f.Attack = 1, false, fmt.Sprintf("%s (%v)", s.name, err)
	}
	return f
}

// attack is one line of the laboratory.
type attack struct {
	name  string
	most  float64 // of the gain
	least float64 // that the victim keeps
	unit  string
	open  bool // it is known to miss its bar
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
	{name: "8 tied copies", most: 1.05, least: 0.95, play: copying(0, 0)},
	{name: "8 copies of one bit", most: 1.05, least: 0.95, play: copying(0, 0.001)},
	{name: "8 degraded copies, 4 points apart", most: 1.05, least: 0.95, play: copying(0.04, 0.5)},
	{name: "a private copy instead of the original", most: 1.05, least: 0.95, play: private},
	{name: "padding ×4, ×16, ×64 after the original", most: 1.05, least: 0.95, play: padding(false, 0)},
	{name: "padding after it, trained to disagree on a tenth", most: 1.05, least: 0.95, play: padding(false, 0.1)},
	{name: "padding before the original", most: 1.05, least: 0.95, play: padding(true, 0)},
	{name: "padding before it, trained to disagree on a tenth", most: 1.05, least: 0.95, play: padding(true, 0.1)},
	{name: "20 keys on one machine", most: 1.05, least: 0.95, play: keys(20)},
	{name: "a program without a model, as a model", most: 0, play: program},
	{name: "1,024 junk models", most: 0, least: 0.95, play: junk},
	{name: "20 throwaway servers that give wrong answers for the runner-up's model (points that its capability moves)", most: 0, least: 0.95, unit: " points", play: sabotage},
	{name: "the same machine under a new name and digest every 5 days", most: 1.05, least: 0.95, play: renaming},
	{name: "a proposer of 20 % of the blocks who drops others' reveals in his (points, after 30 days)", most: 0.5, unit: " points", play: dropping},
	{name: "a withheld reveal in every second tempo for a day (points, after 30 days)", most: 0.5, unit: " points", play: withheld},
}

// play is what one of the honest market's servers gets, and the runner-up, where nobody cheats.
func honest(seed uint64) (*market, []host) {
	m := newMarket(seed)
	minds, hosts := sizes()
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
		minds, _ := sizes()
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
	for i := range 1024 {
		name := fmt.Sprintf("junk %d", i)
		m.publish(mind{name: name, parameters: uint64(100) << (i % 24)})
		hosts = append(hosts, host{who: "x", model: name, capacity: 100})
	}
	clean, others := honest(seed)
	m.run(tempoDay / 4)
	clean.run(tempoDay / 4)
	pay, was := m.pay(hosts), clean.pay(others)
	return pay["x"], pay["B"] / was["B"]
}

// sabotage serves a competitor's model wrongly. Whose answers were never found to be its model's has a gate of 0.
func sabotage(seed uint64) (points, victim float64) {
	m, hosts := honest(seed)
	clean, others := honest(seed)
	for range 20 {
		hosts = append(hosts, host{who: "x", model: "B", capacity: 100, shut: true})
	}
	pay, was := m.over(3, hosts), clean.over(3, others)
	return 100 * math.Abs(m.capability("B")-clean.capability("B")), pay["B"] / was["B"]
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
	return moved(seed, func(epoch uint64) bool { return epoch <= tempoDay && epoch%2 == 0 }), 1
}

// revealBlocks are those of a tempo in which reveals are taken: from its half to a tenth before its end.
const revealBlocks = tempoBlocks/2 - tempoBlocks/10

// dropping is the same for a proposer who chooses where he keeps a reveal out: all blocks in which it could be taken are his.
func dropping(seed uint64) (float64, float64) {
	r := rand.New(rand.NewPCG(seed, 0xd0))
	return moved(seed, func(uint64) bool {
		for range revealBlocks {
			if r.Float64() >= 0.2 {
				return false
			}
		}
		return true
	}), 1
}

// moved is by how many points the lead of a model moves when its owner takes the better of two seeds in the tempos that he may choose in.
func moved(seed uint64, chooses func(epoch uint64) bool) float64 {
	lead := func(chosen bool) float64 {
		m := newMarket(seed)
		m.publish(mind{name: "x", parameters: 1000, capability: 0.8}, mind{name: "y", parameters: 1000, capability: 0.8})
		m.draw = func(m *market) [][]frontier.Score {
			one := m.items()
			if other := m.items(); chosen && chooses(m.epoch) && difference(other) > difference(one) {
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
	return lead(true) - lead(false)
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
	fmt.Fprintf(t, "attack\tfigure\tvictim keeps\tbar\t\n")
	for _, f := range r.Findings {
		fmt.Fprintf(t, "%s\t%.3f\t%.2f\t%s\t%s\n", f.Attack, f.Gain, f.Victim, f.Bar, f.verdict())
	}
	return t.Flush()
}

// WriteMarkdown prints them for docs/attacks.md.
func (r *Report) WriteMarkdown(w io.Writer) error {
	text := "| attack | figure | victim keeps | bar | |\n| --- | --- | --- | --- | --- |\n"
	for _, f := range r.Findings {
		text += fmt.Sprintf("| %s | %.3f | %.2f | %s | %s |\n", f.Attack, f.Gain, f.Victim, f.Bar, f.verdict())
	}
	_, err := io.WriteString(w, text)
	return err
}

// verdict is a word on a finding.
func (f Finding) verdict() string {
	switch {
	case f.Holds:
		return "holds"
	case f.Open:
		return "open"
	}
	return "BROKEN"
}
