package bench

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// jobs are the chains that benchmarks run.
func jobs() map[string]job {
	return map[string]job{
		"sends/full": func(b testing.TB, turn func()) figures {
			c := agora(b, full())
			return c.run(b, turn, c.sends(b, 10), 500)
		},
		"sends/empty": func(b testing.TB, turn func()) figures {
			c := agora(b, &market{voices: 64, size: 64})
			return c.run(b, turn, c.sends(b, 10), 500)
		},
		"sends/bare": func(b testing.TB, turn func()) figures {
			c := bare(b, &market{voices: 64, size: 64})
			return c.run(b, turn, c.sends(b, 10), 500)
		},
		"commits": func(b testing.TB, turn func()) figures {
			m := full()
			m.start = 1
			c := agora(b, m)
			return c.runOnDisk(b, turn, c.commits(b), perQuarter)
		},
		"reveals": func(b testing.TB, turn func()) figures {
			m := full()
			m.start = 2 - tempo/2 // block 2 is the first that takes reveals
			c := agora(b, m)
			return c.runOnDisk(b, turn, c.reveals(b), perQuarter)
		},
		"registrations": func(b testing.TB, turn func()) figures {
			m := full()
			m.size = 128
			c := agora(b, m)
			return c.run(b, turn, c.registrations(b, 2_000), 100)
		},
		"epochs": epochs,
		"idle":   idle,
	}
}

// perQuarter is how many reveals of 256 weights, at the gas they may ask for, fit the quarter of a block that is for free
// messages.
const perQuarter = 82

// run puts txs through the chain, perBlock at a time.
func (c *chain) run(b testing.TB, turn func(), txs [][]byte, perBlock int) figures {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.compact(b) // the genesis is not the transactions' cost
	turn()
	m := startMeter(b)
	for done := 0; done < len(txs); done += perBlock {
		if done > 0 {
			turn()
		}
		batch := txs[done:min(done+perBlock, len(txs))]
		began := time.Now()
		c.step(b, batch)
		m.block(began, len(batch))
	}
	return m.figures()
}

// runOnDisk is run with what a transaction takes in a block and what the database keeps of it.
func (c *chain) runOnDisk(b testing.TB, turn func(), txs [][]byte, perBlock int) figures {
	b.Helper()
	before := c.disk(b)
	f := c.run(b, turn, txs, perBlock)
	return append(f, figure{float64(c.disk(b)-before) / float64(len(txs)), "disk-B/tx"}, figure{float64(len(txs[0])), "B/tx"})
}

// epochs makes the epochs of all 128 subnets of 256 neurons and 64 voices due in one block: what the end of each block
// then costs, and how many blocks it takes until all have run. During an EndBlock the process also collects garbage and
// compacts what blocks before it wrote; the thread's own time is without that.
func epochs(b testing.TB, turn func()) figures {
	m := full()
	m.revealed, m.start = true, 8-tempo+1 // due at the end of block 8
	c := agora(b, m)
	for range 6 {
		c.block(b, nil)
	}
	before := c.disk(b)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	turn()
	meter := startMeter(b)
	var worst, sum, thread time.Duration
	for meter.blocks < 80 && !c.allRan(b) {
		if meter.blocks > 0 {
			turn()
		}
		began := time.Now()
		c.block(b, nil)
		meter.block(began, 0)
		worst, sum, thread = max(worst, c.ending.all), sum+c.ending.all, thread+c.ending.thread
	}
	c.decided(b)
	peak := memory("VmHWM")
	return figures{
		{worst.Seconds() * 1e3, "cpu-ms/worst-EndBlock"},
		{sum.Seconds() * 1e3 / float64(meter.blocks), "cpu-ms/EndBlock"},
		{thread.Seconds() * 1e3 / float64(m.subnets), "thread-ms/epoch"},
		{float64(meter.blocks), "blocks"},
		{meter.wall.Seconds() * 1e3 / float64(meter.blocks), "ms/block"},
		{float64(c.disk(b)-before) / float64(m.subnets), "disk-B/epoch"},
		{meter.base, "MiB-before"},
		{peak, "MiB-peak"},
	}
}

// idle makes blocks in which nothing happens but minting for 128 subnets and rewards of 64 validators.
func idle(b testing.TB, turn func()) figures {
	const blocks = 200
	m := full()
	m.start = 1
	c := agora(b, m)
	before := c.disk(b)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	turn()
	cpu := usage(b, syscall.RUSAGE_SELF)
	var ending time.Duration
	for range blocks {
		c.block(b, nil)
		ending += c.ending.all
	}
	cpu = usage(b, syscall.RUSAGE_SELF) - cpu
	return figures{
		{cpu.Seconds() * 1e3 / blocks, "cpu-ms/block"},
		{ending.Seconds() * 1e3 / blocks, "cpu-ms/EndBlock"},
		{float64(c.disk(b)-before) / blocks, "disk-B/block"},
	}
}
