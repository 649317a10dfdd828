package yuma_test

import (
	"cmp"
	"math/bits"
	"slices"

	"agora/mechanism/fixed"
)

// The operations of the textbook epoch on vectors and matrices. A sum of zero
// leaves what it should divide as it is.

func total(v []number32) (sum number32) {
	for _, x := range v {
		sum += x
	}
	return sum
}

func normalize(v []number32) {
	if sum := total(v); sum != 0 {
		for k := range v {
			v[k] = v[k].Div(sum)
		}
	}
}

func normalize64(v []fixed.I64F64) {
	var sum fixed.I64F64
	for _, x := range v {
		sum = sum.Add(x)
	}
	if sum != (fixed.I64F64{}) {
		for k := range v {
			v[k] = v[k].Div(sum)
		}
	}
}

func vectorDivide(x, y []number32) []number32 {
	out := make([]number32, len(x))
	for k := range x {
		out[k] = x[k].Div(y[k])
	}
	return out
}

func vectorProduct(a, b []number32) []number32 {
	out := make([]number32, min(len(a), len(b)))
	for k := range out {
		out[k] = a[k].Mul(b[k])
	}
	return out
}

func maskVector(mask []bool, v []number32) {
	for k := range v {
		if mask[k] {
			v[k] = 0
		}
	}
}

// topK marks the k greatest; among equals the lower index loses.
func topK(v []number32, k int) []bool {
	order := make([]int, len(v))
	top := make([]bool, len(v))
	for i := range order {
		order[i], top[i] = i, true
	}
	slices.SortStableFunc(order, func(x, y int) int {
		switch {
		case v[x] < v[y]:
			return -1
		case v[x] > v[y]:
			return 1
		}
		return 0
	})
	for _, i := range order[:max(len(v)-k, 0)] {
		top[i] = false
	}
	return top
}

// paper lends rows for matrices and takes them back all at once; nil makes new
// ones.
type paper struct {
	rows [][]number32
	used int
}

// row returns a row of n cells with any content.
func (p *paper) row(n int) []number32 {
	if p == nil {
		return make([]number32, n)
	}
	if p.used == len(p.rows) {
		p.rows = append(p.rows, nil)
	}
	row := p.rows[p.used]
	if cap(row) < n {
		row = make([]number32, n)
	}
	p.rows[p.used] = row[:n]
	p.used++
	return row[:n]
}

// empty returns a row of n cells without an entry.
func (p *paper) empty(n int) []number32 {
	row := p.row(n)
	for j := range row {
		row[j] = none
	}
	return row
}

// clone returns a copy of a row.
func (p *paper) clone(row []number32) []number32 {
	if row == nil {
		return nil
	}
	out := p.row(len(row))
	copy(out, row)
	return out
}

func maskRows(mask []bool, m matrix) {
	for i := range m {
		if mask[i] {
			m[i] = nil
		}
	}
}

// maskDiagonal removes the diagonal, apart from one row.
func maskDiagonal(m matrix, except int) {
	for i, row := range m {
		if i < len(row) && i != except {
			row[i] = none
		}
	}
}

// maskOutdated removes the entries of row i on column j unless first_i > second_j.
func maskOutdated(m matrix, first, second []uint64) {
	for i, row := range m {
		for j, v := range row {
			if v != none && first[i] <= second[j] {
				row[j] = none
			}
		}
	}
}

func rowSum(m matrix) []number32 {
	out := make([]number32, len(m))
	for i, row := range m {
		for _, v := range row {
			if v != none {
				out[i] += v
			}
		}
	}
	return out
}

func rowNormalize(m matrix) {
	for i, sum := range rowSum(m) {
		if sum == 0 {
			continue
		}
		for j, v := range m[i] {
			if v != none {
				m[i][j] = v.Div(sum)
			}
		}
	}
}

func columnSum(m matrix, columns int) []number32 {
	sum := make([]number32, columns)
	for _, row := range m {
		for j, v := range row {
			if v != none {
				sum[j] += v
			}
		}
	}
	return sum
}

func columnNormalize(m matrix, columns int) { divideColumns(m, columnSum(m, columns)) }

func columnMaxUpscale(m matrix, columns int) {
	greatest := make([]number32, columns)
	for _, row := range m {
		for j, v := range row {
			greatest[j] = max(greatest[j], v)
		}
	}
	divideColumns(m, greatest)
}

func divideColumns(m matrix, by []number32) {
	for _, row := range m {
		for j, v := range row {
			if v != none && by[j] != 0 {
				row[j] = v.Div(by[j])
			}
		}
	}
}

func scaleRows(p *paper, m matrix, v []number32) matrix {
	out := make(matrix, len(m))
	for i, row := range m {
		out[i] = p.clone(row)
		for j, x := range row {
			if x != none {
				out[i][j] = x.Mul(v[i])
			}
		}
	}
	return out
}

// columnProduct returns Σ_i v_i·m_ij.
func columnProduct(m matrix, v []number32, columns int) []number32 {
	out := make([]number32, columns)
	for i, row := range m {
		for j, x := range row {
			if x != none {
				out[j] += v[i].Mul(x)
			}
		}
	}
	return out
}

// rowProduct returns Σ_j v_j·m_ij.
func rowProduct(m matrix, v []number32) []number32 {
	out := make([]number32, len(m))
	for i, row := range m {
		for j, x := range row {
			if x != none {
				out[i] += v[j].Mul(x)
			}
		}
	}
	return out
}

// shareProduct returns Σ_j v_j·(m_ij / sum_j).
func shareProduct(m matrix, sum, v []number32) []number32 {
	out := make([]number32, len(m))
	for i, row := range m {
		for j, x := range row {
			if x != none {
				out[i] += v[j].Mul(x.Div(sum[j]))
			}
		}
	}
	return out
}

// backedProduct returns Σ_j v_j·(stake_i·m_ij / Σ_k stake_k·m_kj) with products in
// units of 2^−47, the price v_j / Σ rounded down in units of 2^−94 times the power of
// two that makes the sum as great as 2^63 or greater, and what it pays in units of
// 2^−62.
func backedProduct(m matrix, stake, v []number32) []number32 {
	sum, shift, price := make([]uint64, len(v)), make([]int, len(v)), make([]uint64, len(v))
	backed := func(i int, bond number32) uint64 {
		hi, lo := bits.Mul64(uint64(stake[i]), uint64(max(bond, 0)))
		return hi<<(64-17) + lo>>17
	}
	for i, row := range m {
		for j, bond := range row {
			sum[j] += backed(i, bond)
		}
	}
	for j, scaled := range sum {
		for ; scaled > 0 && scaled < 1<<63; scaled *= 2 {
			shift[j]++
		}
		if scaled > 0 {
			price[j], _ = bits.Div64(uint64(v[j])<<30, 0, scaled)
		}
	}
	out := make([]number32, len(m))
	for i, row := range m {
		var paid uint64
		for j, bond := range row {
			pay, _ := bits.Mul64(backed(i, bond)<<shift[j], price[j])
			paid += pay
		}
		out[i] = number32(paid >> 30)
	}
	return out
}

// scaleColumns returns m_ij·v_j, without what becomes zero.
func scaleColumns(m matrix, v []number32) matrix {
	out := make(matrix, len(m))
	for i, row := range m {
		out[i] = slices.Clone(row)
		for j, x := range row {
			out[i][j] = none
			if x != none && j < len(v) && x.Mul(v[j]) != 0 {
				out[i][j] = x.Mul(v[j])
			}
		}
	}
	return out
}

func clipColumns(p *paper, m matrix, limit []number32) matrix {
	out := make(matrix, len(m))
	for i, row := range m {
		out[i] = p.clone(row)
		for j, v := range row {
			if v == none || v <= limit[j] {
				continue
			}
			out[i][j] = limit[j]
			if limit[j] == 0 {
				out[i][j] = none
			}
		}
	}
	return out
}

func medianColumns(stake []number32, m matrix, columns int, majority number32) []number32 {
	var rows []int
	var used []number32
	for i, s := range stake {
		if s > 0 {
			rows, used = append(rows, i), append(used, s)
		}
	}
	normalize(used)
	minority := total(used).Sub(majority)
	out, votes := make([]number32, columns), make([]vote, len(rows))
	for j := range out {
		for k, i := range rows {
			votes[k] = vote{score: value(m, i, j), stake: used[k]}
		}
		out[j] = sortedMedian(votes, minority)
	}
	return out
}

// vote is a validator's score of one miner and the stake behind it.
type vote struct {
	score, stake number32
}

// sortedMedian is step 6 by sorting: the smallest score at which the running stake
// exceeds the minority, or the greatest. It sorts the votes.
func sortedMedian(votes []vote, minority number32) number32 {
	if len(votes) == 0 {
		return 0
	}
	slices.SortFunc(votes, func(a, b vote) int { return cmp.Compare(a.score, b.score) })
	var below number32
	for _, v := range votes {
		if below += v.stake; below > minority {
			return v.score
		}
	}
	return votes[len(votes)-1].score
}

// interpolate returns a + ratio·(b − a), which at the ends is a or b itself;
// between them it keeps what is positive.
func interpolate(p *paper, a, b matrix, ratio number32) matrix {
	switch ratio {
	case 0:
		return a
	case fixed.One:
		return b
	}
	out := make(matrix, len(a))
	for i := range a {
		columns := max(len(a[i]), len(b[i]))
		if columns == 0 {
			continue
		}
		out[i] = p.empty(columns)
		for j := range out[i] {
			x, y := value(a, i, j), value(b, i, j)
			if v := x.Add(ratio.Mul(y.Sub(x))); v > 0 {
				out[i][j] = v
			}
		}
	}
	return out
}

// average returns alpha·next + (1 − alpha)·old, keeping what is positive.
func average(p *paper, next, old matrix, keptMillionths uint32) matrix {
	alpha := fixed.One.Sub(fixed.Ratio(uint64(keptMillionths), 1_000_000).I32())
	rest := fixed.One.Sub(alpha)
	out := make(matrix, len(next))
	for i := range next {
		columns := max(len(next[i]), len(old[i]))
		if columns == 0 {
			continue
		}
		out[i] = p.empty(columns)
		for j := range out[i] {
			if v := alpha.Mul(value(next, i, j)).Add(rest.Mul(value(old, i, j))); v > 0 {
				out[i][j] = v
			}
		}
	}
	return out
}

// averageAlpha does the same with a speed per pair, for new entries only, and
// keeps what is positive, at most one.
func averageAlpha(p *paper, next, old, alpha matrix) matrix {
	out := make(matrix, len(next))
	for i, row := range next {
		out[i] = p.clone(row)
		for j, v := range row {
			if v == none {
				continue
			}
			a := value(alpha, i, j)
			out[i][j] = fixed.One.Sub(a).Mul(value(old, i, j)).Add(a.Mul(v)).Min(fixed.One)
			if out[i][j] <= 0 {
				out[i][j] = none
			}
		}
	}
	return out
}
