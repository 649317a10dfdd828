// Package capacity says how much servers of open models can do, from bursts of requests that all voices send at one moment: in
// integers.
//
//	moment    the block after which all servers are asked at once              (Scan, Drawn)
//	burst     max(slots, 16) requests at a time, divided among voices          (Size, Divide)
//	work      tokens of answers, and a quarter of those of prompts             (Work)
//	figure    work in the window ÷ window · all requests ÷ own                 (Sample)
//	capacity  the mean of the last eight moments                               (Of)
//	service   the part of other requests that was answered        (Service)
//	price     above twice what the place's work costs, capacity is 0           (Affordable)
//
// The mean adds up: a machine that stands behind many keys is asked behind all of them at the same moment, so that their figures add
// up to its own. Everything is total: no clock, no randomness, no I/O, no float. An argument outside its range is brought into it.
package capacity

import "math/bits"

// mulDiv is the whole part of a·b/c, at most 2^64 − 1; 0 if c is 0.
func mulDiv(a, b, c uint64) uint64 {
	if c == 0 {
		return 0
	}
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, c)
	return q
}
