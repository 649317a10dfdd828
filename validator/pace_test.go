package validator

import (
	"testing"
	"time"

	"agora/client"
)

// A tempo is as long as it takes, whatever voters' clocks made of the blocks' time.
func TestThePaceOfBlocksIsOfNoWrongClock(t *testing.T) {
	const each = 2 * time.Second
	began := time.Now()
	for name, c := range map[string]struct {
		blockTime, seen func(n int) time.Duration // of block n, since the beginning
	}{
		"right":            {func(n int) time.Duration { return time.Duration(n) * each }, func(n int) time.Duration { return time.Duration(n) * each }},
		"the chain stands": {func(n int) time.Duration { return 3*time.Hour + time.Duration(n)*time.Millisecond }, func(n int) time.Duration { return time.Duration(n) * each }},
		"blocks come late": {func(n int) time.Duration { return time.Duration(n) * each }, func(n int) time.Duration { return time.Duration(n) * time.Millisecond }},
	} {
		var p pace
		for n := range 200 {
			p.see(client.Block{Height: int64(n + 1), Time: began.Add(c.blockTime(n))}, began.Add(c.seen(n)))
		}
		if got := p.of(10); (got - 10*each).Abs() > time.Second {
			t.Errorf("%s: ten blocks take %v", name, got)
		}
	}
}
