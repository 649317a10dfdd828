package study

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// inParallel calls do for 0..count−1 on as many goroutines as asked for, or as
// there are processors, and waits for all of them.
func inParallel(count, workers int, do func(k int)) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, count) {
		group.Go(func() {
			for k := int(next.Add(1)) - 1; k < count; k = int(next.Add(1)) - 1 {
				do(k)
			}
		})
	}
	group.Wait()
}

// source returns the random numbers of one part of a study: the same for the
// same seed and part, whoever computes it.
func source(seed, part uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, part*0x9e3779b97f4a7c15+1))
}
