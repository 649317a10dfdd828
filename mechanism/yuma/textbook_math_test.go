package yuma_test

import (
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

func copyMatrix(m matrix) matrix {
	out := make(matrix, len(m))
	for i, row := range m {
		out[i] = slices.Clone(row)
	}
	return out
}

// each replaces every entry.
func (m matrix) each(change func(i, j int, v number32) number32) {
	for i, row := range m {
		for j, v := range row {
			if v != none {
				row[j] = change(i, j, v)
			}
		}
	}
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
	m.each(func(i, j int, v number32) number32 {
		if i == j && i != except {
			return none
		}
		return v
	})
}

func maskPairs(m matrix, first, second []uint64, masked func(a, b uint64) bool) {
	m.each(func(i, j int, v number32) number32 {
		if masked(first[i], second[j]) {
			return none
		}
		return v
	})
}

func rowSum(m matrix) []number32 {
	out := make([]number32, len(m))
	m.each(func(i, _ int, v number32) number32 {
		out[i] = out[i].Add(v)
		return v
	})
	return out
}

func rowNormalize(m matrix) {
	sum := rowSum(m)
	m.each(func(i, _ int, v number32) number32 {
		if sum[i] == 0 {
			return v
		}
		return v.Div(sum[i])
	})
}

func columnNormalize(m matrix, columns int) {
	sum := make([]number32, columns)
	m.each(func(_, j int, v number32) number32 {
		sum[j] = sum[j].Add(v)
		return v
	})
	divideColumns(m, sum)
}

func columnMaxUpscale(m matrix, columns int) {
	greatest := make([]number32, columns)
	m.each(func(_, j int, v number32) number32 {
		greatest[j] = max(greatest[j], v)
		return v
	})
	divideColumns(m, greatest)
}

func divideColumns(m matrix, by []number32) {
	m.each(func(_, j int, v number32) number32 {
		if by[j] == 0 {
			return v
		}
		return v.Div(by[j])
	})
}

func scaleRows(m matrix, v []number32) matrix {
	out := copyMatrix(m)
	out.each(func(i, _ int, x number32) number32 { return x.Mul(v[i]) })
	return out
}

// columnProduct returns Σ_i v_i·m_ij.
func columnProduct(m matrix, v []number32, columns int) []number32 {
	out := make([]number32, columns)
	m.each(func(i, j int, x number32) number32 {
		out[j] = out[j].Add(v[i].Mul(x))
		return x
	})
	return out
}

// rowProduct returns Σ_j v_j·m_ij.
func rowProduct(m matrix, v []number32) []number32 {
	out := make([]number32, len(m))
	m.each(func(i, j int, x number32) number32 {
		out[i] = out[i].Add(v[j].Mul(x))
		return x
	})
	return out
}

// scaleColumns returns m_ij·v_j, without what becomes zero.
func scaleColumns(m matrix, v []number32) matrix {
	out := copyMatrix(m)
	out.each(func(_, j int, x number32) number32 {
		if j >= len(v) || x.Mul(v[j]) == 0 {
			return none
		}
		return x.Mul(v[j])
	})
	return out
}

func clipColumns(m matrix, limit []number32) matrix {
	out := copyMatrix(m)
	out.each(func(_, j int, v number32) number32 {
		switch {
		case v <= limit[j]:
			return v
		case limit[j] > 0:
			return limit[j]
		}
		return none
	})
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
	out, score := make([]number32, columns), make([]number32, len(rows))
	for j := range out {
		for k, i := range rows {
			score[k] = value(m, i, j)
		}
		out[j] = sortedMedian(used, score, minority)
	}
	return out
}

// interpolate returns a + ratio·(b − a); between the ends it keeps what is
// positive.
func interpolate(a, b matrix, ratio number32) matrix {
	switch ratio {
	case 0:
		return copyMatrix(a)
	case fixed.One:
		return copyMatrix(b)
	}
	out := make(matrix, len(a))
	for i := range a {
		columns := max(len(a[i]), len(b[i]))
		if columns == 0 {
			continue
		}
		out[i] = slices.Repeat([]number32{none}, columns)
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
func average(next, old matrix, keptMillionths uint32) matrix {
	alpha := fixed.One.Sub(fixed.Ratio(uint64(keptMillionths), 1_000_000).I32())
	rest := fixed.One.Sub(alpha)
	out := make(matrix, len(next))
	for i := range next {
		columns := max(len(next[i]), len(old[i]))
		if columns == 0 {
			continue
		}
		out[i] = slices.Repeat([]number32{none}, columns)
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
func averageAlpha(next, old, alpha matrix) matrix {
	out := copyMatrix(next)
	out.each(func(i, j int, v number32) number32 {
		a := value(alpha, i, j)
		moved := fixed.One.Sub(a).Mul(value(old, i, j)).Add(a.Mul(v)).Min(fixed.One)
		if moved <= 0 {
			return none
		}
		return moved
	})
	return out
}
