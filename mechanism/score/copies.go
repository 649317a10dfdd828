package score

import (
	"cmp"
	"slices"
)

// Said is what is kept of an answer to see whether another miner gives it too.
type Said struct {
	Text    uint64  `json:"t"`           // hash of the text, normalised; 0 where there is none
	Telling bool    `json:"l,omitempty"` // unrelated honest models would hardly write the same text: it is long
	Levels  []Level `json:"p,omitempty"` // the likeliest of the declared probabilities, by token; empty where none are declared
}

// Level is one declared probability.
type Level struct {
	Token   uint32 `json:"k"` // hash of the token
	Logprob int32  `json:"v"` // natural logarithm, in thousandths
}

// Declared probabilities are alike when every likely one is within tolerance; they tell something unless one token has nearly
// all, which every good model says of an easy place.
const (
	tolerance = 20    // thousandths: two parts in a hundred of a probability
	likely    = -4600 // thousandths: one in a hundred. What is less likely is not compared
	sure      = -105  // thousandths: nine in ten
)

// telling says whether the answer shows by itself who made it.
func (s Said) telling() bool {
	if len(s.Levels) > 0 {
		return !slices.ContainsFunc(s.Levels, func(l Level) bool { return l.Logprob > sure })
	}
	return s.Telling
}

// alike says whether two answers are the same: the declared probabilities where both declare them, else the text. Whoever leaves
// a declaration out is held against the others by its text.
func (s Said) alike(o Said) bool {
	if len(s.Levels) == 0 || len(o.Levels) == 0 {
		return s.Text != 0 && s.Text == o.Text
	}
	return s.covers(o) && o.covers(s)
}

// covers says that o gives every token which s holds likely about the same probability.
func (s Said) covers(o Said) bool {
	for _, l := range s.Levels {
		if l.Logprob < likely {
			continue
		}
		at := slices.IndexFunc(o.Levels, func(x Level) bool { return x.Token == l.Token })
		if at < 0 || max(l.Logprob-o.Levels[at].Logprob, o.Levels[at].Logprob-l.Logprob) > tolerance {
			return false
		}
	}
	return true
}

// twins counts how alike two miners answer, from their first answer on that is the same and tells something.
type twins struct {
	Shared int `json:"shared"` // long answers of both to one item
	Same   int `json:"same"`   // of those, the same ones
	Told   int `json:"told"`   // items to which both declared probabilities that tell something
	Like   int `json:"like"`   // of those, the ones with like probabilities
	Short  int `json:"short"`  // other answers of both to one item, right or wrong
	Equal  int `json:"equal"`  // of those, the same ones
	Errors int `json:"errors"` // of the others, items on which one of them or both were wrong, otherwise than they often are
	Alike  int `json:"alike"`  // of those, the same ones
}

// Short answers prove nothing where they are right: honest models agree on what is right. They do where they are many, hardly
// any differs, and the errors are the same ones too.
const (
	manyShort  = 100
	manyErrors = 8
	manyTold   = 20 // honest models that one was made of the other agree on two items in three
	nearlyAll  = 0.95
	usual      = 64 // latest errors of a miner among which a new one counts as its habit
)

// compareAnswers holds an answer against those of the others to the same item and remembers it for those to come.
func (b *Board) compareAnswers(number uint64, a answer, rec *record) {
	odd := a.Score < 1 && !slices.Contains(rec.errors, a.Text)
	if a.Score < 1 && !a.telling() {
		rec.errors = append(rec.errors, a.Text)
		rec.errors = slices.Delete(rec.errors, 0, max(0, len(rec.errors)-usual))
	}
	if number+keptAnswers < b.next() {
		return // too old: what the others said of it is forgotten
	}
	for _, o := range b.said[number] {
		b.compareTwo(a, o, odd)
	}
	b.said[number] = append(b.said[number], a)
}

// compareTwo counts one pair of answers. odd says that a is an error such as its miner did not make lately.
func (b *Board) compareTwo(a, o answer, odd bool) {
	if a.UID == o.UID {
		return
	}
	pair := [2]uint16{min(a.UID, o.UID), max(a.UID, o.UID)}
	same, telling := a.alike(o.Said), a.telling() && o.telling()
	wrong := a.Score < 1 != (o.Score < 1) || odd
	if bare, mixed := undeclared(a, o); mixed {
		telling, odd = a.Telling && o.Telling, bare.Score < 1
		wrong = !same || odd
	}
	t := b.twins[pair]
	if t == nil {
		if !same || !telling && !odd {
			return
		}
		t = &twins{}
		b.twins[pair] = t
	}
	switch {
	case telling && len(a.Levels) > 0 && len(o.Levels) > 0:
		t.Told, t.Like = t.Told+1, t.Like+one(same)
	case telling:
		t.Shared, t.Same = t.Shared+1, t.Same+one(same)
	default:
		t.Short, t.Equal = t.Short+1, t.Equal+one(same)
		if wrong {
			t.Errors, t.Alike = t.Errors+1, t.Alike+one(same)
		}
	}
	if t.Shared+t.Told+t.Short >= b.params.Window {
		for _, n := range []*int{&t.Shared, &t.Same, &t.Told, &t.Like, &t.Short, &t.Equal, &t.Errors, &t.Alike} {
			*n /= 2
		}
	}
}

// undeclared is the one of two answers that declares no probabilities, where the other does. Its score alone tells whether their
// text is right: a declaration is hardly ever worth all.
func undeclared(a, o answer) (bare answer, mixed bool) {
	switch {
	case len(a.Levels) == 0 && len(o.Levels) > 0:
		return a, true
	case len(a.Levels) > 0 && len(o.Levels) == 0:
		return o, true
	}
	return answer{}, false
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// copies says whether two miners answer alike: by enough long answers and at least half of them, by nearly all of the
// probabilities that both declare, or by nearly all of many short answers, errors among them.
func (t *twins) copies(enough int) bool {
	return t.Same >= enough && 2*t.Same >= t.Shared ||
		t.Like >= manyTold && float64(t.Like) >= nearlyAll*float64(t.Told) ||
		t.Short >= manyShort && float64(t.Equal) >= nearlyAll*float64(t.Short) &&
			t.Alike >= manyErrors && float64(t.Alike) >= nearlyAll*float64(t.Errors)
}

// forgetTwins drops what is known of a uid's likeness to others, and what it said: whoever answers the same items later is like the
// miner that it was, not like the one that it is.
func (b *Board) forgetTwins(uid uint16) {
	for number, said := range b.said {
		b.said[number] = slices.DeleteFunc(said, func(a answer) bool { return a.UID == uid })
	}
	for pair := range b.twins {
		if pair[0] == uid || pair[1] == uid {
			delete(b.twins, pair)
		}
	}
}

// twinPairs lists the pairs that answer alike.
func (b *Board) twinPairs() (pairs [][2]uint16) {
	for pair, t := range b.twins {
		if t.copies(b.params.Copies) {
			pairs = append(pairs, pair)
		}
	}
	slices.SortFunc(pairs, func(x, y [2]uint16) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) })
	return pairs
}

// seatCopies lets each group of miners that answer alike share one seat: it is held by the present member whose judged record
// began first (then by the earlier registration, then by the lower uid); the others point to it with CopyOf and earn nothing. A
// seat whose holder is gone passes to the next, so honest twins still stand in for each other.
func (b *Board) seatCopies(all []Standing) {
	seat := make([]int, len(all)) // index of the group's holder, as far as known
	index := make(map[uint16]int, len(all))
	for i, s := range all {
		seat[i], index[s.UID] = i, i
	}
	for _, pair := range b.twinPairs() {
		x, y := seat[index[pair[0]]], seat[index[pair[1]]]
		if b.seatBefore(all[y], all[x]) {
			x, y = y, x
		}
		for i := range seat {
			if seat[i] == y {
				seat[i] = x
			}
		}
	}
	for i, holder := range seat {
		if holder != i {
			all[i].CopyOf = int(all[holder].UID)
		}
	}
}

// seatBefore orders claims to a seat: present before absent, then by the beginning of the record, earlier registration, lower uid.
// Who only passes on another's answers has none of that kind before the other serves, whenever it registered; and a record
// begins anew where other answers than before show.
func (b *Board) seatBefore(x, y Standing) bool {
	if present := x.present(); present != y.present() {
		return present
	}
	return cmp.Or(cmp.Compare(b.records[x.UID].since, b.records[y.UID].since),
		cmp.Compare(x.Registered, y.Registered), cmp.Compare(x.UID, y.UID)) < 0
}
