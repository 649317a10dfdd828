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
	{"chat-pico", Shape{83, 32, 1, 32, 2, 1, 16, longest}, 3000, 1, 2048, 8e-3, 1},
	{"chat-nano", Shape{492, 32, 3, 32, 2, 2, 16, longest}, 4000, 1, 2048, 6e-3, 2},
	{"chat-micro", Shape{536, 64, 3, 128, 2, 2, 32, longest}, 2000, 1, 2048, 4e-3, 3},
	{"chat-small", Shape{816, 128, 4, 192, 4, 4, 32, longest}, 3000, 4, 512, 3e-3, 4},
	{"chat-large", Shape{816, 256, 4, 512, 8, 8, 32, longest}, 3600, 4, 768, 2e-3, 5},
}

// fall is the part of a run over which the rate falls.
const fall = 0.45

// rate warms up over 50 steps, stays, and falls to almost zero.
func (r Rung) rate(step int) float64 {
	return r.Rate * min(1, float64(step+1)/50, r.left(step)/fall+0.005)
}

// left is the part of the run after so many steps.
func (r Rung) left(step int) float64 { return 1 - float64(step)/float64(r.Steps) }

// converses says whether a step has conversations. Before the rate falls questions stand alone: what an answer follows from is
// learnt sooner where nothing else can be read.
func (r Rung) converses(step int) bool { return r.left(step) < fall }
