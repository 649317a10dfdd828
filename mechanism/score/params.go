package score

import (
	"errors"
	"fmt"
)

// Params are the judge's settings for one subnet.
//
//	name      unit      default  bounds       reason
//	MinItems  items     100      10..Window   fewer cannot separate a ten-point gap; before it a miner has no weight
//	Window    items     1000     10..4096     remembered per miner; enough to tell miners five to ten points apart
//	Idle      items     4        1..MinItems  asked of everyone per tempo when nothing is in doubt, so that a swap is seen
//	Error     share     0.01     0.0001..0.1  chance that a pair of equal miners is ever told apart, over all looks
//	Chance    score     0        0..0.99      what an answer without any skill scores; capability counts from there
//	Same      score     0.005    0..0.1       a lead below it breaks no tier; miners surely closer than this need no more items
//	Copies    items     3        2..100       identical telling answers that make two miners share a seat
//	Recent    requests  100      10..1000     that an absence is counted over; the least that tells 5 % from 15 %
//	Gone      requests  10       2..100       failures in a row after which a miner is away: a decliner of three in ten has them never
type Params struct {
	MinItems int
	Window   int
	Idle     int
	Error    float64
	Chance   float64
	Same     float64
	Copies   int
	Recent   int
	Gone     int
}

// DefaultParams returns the defaults of the table above.
func DefaultParams() Params {
	return Params{MinItems: 100, Window: 1000, Idle: 4, Error: 0.01, Same: 0.005, Copies: 3, Recent: 100, Gone: 10}
}

// ErrParams says that a setting is outside its bounds.
var ErrParams = errors.New("score: setting out of bounds")

// Validate reports the first setting that is outside the bounds of the table.
func (p Params) Validate() error {
	for _, c := range []struct {
		name        string
		is, low, up float64
	}{
		{"Window", float64(p.Window), 10, 4096},
		{"MinItems", float64(p.MinItems), 10, float64(p.Window)},
		{"Idle", float64(p.Idle), 1, float64(p.MinItems)},
		{"Error", p.Error, 0.0001, 0.1},
		{"Chance", p.Chance, 0, 0.99},
		{"Same", p.Same, 0, 0.1},
		{"Copies", float64(p.Copies), 2, 100},
		{"Recent", float64(p.Recent), 10, 1000},
		{"Gone", float64(p.Gone), 2, 100},
	} {
		if !(c.is >= c.low && c.is <= c.up) {
			return fmt.Errorf("%w: %s is %v, must be %v to %v", ErrParams, c.name, c.is, c.low, c.up)
		}
	}
	return nil
}
