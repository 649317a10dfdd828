package frontier

import "slices"

// Standing is how a model stands in a tempo.
type Standing struct {
	Model      Model
	Items      int64  // that it was asked
	Capability Score  // mean of its scores
	Place      int    // from 1; 0 for none
	Depth      int    // of the place's prize: that of the place before where the two cannot be told apart, else one more
	Prize      uint64 // of the place, see Prize; 0 for none
	Why        Why    // it has no place
	Before     int    // index in the list of the model that keeps it out, or whose place its servers have a part in; -1 for none
}

// Why says why a model has no place.
type Why uint8

// Reasons.
const (
	Placed    Why = iota
	Unready       // too few items
	Unserved      // nobody serves it
	Dominated     // a model with a place has fewer than four times its parameters: it is no smaller, and ahead in the list
	Outsized      // a model of at most a quarter of its parameters stands against it
	Incapable     // it was never right
	lastWhy   = Incapable
)

// String spells a reason as pages show it.
func (w Why) String() string {
	return [...]string{"has a place", "too few items", "not served", "a model of its size is ahead", "a model of a quarter of its size is as good", "never right"}[min(w, lastWhy)]
}

// Places lists the models of a tempo: first those that take part, in the order of the list, then the others in the order of commits.
// served says which have capacity.
//
// Models enter the list in the order of their commits, each directly before the first in it that it has passed, else at the end. From
// the front a model takes the next place unless
//
//	(a) a model that has a place has fewer than 4 times its parameters, or
//	(b) a model that takes part, of at most a quarter of its parameters, stands against it.
//
// Places that cannot be told apart share one prize evenly, so that a padded model committed before its original wins nothing until it
// is shut out.
func (b *Board) Places(number uint64, served func([32]byte) bool) []Standing {
	line, rest := b.line(number, served)
	out := make([]Standing, len(line), len(line)+len(rest))
	var holders []int
	for i, r := range line {
		s := r.standing(number)
		s.Why, s.Before = b.keptOut(line, holders, i, number)
		if s.Capability == 0 && s.Why == Placed {
			s.Why = Incapable
		}
		if s.Why == Placed {
			s.Place, s.Depth = len(holders)+1, 1
			if n := len(holders); n > 0 {
				s.Depth = out[holders[n-1]].Depth
				if !b.tied(line, holders, i, number) {
					s.Depth++
				}
			}
			holders = append(holders, i)
		}
		out[i] = s
	}
	share(out)
	return append(out, rest...)
}

// tied says whether the i-th of the list cannot be told apart from the holder of the last place.
func (b *Board) tied(line []*record, holders []int, i int, number uint64) bool {
	last := line[holders[len(holders)-1]]
	return b.pair(line[i], last, number).tied(b.rules.Margin)
}

// share sets the prizes.
func share(list []Standing) {
	members := map[int]uint64{}
	for _, s := range list {
		members[s.Depth]++
	}
	for i, s := range list {
		if s.Place > 0 {
			list[i].Prize = max(1, Prize(s.Depth, s.Capability)/members[s.Depth])
		}
	}
}

// standing is a model's without a place.
func (r *record) standing(number uint64) Standing {
	s := Standing{Model: r.Model, Before: -1}
	s.Capability, s.Items = r.mean(number)
	return s
}

// line is the list, and apart from it the models that take no part.
func (b *Board) line(number uint64, served func([32]byte) bool) (line []*record, rest []Standing) {
	for _, r := range b.models {
		s := r.standing(number)
		switch {
		case s.Items < int64(b.rules.Ready):
			s.Why = Unready
			rest = append(rest, s)
		case !served(r.Digest):
			s.Why = Unserved
			rest = append(rest, s)
		default:
			at := slices.IndexFunc(line, func(o *record) bool { return b.pair(r, o, number).hasPassed(r) })
			if at < 0 {
				at = len(line)
			}
			line = slices.Insert(line, at, r)
		}
	}
	return line, rest
}

// keptOut says why the i-th of the list gets no place, and which model of the list is the reason.
func (b *Board) keptOut(line []*record, holders []int, i int, number uint64) (Why, int) {
	r := line[i]
	for j, o := range line {
		if quarter(&o.Model, &r.Model) && b.pair(r, o, number).standsAgainst(o) {
			return Outsized, j
		}
	}
	for _, h := range holders {
		if line[h].size() < 4*r.size() {
			return Dominated, h
		}
	}
	return Placed, -1
}
