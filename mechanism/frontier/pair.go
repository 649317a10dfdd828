package frontier

// pair is two models, the earlier commit first, over the items that both were asked, tempo by tempo.
type pair struct {
	early, late *record
	at          [2]int // tempos of each that were looked at
	version     [2]int // of the records then
	through     uint64 // all tempos up to this one are counted
	lead        lead   // of the late one
	passed      side   // which passed the other last
	stands      bool   // the late one, of at most a quarter of the size, was surely not worse by more than the margin
}

// side is one of a pair.
type side uint8

const (
	none side = iota
	early
	late
)

type pairKey struct{ early, late [32]byte }

// pair is what is known of two models up to a tempo. What was known of earlier tempos is gone on from.
func (b *Board) pair(x, y *record, number uint64) *pair {
	if y.before(&x.Model) {
		x, y = y, x
	}
	key := pairKey{x.Digest, y.Digest}
	p := b.pairs[key]
	if p == nil || p.version != [2]int{x.version, y.version} || p.through > number {
		p = &pair{early: x, late: y, version: [2]int{x.version, y.version}}
		b.pairs[key] = p
	}
	p.follow(number, b.rules)
	return p
}

// follow counts the tempos up to number that both have results of, in their order, and looks after each who passed whom.
func (p *pair) follow(number uint64, rules Rules) {
	p.through = number
	ends := [2]int{p.early.until(number), p.late.until(number)}
	for p.at[0] < ends[0] && p.at[1] < ends[1] {
		a, b := p.early.tempos[p.at[0]], p.late.tempos[p.at[1]]
		switch {
		case a.number < b.number:
			p.at[0]++
		case a.number > b.number:
			p.at[1]++
		default:
			p.count(a.height, p.early.scored(p.at[0]), p.late.scored(p.at[1]), rules)
			p.at[0]++
			p.at[1]++
		}
	}
}

// count counts one tempo that began at height.
func (p *pair) count(height int64, ofEarly, ofLate []Score, rules Rules) {
	for i := range min(len(ofEarly), len(ofLate)) {
		p.lead.add(ofLate[i], ofEarly[i])
	}
	if p.lead.n < int64(rules.Ready) {
		return
	}
	overEarly := rules.margin(p.early.Published, height)
	overLate := rules.margin(p.late.Published, height)
	switch {
	case p.passed != late && p.lead.surely(overEarly):
		p.passed = late
	case p.passed != early && p.lead.reversed().surely(overLate):
		p.passed = early
	}
	if quarter(&p.late.Model, &p.early.Model) && p.lead.surely(-rules.Margin) {
		p.stands = true
	}
}

// quarter says whether one model has at most a quarter of another's parameters.
func quarter(small, big *Model) bool { return small.size() <= big.size()/4 }

// hasPassed says whether x, one of the pair, has passed the other.
func (p *pair) hasPassed(x *record) bool {
	return p.passed == early && x == p.early || p.passed == late && x == p.late
}

// standsAgainst says whether small, one of the pair and of at most a quarter of the other's size, stands against it: an earlier one
// until the bigger has passed it, a later one once it is surely not worse by more than the margin, and until then too.
func (p *pair) standsAgainst(small *record) bool {
	if small == p.early {
		return p.passed != late
	}
	return p.stands && p.passed != early || p.passed == late
}

// tied says whether the two cannot be told apart: neither has passed the other, and their means differ by at most margin.
func (p *pair) tied(margin int64) bool {
	l := p.lead
	return p.passed == none && l.sum <= l.n*margin && -l.sum <= l.n*margin
}
