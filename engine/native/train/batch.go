package train

import (
	"agora/engine/native/chat"
	"agora/task/exact"
)

// batch holds chat turns end to end, with no padding between them.
type batch struct {
	tokens  []int32
	start   []int   // of each turn in tokens, and the end of the last
	rows    []int   // positions whose next token counts in the loss: those of the answers
	targets []int32 // what it must be
	ends    []int   // per turn: where its rows end
	kinds   []int   // per turn: which kind of question
}

func (b *batch) reset() {
	*b = batch{b.tokens[:0], append(b.start[:0], 0), b.rows[:0], b.targets[:0], b.ends[:0], b.kinds[:0]}
}

// add appends a turn; it reports false for one longer than the context.
func (b *batch) add(v *chat.Vocabulary, q exact.Question, kind, context int) bool {
	turn := append([]int32{chat.User}, v.Encode(q.Text)...)
	turn = append(turn, chat.Assistant)
	first := len(turn)
	if q.Spell {
		turn = append(turn, v.Spell(q.Answer)...)
	} else {
		turn = append(turn, v.Encode(q.Answer)...)
	}
	turn = append(turn, chat.End)
	if len(turn)-1 > context {
		return false
	}
	at := len(b.tokens)
	b.tokens = append(b.tokens, turn[:len(turn)-1]...)
	b.start = append(b.start, len(b.tokens))
	for i := first; i < len(turn); i++ {
		b.rows, b.targets = append(b.rows, at+i-1), append(b.targets, turn[i])
	}
	b.ends, b.kinds = append(b.ends, len(b.rows)), append(b.kinds, kind)
	return true
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
		each(b.kinds[i], right)
	}
}
