package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// wrongClocks are the seconds by which the clocks of the four nodes jump, the first of which stays right.
type wrongClocks struct {
	name string
	off  [nodes]int
	most time.Duration // that a block's time may be off meanwhile
	rate int           // seconds in which a block is owed meanwhile; 0 owes none
	away bool          // the second node is killed, and started a third of the time later
	back bool          // the clocks are set forth and back for ten seconds, at any moment of a block, and then right
	lost bool          // the chain stands until its nodes are told to take such blocks
}

// A third of the stake may stop the chain, and move its time by as much as the others take, a minute.
const (
	clockLook = 12 * time.Second // in which every node looks at its clock
	hours     = 3 * 3600
	fewerOff  = 20 * time.Second
	moreOff   = 70 * time.Second
)

var fewClocks = []wrongClocks{
	{name: "one of four nodes is 90 s early", off: [nodes]int{0, 0, 0, 90}, most: fewerOff, rate: 4},
	{name: "one is 90 s late", off: [nodes]int{0, 0, 0, -90}, most: fewerOff, rate: 4},
	{name: "one is three hours early", off: [nodes]int{0, 0, 0, hours}, most: fewerOff, rate: 4},
	{name: "one is three hours late", off: [nodes]int{0, 0, 0, -hours}, most: fewerOff, rate: 4},
}

var manyClocks = []wrongClocks{
	{name: "two of four nodes are 90 s early", off: [nodes]int{0, 0, 90, 90}, most: moreOff},
	{name: "two are 90 s late", off: [nodes]int{0, 0, -90, -90}, most: moreOff},
	{name: "one is 90 s early and one 90 s late", off: [nodes]int{0, 0, 90, -90}, most: moreOff},
	{name: "two are three hours early", off: [nodes]int{0, 0, hours, hours}, most: moreOff},
	{name: "two are three hours late", off: [nodes]int{0, 0, -hours, -hours}, most: moreOff},
	{name: "two are set forth and back by 90 s", off: [nodes]int{0, 0, 90, 90}, most: moreOff, rate: 10, back: true},
	{name: "two are 90 s early, a third is away", off: [nodes]int{0, 0, 90, 90}, most: moreOff, away: true},
	{name: "two are three hours early, a third away", off: [nodes]int{0, 0, hours, hours}, most: 2 * hours * time.Second, away: true, lost: true},
}

// nodeClocks sets clocks of four chain nodes with equal stake wrong while they run, and right again, one case after the other. A validator
// beside the last node goes by its clock, and its gateway's consumers must not notice.
func (l *lab) nodeClocks(cases []wrongClocks) error {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Println("building a node with a clock that can be wrong: everything under it is compiled anew, which takes minutes once")
	program, err := offClock(dir, "./cmd/agora")
	if err != nil {
		fmt.Printf("%-48s skipped: no test build can be made here: %v\n", "clocks of nodes", err)
		return nil
	}
	c, err := newChain(program, filepath.Join(dir, "chain"))
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.await(0, 2*time.Minute, byAll); err != nil {
		return err
	}
	m, err := c.open()
	if err != nil {
		return err
	}
	defer m.close()
	for _, w := range cases {
		err = errors.Join(err, m.jump(w, max(l.lasts, 30*time.Second), l.least))
	}
	return err
}

// jump has clocks wrong for a while, and then right.
func (m *chainMarket) jump(w wrongClocks, lasts time.Duration, least float64) error {
	asked, ok, begins := m.asked.Load(), m.ok.Load(), m.logged()
	if w.away {
		m.down[1].Store(true)
		m.kill(1)
		defer time.AfterFunc(lasts/3, func() { m.down[1].Store(false) }).Stop()
	}
	if err := m.misset(w); err != nil {
		return err
	}
	s, err := m.watch(lasts)
	if err != nil {
		return err
	}
	fmt.Printf("%-38s %d blocks in %v, %v without one at most, their time off by at most %v; of %d the nodes signed %v\n", w.name, s.blocks, lasts, s.pause.Round(100*time.Millisecond), s.off.Round(100*time.Millisecond), s.looked, s.signed)
	var told error
	if !w.back {
		told = m.told(w, begins)
	}
	if err := m.set([nodes]int{}); err != nil {
		return err
	}
	if w.lost {
		if err := m.remedy(); err != nil {
			return err
		}
	}
	return errors.Join(s.bars(w, lasts), told, m.recover(), m.served(m.asked.Load()-asked, m.ok.Load()-ok, least))
}

// misset sets the clocks wrong, or in a case that wants it wrong and right for ten seconds, and leaves them right.
func (c *chain) misset(w wrongClocks) error {
	if !w.back {
		return c.set(w.off)
	}
	var errs []error
	for range 30 {
		errs = append(errs, c.set(w.off))
		time.Sleep(170 * time.Millisecond)
		errs = append(errs, c.set([nodes]int{}))
		time.Sleep(170 * time.Millisecond)
	}
	return errors.Join(errs...)
}

func (c *chain) set(off [nodes]int) (err error) {
	for i, seconds := range off {
		err = errors.Join(err, c.clocks[i].set(seconds))
	}
	return err
}

// logged is how long the nodes' logs are.
func (c *chain) logged() (n [nodes]int64) {
	for i := range nodes {
		if is, err := os.Stat(c.log(i)); err == nil {
			n[i] = is.Size()
		}
	}
	return n
}

// told holds every node with a wrong clock to saying so since its log was so long, and, where one alone is wrong, all others to saying
// nothing.
func (c *chain) told(w wrongClocks, since [nodes]int64) error {
	wrong := 0
	var errs []error
	for i := nodes - 1; i >= 0; i-- {
		text, err := os.ReadFile(c.log(i))
		if err != nil {
			return err
		}
		says := bytes.Contains(text[since[i]:], []byte("the clock of this node's machine is"))
		if w.off[i] != 0 {
			wrong++
		}
		if says != (w.off[i] != 0) && (w.off[i] != 0 || wrong == 1) {
			errs = append(errs, fmt.Errorf("node %d, whose clock is %d s off, says so: %v", i, w.off[i], says))
		}
	}
	return errors.Join(errs...)
}

// remedy looks whether the chain stands although all clocks are right, and starts its nodes so that they take what they refuse.
func (c *chain) remedy() error {
	s, err := c.watch(20 * time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("%-38s %d blocks in 20 s; all nodes start with block_time_tolerance = \"4h0m0s\"\n", "  the clocks are right again", s.blocks)
	return c.tolerate()
}

// recover waits until blocks go on and all nodes sign.
func (c *chain) recover() error {
	began := time.Now()
	before, err := c.await(0, time.Minute, from(0))
	if err != nil {
		return err
	}
	if _, err := c.await(0, time.Minute, from(before.height+2)); err != nil {
		return err
	}
	goes := time.Since(began)
	if _, err = c.await(0, 2*time.Minute, byAll); err != nil {
		return err
	}
	all := time.Since(began)
	time.Sleep(clockLook) // so that every node has seen that its clock is right
	fmt.Printf("%-38s blocks go on within %v, all sign after %v\n", "  the clocks are right again", goes.Round(100*time.Millisecond), all.Round(100*time.Millisecond))
	return nil
}

// served judges what consumers were answered meanwhile, and that every node has the payments that were acknowledged.
func (m *chainMarket) served(asked, ok int64, least float64) error {
	lost, paid := m.lost()
	fmt.Printf("%-38s %d of %d requests answered at the first try; of %d payments that were acknowledged %d are lost\n", "", ok, asked, paid, lost)
	if float64(ok) < least*float64(asked) || asked == 0 {
		return fmt.Errorf("%d of %d requests are fewer than %.1f %%", ok, asked, 100*least)
	}
	if lost > 0 || paid == 0 {
		return fmt.Errorf("of %d payments %d are lost", paid, lost)
	}
	return nil
}

// watched is what a while of blocks came to.
type watched struct {
	blocks, looked int
	signed         [nodes]int
	off            time.Duration // most that a block's time was off
	pause          time.Duration // longest without a block
}

// watch looks at the first node's blocks for a while.
func (c *chain) watch(lasts time.Duration) (s watched, err error) {
	first, err := c.newest(0)
	if err != nil {
		return s, err
	}
	last := time.Now()
	for began, at := last, first.height; time.Since(began) < lasts; time.Sleep(100 * time.Millisecond) {
		b, err := c.newest(0)
		if err != nil {
			return s, err
		}
		s.pause = max(s.pause, time.Since(last))
		if b.height == at {
			continue
		}
		at, last = b.height, time.Now()
		s.blocks, s.looked = b.height-first.height, s.looked+1
		for i, signed := range b.signed {
			if signed {
				s.signed[i]++
			}
		}
		s.off = max(s.off, b.ahead.Abs())
	}
	return s, nil
}

// bars are what the chain owes while clocks are wrong.
func (s watched) bars(w wrongClocks, lasts time.Duration) error {
	if w.rate > 0 && s.blocks < int(lasts.Seconds())/w.rate {
		return fmt.Errorf("%d blocks in %v are too few", s.blocks, lasts)
	}
	if s.off > w.most {
		return fmt.Errorf("a block's time was off by %v", s.off)
	}
	return nil
}
