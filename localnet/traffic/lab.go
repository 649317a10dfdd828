package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lab is a market of ten miners whose faults are made on purpose: `make faults`. Every part is a process, killed and stopped by signals.
type lab struct {
	lasts time.Duration // of one fault
	least float64       // part of requests that must be answered at the first try
}

const (
	miners  = 10
	askers  = 32
	takes   = "5" // milliseconds of an answer
	minerAt = "64"
)

// faults makes every fault whose name contains only, and says whether all bars were reached.
func faults(lasts time.Duration, only string) error {
	l := &lab{lasts: lasts, least: .995}
	var failed []error
	type fault struct {
		name string
		run  func() error
	}
	list := []fault{{"half of the miners die and come back", l.die}, {"half of the miners are cut off and come back", l.cutOff}, {"the link to half of the miners is cut", l.partition}}
	for _, how := range []string{"stall", "rubbish", "flood", "broken", "other", "long", "short", "chunks", "half"} {
		list = append(list, fault{"half of the miners go astray: " + how, func() error { return l.astray(how) }})
	}
	list = append(list,
		fault{"the chain is away", l.chainAway},
		fault{"clocks are off by 90 s", func() error { return l.clocks("clocks are off by 90 s", -90) }},
		fault{"clocks jump by hours", func() error { return l.clocks("clocks jump by hours", 0, 3600, -3600, 3*3600, 0) }},
		fault{"a node of four has a wrong clock", func() error { return l.nodeClocks(fewClocks) }},
		fault{"two nodes of four have wrong clocks", func() error { return l.nodeClocks(manyClocks) }},
		fault{"the gateway and a miner are killed", l.killed},
		fault{"the gateway's disk is full", l.diskFull})
	for _, f := range list {
		if !strings.Contains(f.name, only) {
			continue
		}
		if err := f.run(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", f.name, err))
			fmt.Printf("%-48s %v\n", f.name, err)
		}
	}
	return errors.Join(failed...)
}

// market starts a gateway and miners that work: all ten, or the first five with a process for each of the others.
func (l *lab) market(home string, each bool) (gateway *part, well *part, others []*part, err error) {
	if gateway, err = start("gateway", strconv.Itoa(miners), home); err != nil {
		return nil, nil, nil, err
	}
	if well, err = l.miners(gateway, 0, miners/2); err != nil {
		return gateway, nil, nil, err
	}
	for i := miners / 2; each && i < miners; i++ {
		p, err := l.miners(gateway, i, i+1)
		if err != nil {
			return gateway, well, others, err
		}
		others = append(others, p)
	}
	return gateway, well, others, nil
}

func (l *lab) miners(gateway *part, from, to int) (*part, error) {
	return start("miner", gateway.said[1], strconv.Itoa(from), strconv.Itoa(to), minerAt, takes)
}

// under loads a gateway, first tries alone, while faults are made every so often, and judges the answers.
func (l *lab) under(name string, gateway *part, every time.Duration, fault func(n int) error) error {
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- nil
				return
			case <-tick.C:
				if err := fault(n); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	r, err := load(to(gateway.said[0], question(1<<10, false)), askers, l.lasts, 0)
	close(stop)
	if err := errors.Join(err, <-done); err != nil {
		return err
	}
	return l.judge(name, r)
}

func (l *lab) judge(name string, r result) error {
	part := float64(r.ok) / float64(max(1, r.asked))
	fmt.Printf("%-48s %6d of %6d answered at the first try (%.3f %%), p50 %v, p99 %v\n", name, r.ok, r.asked, 100*part, r.median().Round(time.Millisecond), r.at(.99).Round(time.Millisecond))
	if part < l.least {
		return fmt.Errorf("%.3f %% are fewer than %.1f %%", 100*part, 100*l.least)
	}
	return nil
}

func stopAll(parts ...*part) {
	for _, p := range parts {
		p.kill()
	}
}

func (l *lab) die() error {
	gateway, well, others, err := l.market("", true)
	defer func() { stopAll(append(others, well, gateway)...) }()
	if err != nil {
		return err
	}
	return l.under("half of the miners die and come back", gateway, l.lasts/20, func(n int) (err error) {
		i := n % len(others)
		others[i].kill()
		others[i], err = l.miners(gateway, miners/2+i, miners/2+i+1)
		return err
	})
}

// cutOff stops processes, whose connections then carry nothing, as those behind a broken link.
func (l *lab) cutOff() error {
	gateway, well, others, err := l.market("", true)
	defer func() { stopAll(append(others, well, gateway)...) }()
	if err != nil {
		return err
	}
	return l.under("half of the miners are cut off and come back", gateway, l.lasts/6, func(n int) (err error) {
		for _, p := range others {
			err = errors.Join(err, p.cmd.Process.Signal([]os.Signal{syscall.SIGSTOP, syscall.SIGCONT}[n%2]))
		}
		return err
	})
}

func (l *lab) astray(how string) error {
	gateway, well, _, err := l.market("", false)
	defer func() { stopAll(well, gateway) }()
	if err != nil {
		return err
	}
	bad, err := start("astray", gateway.said[1], strconv.Itoa(miners/2), strconv.Itoa(miners), how)
	if err != nil {
		return err
	}
	defer bad.kill()
	return l.under("half of the miners go astray: "+how, gateway, time.Hour, func(int) error { return nil })
}

// chainAway keeps the ranking from the gateway while miners die and come back.
func (l *lab) chainAway() error {
	gateway, well, others, err := l.market("", true)
	defer func() { stopAll(append(others, well, gateway)...) }()
	if err != nil {
		return err
	}
	return l.under("the chain is away", gateway, l.lasts/10, func(n int) (err error) {
		if n == 0 || n == 8 {
			return gateway.cmd.Process.Signal(syscall.SIGUSR1)
		}
		i := n % len(others)
		others[i].kill()
		others[i], err = l.miners(gateway, miners/2+i, miners/2+i+1)
		return err
	})
}

// asker is a consumer that asks again, as clients do, and keeps the names of the receipts that it was given.
type asker struct {
	addr      func() string
	mu        sync.Mutex
	asked, ok int
	receipts  []string
}

// run asks for a time, each question up to four times, a second, two and four between them.
func (a *asker) run(lasts time.Duration) {
	client := &http.Client{Timeout: 30 * time.Second}
	began := time.Now()
	var work sync.WaitGroup
	for range askers {
		work.Go(func() {
			for time.Since(began) < lasts {
				name, ok := "", false
				for try := 0; try < 4 && !ok; try++ {
					if try > 0 {
						time.Sleep(500 * time.Millisecond << try)
					}
					name, ok = a.ask(client)
				}
				a.mu.Lock()
				a.asked++
				if ok {
					a.ok++
					a.receipts = append(a.receipts, name)
				}
				a.mu.Unlock()
			}
		})
	}
	work.Wait()
}

func (a *asker) ask(client *http.Client) (receipt string, ok bool) {
	r, err := http.NewRequest(http.MethodPost, "http://"+a.addr()+"/v1/chat/completions", strings.NewReader(question(1<<10, false)))
	if err != nil {
		return "", false
	}
	r.Header.Set("Authorization", "Bearer "+secret())
	resp, err := client.Do(r)
	if err != nil {
		return "", false
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	return resp.Header.Get("X-Agora-Receipt"), err == nil && resp.StatusCode == http.StatusOK && strings.Contains(body.String(), word)
}

// missing counts the receipts of a list that a gateway does not have.
func missing(addr string, names []string) (n int) {
	for _, name := range names {
		resp, err := http.Get("http://" + addr + "/v1/receipts/" + name)
		if err != nil || resp.StatusCode != http.StatusOK {
			n++
		}
		if err == nil {
			resp.Body.Close()
		}
	}
	return n
}

// told judges what consumers who ask again were answered, and that the receipts that were named are there.
func (l *lab) told(name string, a *asker, addr string) error {
	time.Sleep(2 * time.Second) // receipts are checked beside the answers and written once a second
	lost := missing(addr, a.receipts)
	fmt.Printf("%-48s %6d of %6d answered within four tries; of %d receipts that were named %d are lost\n", name, a.ok, a.asked, len(a.receipts), lost)
	if float64(a.ok) < l.least*float64(a.asked) {
		return fmt.Errorf("fewer than %.1f %%", 100*l.least)
	}
	if lost > 0 {
		return fmt.Errorf("%d receipts are lost", lost)
	}
	return nil
}

// killed kills the gateway and a miner with -9, every ten seconds or six times, while consumers ask; each is started again at once, the
// gateway on the same ports and folder.
func (l *lab) killed() error {
	home, err := os.MkdirTemp("", "faults")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	gateway, well, others, err := l.market(home, true)
	defer func() { stopAll(append(others, well, gateway)...) }()
	if err != nil {
		return err
	}
	addr, hub := gateway.said[0], gateway.said[1]
	a := &asker{addr: func() string { return addr }}
	done := make(chan struct{})
	go func() { defer close(done); a.run(l.lasts) }()
	tick := time.NewTicker(min(max(l.lasts/6, 2*time.Second), 10*time.Second))
	defer tick.Stop()
	for kills := 0; ; kills++ {
		select {
		case <-done:
			return l.told(fmt.Sprintf("the gateway and a miner are killed %d times", kills), a, addr)
		case <-tick.C:
			i := kills % len(others)
			gateway.kill()
			others[i].kill()
			if gateway, err = start("gateway", strconv.Itoa(miners), home, addr, hub); err != nil {
				return err
			}
			if others[i], err = l.miners(gateway, miners/2+i, miners/2+i+1); err != nil {
				return err
			}
		}
	}
}

// diskFull gives the gateway a disk of 64 MiB, half of one of which is free, which its receipts fill.
func (l *lab) diskFull() error {
	home, err := os.MkdirTemp("", "faults")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "none", home).CombinedOutput(); err != nil {
		fmt.Printf("%-48s skipped: no small disk can be mounted here: %s\n", "the gateway's disk is full", bytes.TrimSpace(out))
		return nil
	}
	defer func() { _ = exec.Command("umount", "-l", home).Run() }()
	gateway, well, _, err := l.market(home, false)
	defer func() { stopAll(well, gateway) }()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(home, "filler"), make([]byte, 65000<<10), 0o600); err != nil {
		return err
	}
	a := &asker{addr: func() string { return gateway.said[0] }}
	a.run(l.lasts / 2)
	full := missing(gateway.said[0], a.receipts)
	if err := os.Remove(filepath.Join(home, "filler")); err != nil {
		return err
	}
	b := &asker{addr: a.addr}
	b.run(time.Second)
	time.Sleep(3 * time.Second)
	late, after := missing(gateway.said[0], a.receipts), missing(gateway.said[0], b.receipts)
	fmt.Printf("%-48s %6d of %6d answered within four tries; of %d receipts %d wait; with room again %d, and %d of %d new ones\n", "the gateway's disk is full", a.ok, a.asked, len(a.receipts), full, late, after, len(b.receipts))
	if float64(a.ok) < l.least*float64(a.asked) {
		return fmt.Errorf("fewer than %.1f %%", 100*l.least)
	}
	return nil
}
