package study

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// Effort says how much of a study is computed, and by how many.
type Effort struct {
	// Seed is the first number of the random subnets; the same one gives the
	// same figures on any number of processors.
	Seed uint64
	// Seeds is how many random subnets a figure is the mean of.
	Seeds int
	// Workers is the number of goroutines; 0: one per processor.
	Workers int
	// Progress, if set, is told after each part how many of all are done. It is
	// called by one goroutine at a time.
	Progress func(done, total int)
}

// inParallel calls do for 0..count−1 on as many goroutines as asked for, or as
// there are processors, and waits for all of them. It begins nothing after ctx
// has ended, which then is its error.
func (e Effort) inParallel(ctx context.Context, count int, do func(k int)) error {
	workers := e.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var telling sync.Mutex
	done := 0
	var group sync.WaitGroup
	for range min(workers, count) {
		group.Go(func() {
			for k := int(next.Add(1)) - 1; k < count && ctx.Err() == nil; k = int(next.Add(1)) - 1 {
				do(k)
				telling.Lock()
				if done++; e.Progress != nil {
					e.Progress(done, count)
				}
				telling.Unlock()
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// source returns the random numbers of one part of a study: the same for the
// same seed and part, whoever computes it.
func source(seed, part uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, part*0x9e3779b97f4a7c15+1))
}
