package capacity

import "math"

// Recent is over about how many of the latest requests a service is.
const Recent = 128

// Service is the part of its latest requests that a server answered, in 1/65,535: one in twenty may fail, and a single failure of a server
// that was asked little is not the end of it.
//
//	service = min(1, (answered + 1) ÷ (asked + 1) · 20 ÷ 19)
//
// It is never 0. What is more than was asked is taken for all.
func Service(answered, asked uint64) uint16 {
	asked = min(asked, Highest)
	answered = min(answered, asked)
	return uint16(max(1, min(mulDiv((answered+1)*20, math.MaxUint16, (asked+1)*19), math.MaxUint16)))
}
