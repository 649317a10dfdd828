package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// chunks compares when the first chunk of a stream is there. The standard library's proxy breaks off about one stream in a hundred: its
// server closes a request's body once the answer begins, and the transport, if it still looks for that body's end, closes the
// connection on which the answer comes (with EnableFullDuplex it does not). A tenth of its may break, and a hundredth of the others'.
func (b *bench) chunks() error {
	ways := append([]way{{"direct", to(b.upstream.said[0], question(1<<10, true)), nil}}, b.ways(1<<10, true)...)
	all := make([]streamed, len(ways))
	for i, w := range ways {
		c, err := dial(w.to)
		if err != nil {
			return err
		}
		all[i].conn = c
		defer func() { all[i].Close() }()
	}
	asked := 300 * b.rounds
	for range asked {
		for i, w := range ways {
			most := asked / 100
			if w.name == "ReverseProxy" {
				most = asked / 10
			}
			if err := all[i].ask(w.to, most); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	for i, w := range ways {
		p50 := median(all[i].times)
		fmt.Printf("%-16s p50 %v, %v above direct; %d of %d streams broke and were asked for again\n", w.name, p50.Round(time.Microsecond),
			(p50 - median(all[0].times)).Round(time.Microsecond), all[i].broken, asked)
	}
	return nil
}

// streamed is what the streams of one way came to.
type streamed struct {
	*conn
	times  []time.Duration // until the first chunk, of those that came to their end
	broken int
}

// ask asks for a stream, and where it breaks again over a new connection; it fails when more than most have broken in all.
func (s *streamed) ask(t target, most int) error {
	for {
		took, err := s.firstChunk(t)
		if err == nil {
			s.times = append(s.times, took)
			return nil
		}
		if s.broken++; s.broken > most {
			return fmt.Errorf("more than %d streams broke: %w", most, err)
		}
		again, err := dial(t)
		if err != nil {
			return err
		}
		s.Close()
		s.conn = again
	}
}

// streams opens many streams and looks at the gateway's memory while all of them wait.
func (b *bench) streams() error {
	const open = 5_000
	gateway, err := start("gateway", "2")
	if err != nil {
		return err
	}
	defer gateway.stop()
	miners, err := start("miner", gateway.said[1], "0", "2", "4096", "0")
	if err != nil {
		return err
	}
	defer miners.stop()
	before := gateway.resident()
	end, err := holdOpen(to(gateway.said[0], `{"model":"chat","stream":true,"messages":[{"role":"user","content":"`+hold+`"}]}`), open)
	defer end()
	if err != nil {
		return err
	}
	after := gateway.resident()
	fmt.Printf("the gateway has %d MiB with %d open streams, %d before: %.1f KiB each\n", after, open, before, float64(after-before)*1024/open)
	return nil
}

// dying kills a fifth of the miners under load.
func (b *bench) dying() error {
	gateway, err := start("gateway", "10")
	if err != nil {
		return err
	}
	defer gateway.stop()
	well, err := start("miner", gateway.said[1], "0", "8", "64", "5")
	if err != nil {
		return err
	}
	defer well.stop()
	dead, err := start("miner", gateway.said[1], "8", "10", "64", "5")
	if err != nil {
		return err
	}
	defer dead.stop()
	time.AfterFunc(b.lasts, dead.kill)
	r, err := load(to(gateway.said[0], question(1<<10, false)), 32, 4*b.lasts, 0)
	if err != nil {
		return err
	}
	fmt.Printf("%d of %d requests answered while 2 of 10 miners were killed: %.3f %%\n", r.ok, r.asked, 100*float64(r.ok)/float64(r.asked))
	return nil
}

// overload asks a market of miners that take a while as fast as it can answer, and then five times as fast.
func (b *bench) overload() error {
	gateway, err := start("gateway", "2")
	if err != nil {
		return err
	}
	defer gateway.stop()
	const capacity, takes = 4, 20 // requests at once of each miner, and milliseconds
	miners, err := start("miner", gateway.said[1], "0", "2", strconv.Itoa(capacity), strconv.Itoa(takes))
	if err != nil {
		return err
	}
	defer miners.stop()
	t := to(gateway.said[0], question(1<<10, false))
	var peaks, goods []float64
	for range b.rounds {
		peak, err := load(t, 2*capacity, b.lasts, 0)
		if err != nil {
			return err
		}
		over, err := load(t, 20*capacity, b.lasts, 5*peak.perSecond())
		if err != nil {
			return err
		}
		peaks, goods = append(peaks, peak.perSecond()), append(goods, over.perSecond())
		fmt.Printf("%.0f per second at most; asked for five times as many %.0f are answered (%.2f), %d of %d refused at once\n",
			peak.perSecond(), over.perSecond(), over.perSecond()/peak.perSecond(), over.asked-over.ok, over.asked)
	}
	fmt.Printf("goodput in overload: %.2f of the peak\n", ratio(goods, peaks))
	return nil
}

// startPortkey runs Portkey's gateway as npm installs it.
func startPortkey(dir string) (*part, string, error) {
	server, err := filepath.Glob(filepath.Join(dir, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js"))
	if err != nil || len(server) == 0 {
		return nil, "", errors.New("there is no Portkey in " + dir)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // for a port that is free
	if err != nil {
		return nil, "", err
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	if err := l.Close(); err != nil {
		return nil, "", err
	}
	p := &part{name: "portkey", cmd: exec.Command("node", server[0], "--headless", "--port="+port)}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		return nil, "", err
	}
	for range 600 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return p, addr, c.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.stop()
	return nil, "", errors.New("portkey did not start in a minute")
}
