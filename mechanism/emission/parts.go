package emission

import "agora/mechanism/fixed"

// Parts is in how many parts the dividends of a tempo reach those who stake.
const Parts = 20

// Flow is when the parts of an amount fall due, in block heights.
type Flow struct {
	// Next is the height of the next part.
	Next int64
	// Step is the number of blocks between two parts, at least 1.
	Step int64
	// Given of the Of parts have been paid; Of is Parts, or the tempo if that is shorter.
	Given, Of uint32
}

// NewFlow spreads what an epoch at a height pays over the following tempo blocks, at least one. Parts fall on heights
// that Step divides, so that those of subnets with one tempo fall together; the last comes at height + tempo at the
// latest.
func NewFlow(height, tempo int64) Flow {
	of := min(Parts, tempo)
	step := tempo / of
	return Flow{Next: (height/step + 1) * step, Step: step, Of: uint32(of)}
}

// Until counts the parts that are due at a height and not paid yet.
func (f Flow) Until(height int64) (due uint32) {
	if height < f.Next {
		return 0
	}
	return uint32(min(int64(f.Of-f.Given), (height-f.Next)/f.Step+1))
}

// After returns the flow with due more parts paid.
func (f Flow) After(due uint32) Flow {
	f.Given += due
	f.Next += int64(due) * f.Step
	return f
}

// Done tells whether every part was paid.
func (f Flow) Done() bool { return f.Given >= f.Of }

// Due is what the next due parts of an amount come to: with g parts given of n,
//
//	⌊amount·(g + due)/n⌋ − ⌊amount·g/n⌋
//
// so that all parts add up to the amount.
func (f Flow) Due(amount uint64, due uint32) uint64 {
	return fixed.Part(amount, uint64(f.Given+due), uint64(f.Of)) - fixed.Part(amount, uint64(f.Given), uint64(f.Of))
}

// Left is what of an amount was not paid yet.
func (f Flow) Left(amount uint64) uint64 { return f.Due(amount, f.Of-f.Given) }
