package score

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// However answers come, their list by item is that of all that are kept, and what is kept stays in the order in which it came.
func TestAnswersAreListedByItem(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		const window = 40
		var r record
		var want []mark
		late := random.IntN(3) * random.IntN(8) // items between an answer and the latest
		for i := range 3 * window {
			m := mark{Item: uint64(10*i + 1 - 10*random.IntN(1+late)), Score: float64(i)}
			if m.Item = max(m.Item, 1); r.has(m.Item) {
				m.Item += uint64(1 + i%9)
			}
			if r.has(m.Item) || int64(m.Item) < 0 {
				continue
			}
			r.append(m, window)
			want = append(want, m)
			want = want[max(0, len(want)-window):]
			if random.IntN(3) == 0 {
				sorted := slices.Clone(want)
				slices.SortFunc(sorted, func(x, y mark) int { return cmp.Compare(x.Item, y.Item) })
				if got := r.inOrder(); !slices.Equal(got, sorted) {
					t.Fatalf("after %d answers %v, want %v", i, got, sorted)
				}
			}
			if !slices.Equal(r.marks, want) {
				t.Fatalf("after %d answers %v are kept, want %v", i, r.marks, want)
			}
		}
	}
}
