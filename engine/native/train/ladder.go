package train

// Rung is one model of the ladder and how it is trained.
type Rung struct {
	Name string
	Shape
	Steps  int
	Parts  int     // of a step's batch, which are worked on at the same time
	Tokens int     // of a part
	Rate   float64 // the learning rate at its highest
	Seed   uint64
}

// longest is enough for a conversation of several turns, and for the longest text of an examination in single bytes.
const longest = 1152

// Ladder lists the sizes, smallest first. Each has at least 4.2 times the parameters of the one before.
var Ladder = []Rung{
	{"chat-pico", Shape{84, 32, 1, 32, 2, 1, 16, longest}, 3000, 1, 2048, 8e-3, 1},
	{"chat-nano", Shape{136, 64, 1, 64, 2, 2, 32, longest}, 4200, 1, 2048, 4e-3, 2},
	{"chat-micro", Shape{288, 64, 4, 96, 2, 2, 32, longest}, 3500, 1, 2048, 3e-3, 3},
	{"chat-small", Shape{840, 128, 4, 192, 4, 4, 32, longest}, 4000, 2, 1024, 2e-3, 4},
	{"chat-large", Shape{768, 256, 4, 512, 8, 8, 32, longest}, 4000, 8, 512, 15e-4, 5},
}

// rate warms up over 50 steps, stays, and falls to almost zero over the last 45 % of the run.
func (r Rung) rate(step int) float64 {
	left := 1 - float64(step)/float64(r.Steps)
	return r.Rate * min(1, float64(step+1)/50, left/0.45+0.005)
}
