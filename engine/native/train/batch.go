package train

import "math"

// batch holds texts end to end, with no padding between them.
type batch struct {
	tokens  []int32
	start   []int   // of each text in tokens, and the end of the last
	rows    []int   // positions whose next token counts in the loss: those of the answers
	targets []int32 // what it must be
	weights []float32
	ends    []int // per turn: where its rows end
	kinds   []int // per turn: which kind of question; -1 for a plain text
}

func (b *batch) reset() {
	*b = batch{b.tokens[:0], append(b.start[:0], 0), b.rows[:0], b.targets[:0], b.weights[:0], b.ends[:0], b.kinds[:0]}
}

// add appends a conversation; it reports false for one longer than room.
func (b *batch) add(v *Vocabulary, c conversation, room int) bool {
	ids, spans := v.render(c)
	if len(ids)-1 > room {
		return false
	}
	at := len(b.tokens)
	b.tokens = append(b.tokens, ids[:len(ids)-1]...)
	b.start = append(b.start, len(b.tokens))
	for _, s := range spans {
		for i := s.first; i < s.end; i++ {
			b.rows, b.targets, b.weights = append(b.rows, at+i-1), append(b.targets, ids[i]), append(b.weights, s.weight())
		}
		b.ends, b.kinds = append(b.ends, len(b.rows)), append(b.kinds, s.kind)
	}
	return true
}

// span is an answer within a text's tokens, its end included.
type span struct{ first, end, kind int }

// weight of one of its tokens in the loss: an answer of n tokens weighs √n, so that sentences do not drown numbers, and a plain
// text as much as a few answers.
func (s span) weight() float32 {
	n := float64(s.end - s.first)
	if s.kind < 0 {
		return float32(storyWeight / n)
	}
	return float32(1 / math.Sqrt(n))
}

const storyWeight = 10

// weight is that of the whole batch.
func (b *batch) weight() (sum float64) {
	for _, w := range b.weights {
		sum += float64(w)
	}
	return sum
}

// exactTurns calls each with every turn and whether all its answer's tokens were the most probable ones, which is
// the same as greedy decoding giving the exact answer. hit tells that per row.
func (b *batch) exactTurns(hit []bool, each func(kind int, right bool)) {
	row := 0
	for i, end := range b.ends {
		right := true
		for ; row < end; row++ {
			right = right && hit[row]
		}
		if b.kinds[i] >= 0 {
			each(b.kinds[i], right)
		}
	}
}
