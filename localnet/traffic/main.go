// Command traffic measures what a gateway adds and carries, beside the standard library's reverse proxy and, where node is
// installed, Portkey's gateway: `make bench-gateway`; with -faults what it answers while parts around it fail: `make faults`. Every part is a process of its own on loopback, and processor time is
// counted for each; what is compared is measured in turns, so that both see the same machine.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	stage := flag.String("stage", "", "be this part; for the program itself")
	rounds := flag.Int("rounds", 5, "turns of every measurement")
	lasts := flag.Duration("lasts", 2*time.Second, "of one turn")
	only := flag.String("only", "", "run only the measurements whose names contain this")
	portkey := flag.String("portkey", "", "folder of an installed @portkey-ai/gateway; none is measured if empty")
	lab := flag.Bool("faults", false, "make faults instead, each for -lasts")
	flag.Parse()
	var err error
	if play := stages[*stage]; play != nil {
		err = play(flag.Args())
	} else if *lab {
		err = faults(*lasts, *only)
	} else {
		err = measure(*rounds, *lasts, *only, *portkey)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "traffic:", err)
		os.Exit(1)
	}
}

// bench is the parts that most measurements ask.
type bench struct {
	rounds int
	lasts  time.Duration

	upstream, proxy *part
	gateway, miner  *part // all stages
	alone, raw      *part // the gateway with a raw responder behind it
	portkey         *part // nil where it is not there
	portkeyAddr     string
}

func measure(rounds int, lasts time.Duration, only, portkey string) error {
	b := &bench{rounds: rounds, lasts: lasts}
	defer b.stop()
	if err := b.start(portkey); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		run  func() error
	}{
		{"requests at 32 connections", b.most},
		{"requests at 32 connections beside two burners", b.beside},
		{"time at one connection", b.times},
		{"time at one connection on cores that do not sleep", b.awake},
		{"1,500 requests per second", b.steady},
		{"first chunk", b.chunks},
		{"5,000 open streams", b.streams},
		{"miners that die", b.dying},
		{"overload", b.overload},
	} {
		if !strings.Contains(m.name, only) {
			continue
		}
		fmt.Printf("\n%s\n", m.name)
		if err := m.run(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func (b *bench) start(portkey string) (err error) {
	if b.upstream, err = start("upstream"); err != nil {
		return err
	}
	if b.proxy, err = start("proxy", b.upstream.said[0]); err != nil {
		return err
	}
	if b.gateway, b.miner, err = market("miner", "0", "1", "1024", "0"); err != nil {
		return err
	}
	if b.alone, b.raw, err = market("raw"); err != nil {
		return err
	}
	if portkey != "" {
		b.portkey, b.portkeyAddr, err = startPortkey(portkey)
	}
	return err
}

// market is a gateway with one miner of a kind.
func market(kind string, args ...string) (gateway, miner *part, err error) {
	if gateway, err = start("gateway", "1"); err != nil {
		return nil, nil, err
	}
	miner, err = start(kind, append([]string{gateway.said[1]}, args...)...)
	return gateway, miner, err
}

func (b *bench) stop() {
	for _, p := range []*part{b.upstream, b.proxy, b.gateway, b.miner, b.alone, b.raw, b.portkey} {
		p.stop()
	}
}

// way is one way to an answer, with the parts that work on it.
type way struct {
	name  string
	to    target
	parts []*part
}

func (b *bench) ways(size int, stream bool) []way {
	body := question(size, stream)
	all := []way{
		{"ReverseProxy", to(b.proxy.said[0], body), []*part{b.proxy, b.upstream}},
		{"all stages", to(b.gateway.said[0], body), []*part{b.gateway, b.miner}},
		{"gateway alone", to(b.alone.said[0], body), []*part{b.alone, b.raw}},
	}
	if b.portkey != nil && !stream {
		all = append(all, way{"Portkey", to(b.portkeyAddr, body, "x-portkey-provider: openai", "x-portkey-custom-host: http://"+b.upstream.said[0]+"/v1"), []*part{b.portkey, b.upstream}})
	}
	return all
}

// seen is what the turns of one way came to.
type seen struct {
	rates []float64         // requests per second
	costs [][]time.Duration // of each part, per request; the consumer first
	times []time.Duration   // medians
}

// turns loads every way in turn, round after round.
func (b *bench) turns(ways []way, conns int, rate float64) ([]seen, error) {
	all := make([]seen, len(ways))
	for round := range b.rounds + 1 { // the first warms up
		for i, w := range ways {
			before := []time.Duration{processor()}
			for _, p := range w.parts {
				before = append(before, p.used())
			}
			lasts := b.lasts
			if round == 0 {
				lasts /= 4
			}
			r, err := load(w.to, conns, lasts, rate)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			if r.ok < r.asked*99/100 || r.ok == 0 {
				return nil, fmt.Errorf("%s: %d of %d requests were answered", w.name, r.ok, r.asked)
			}
			if round == 0 {
				continue
			}
			costs := []time.Duration{(processor() - before[0]) / time.Duration(r.ok)}
			for k, p := range w.parts {
				costs = append(costs, (p.used()-before[k+1])/time.Duration(r.ok))
			}
			s := &all[i]
			s.rates, s.costs, s.times = append(s.rates, r.perSecond()), append(s.costs, costs), append(s.times, r.median())
		}
	}
	return all, nil
}

// median is the middle one of some numbers.
func median[T float64 | time.Duration](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// ratio is the median of the ratios of turns.
func ratio(of, to []float64) float64 {
	var all []float64
	for i := range of {
		all = append(all, of[i]/to[i])
	}
	return median(all)
}

// cost is the median processor time per request of one part; of the consumers where part is 0.
func (s seen) cost(part int) time.Duration {
	var all []time.Duration
	for _, turn := range s.costs {
		all = append(all, turn[part])
	}
	return median(all)
}

// whole is the median processor time per request of all parts but the consumers.
func (s seen) whole() time.Duration {
	var all []time.Duration
	for _, turn := range s.costs {
		var sum time.Duration
		for _, c := range turn[1:] {
			sum += c
		}
		all = append(all, sum)
	}
	return median(all)
}

// show prints what every way came to, beside the first. Consumers' processor time is in no ratio.
func show(ways []way, all []seen) {
	fmt.Printf("%-16s %10s %8s %10s   %s\n", "", "per second", "ratio", "p50", "processor per request: stages")
	for i, w := range ways {
		s := all[i]
		fmt.Printf("%-16s %10.0f %8.2f %10v   %s", w.name, median(s.rates), ratio(s.rates, all[0].rates), median(s.times).Round(time.Microsecond), s.stages(w))
		if i > 0 {
			fmt.Printf(", %.2f of %s; %s %.2f of %s", float64(s.whole())/float64(all[0].whole()), ways[0].name,
				w.parts[0].name, float64(s.cost(1))/float64(all[0].cost(1)), ways[0].parts[0].name)
		}
		fmt.Println()
	}
}

// stages is the processor time of a way, stage by stage.
func (s seen) stages(w way) string {
	var each []string
	for k, p := range w.parts {
		each = append(each, fmt.Sprintf("%s %d", p.name, s.cost(k+1).Microseconds()))
	}
	return fmt.Sprintf("%d µs (%s; consumers %d)", s.whole().Microseconds(), strings.Join(each, ", "), s.cost(0).Microseconds())
}

func (b *bench) most() error {
	ways := b.ways(1<<10, false)
	all, err := b.turns(ways, 32, 0)
	if err == nil {
		show(ways, all)
	}
	return err
}

func (b *bench) beside() error {
	for range 2 {
		hot, err := start("burner")
		if err != nil {
			return err
		}
		defer hot.stop()
	}
	return b.most()
}

func (b *bench) times() error {
	for _, size := range []int{1 << 10, 32 << 10} {
		fmt.Printf("%d KiB\n", size>>10)
		ways := append([]way{{"direct", to(b.upstream.said[0], question(size, false)), []*part{b.upstream}}}, b.ways(size, false)...)
		all, err := b.turns(ways, 1, 0)
		if err != nil {
			return err
		}
		show(ways, all)
		for i, w := range ways[1:] {
			fmt.Printf("%s adds %v to the direct p50\n", w.name, (median(all[i+1].times) - median(all[0].times)).Round(time.Microsecond))
		}
	}
	return nil
}

// awake keeps every core busy with what makes way for anything else: a core that sleeps takes long to wake up on many machines, virtual
// ones above all, and that is added to whatever waits for another process.
func (b *bench) awake() error {
	if _, err := exec.LookPath("chrt"); err != nil {
		fmt.Println("chrt, of util-linux, is not installed: not measured")
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for range runtime.NumCPU() {
		idle, err := startBy([]string{"chrt", "--idle", "0", self}, "burner")
		if err != nil {
			return err
		}
		defer idle.stop()
	}
	return b.times()
}

func (b *bench) steady() error {
	ways := b.ways(1<<10, false)[:3] // Portkey does not reach it
	all, err := b.turns(ways, 64, 1500)
	if err == nil {
		show(ways, all)
	}
	return err
}
