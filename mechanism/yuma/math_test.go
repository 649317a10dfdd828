package yuma_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"slices"
	"testing"

	"agora/mechanism/fixed"
	"agora/mechanism/yuma"
)

// The recorded helper functions. Each is run through package yuma or fixed where
// such a function exists there, and otherwise through the textbook, which the
// epoch is compared with.

type mathCase struct {
	ID     string                     `json:"id"`
	Fn     string                     `json:"fn"`
	Lit    string                     `json:"lit"`
	Args   map[string]json.RawMessage `json:"args"`
	Expect json.RawMessage            `json:"expect"`
	Tol    float64                    `json:"tol"`
}

func TestRecordedFunctionsAreReproduced(t *testing.T) {
	text, err := os.ReadFile("testdata/math.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []mathCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 168 {
		t.Fatalf("%d cases, want 168", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			run, known := mathFunctions[c.Fn]
			if !known {
				t.Fatalf("no function %s", c.Fn)
			}
			run(&mathTest{T: t, mathCase: c})
		})
	}
}

// mathTest reads the arguments of one case and compares its result.
type mathTest struct {
	*testing.T
	mathCase
}

var mathFunctions = map[string]func(*mathTest){
	"vec_max_upscale_to_u16": func(t *mathTest) { t.integers(u16sAsInts(maxUpscale(t.vector("v")))) },
	"vec_u16_max_upscale_to_u16": func(t *mathTest) {
		t.integers(u16sAsInts(yuma.MaxUpscale(read[[]uint16](t, "v"))))
	},
	"check_vec_max_limited": func(t *mathTest) {
		t.equal(yuma.WithinLimit(read[[]uint16](t, "v"), read[uint16](t, "limit")), expect[bool](t))
	},
	"u64_ratio":     ratioCase,
	"sigmoid_safe":  sigmoidCase,
	"is_topk":       func(t *mathTest) { t.equal(topK(t.vector("v"), read[int](t, "k")), expect[[]bool](t)) },
	"normalize":     func(t *mathTest) { t.inPlace("v", normalize) },
	"normalize_64":  normalize64Case,
	"vecdiv":        func(t *mathTest) { t.vectors(vectorDivide(t.vector("x"), t.vector("y"))) },
	"vec_mul":       func(t *mathTest) { t.vectors(vectorProduct(t.vector("a"), t.vector("b"))) },
	"row_normalize": func(t *mathTest) { t.dense(rowNormalize) },
	"row_normalize_sparse": func(t *mathTest) {
		m := t.sparse("m")
		rowNormalize(m)
		t.matrices(m)
	},
	"col_normalize":          func(t *mathTest) { t.dense(func(m matrix) { columnNormalize(m, len(m[0])) }) },
	"col_normalize_sparse":   func(t *mathTest) { t.columns(columnNormalize) },
	"col_max_upscale":        func(t *mathTest) { t.dense(func(m matrix) { columnMaxUpscale(m, len(m[0])) }) },
	"col_max_upscale_sparse": func(t *mathTest) { t.columns(columnMaxUpscale) },
	"mask_vector": func(t *mathTest) {
		t.inPlace("v", func(v []number32) { maskVector(read[[]bool](t, "mask"), v) })
	},
	"mask_rows_sparse": func(t *mathTest) {
		m := t.sparse("m")
		maskRows(read[[]bool](t, "mask"), m)
		t.matrices(m)
	},
	"mask_diag_sparse": func(t *mathTest) {
		m := t.sparse("m")
		maskDiagonal(m, -1)
		t.matrices(m)
	},
	"mask_diag_sparse_except_index": func(t *mathTest) {
		m := t.sparse("m")
		maskDiagonal(m, read[int](t, "index"))
		t.matrices(m)
	},
	"vec_mask_sparse":         maskPairsCase,
	"mat_vec_mul_sparse":      func(t *mathTest) { t.matrices(scaleColumns(t.sparse("m"), t.vector("v"))) },
	"row_hadamard_sparse":     func(t *mathTest) { t.matrices(scaleRows(nil, t.sparse("m"), t.vector("v"))) },
	"row_sum_sparse":          func(t *mathTest) { t.vectors(rowSum(t.sparse("m"))) },
	"matmul_sparse":           func(t *mathTest) { t.vectors(columnProduct(t.sparse("m"), t.vector("v"), read[int](t, "columns"))) },
	"matmul_transpose_sparse": func(t *mathTest) { t.vectors(rowProduct(t.sparse("m"), t.vector("v"))) },
	"col_clip_sparse":         func(t *mathTest) { t.matrices(clipColumns(nil, t.sparse("m"), t.vector("threshold"))) },
	"weighted_median":         medianCase,
	"weighted_median_col": func(t *mathTest) {
		t.vectors(medianColumns(t.vector("stake"), t.denseMatrix("m"), read[int](t, "columns"), t.scalar("majority")))
	},
	"weighted_median_col_sparse": func(t *mathTest) {
		t.vectors(medianColumns(t.vector("stake"), t.sparse("m"), read[int](t, "columns"), t.scalar("majority")))
	},
	"interpolate": func(t *mathTest) {
		t.denseResult(interpolate(nil, t.denseMatrix("a"), t.denseMatrix("b"), t.ratio("ratio")))
	},
	"interpolate_sparse": func(t *mathTest) {
		t.matrices(interpolate(nil, t.sparse("a"), t.sparse("b"), t.ratio("ratio")))
	},
	"mat_ema_alpha": func(t *mathTest) {
		t.denseResult(averageAlpha(nil, t.denseMatrix("new"), t.denseMatrix("old"), t.denseMatrix("alpha")))
	},
	"mat_ema_alpha_sparse": func(t *mathTest) {
		t.matrices(averageAlpha(nil, t.sparse("new"), t.sparse("old"), t.denseMatrix("alpha")))
	},
	"liquid_vs_ema": liquidCase,
	"fixed_to_u16": func(t *mathTest) {
		t.equal(fixed.Int(read[int64](t, "x")).FloorU16(), expect[uint16](t))
	},
	"fixed_to_u64": func(t *mathTest) {
		t.equal(fixed.Int(read[int64](t, "x")).FloorU64(), expect[uint64](t))
	},
	"fixed_proportion_to_u16": func(t *mathTest) {
		t.equal(fixed.Int(read[int64](t, "x")).U16(), expect[uint16](t))
	},
	"ema_alpha": func(t *mathTest) {
		kept := fixed.Ratio(read[uint64](t, "bonds_moving_average"), 1_000_000).I32()
		t.near(fixed.One.Sub(kept), t.parse(t.Expect), 0)
	},
}

// maxUpscale is the storage scaling on fixed-point numbers: the ratio first where
// the greatest value is large, the product first where it is small.
func maxUpscale(v []number32) []uint16 {
	out := make([]uint16, len(v))
	if len(v) == 0 || slices.Max(v) == 0 {
		return out
	}
	greatest, full := slices.Max(v), fixed.Int(65535)
	for k, x := range v {
		if greatest > fixed.Int(32768) {
			out[k] = x.Mul(full.Div(greatest)).Round().FloorU16()
		} else {
			out[k] = x.Mul(full).Div(greatest).Round().FloorU16()
		}
	}
	return out
}

func ratioCase(t *mathTest) {
	got := fixed.Ratio(read[uint64](t, "num"), read[uint64](t, "den"))
	want := expect[struct {
		Wide   string  `json:"i64f64"`
		Narrow float64 `json:"i32f32"`
	}](t)
	wide, _ := new(big.Float).SetPrec(200).SetString(want.Wide)
	f, _ := wide.Float64()
	nearest, _ := new(big.Float).SetPrec(200).SetMantExp(big.NewFloat(f), 64).Int(nil)
	gotBits := new(big.Int).SetUint64(got.Frac)
	gotBits.Add(gotBits, new(big.Int).Lsh(big.NewInt(got.Int), 64))
	if d := new(big.Int).Sub(gotBits, nearest); d.CmpAbs(big.NewInt(1)) > 0 {
		t.Errorf("I64F64 is %v units of 2^−64 away from %v", d, want.Wide)
	}
	t.near(got.I32(), nearestFixed(want.Narrow), 0)
}

func sigmoidCase(t *mathTest) {
	var got []number32
	for _, x := range t.vector("x") {
		got = append(got, fixed.Sigmoid(x, t.scalar("rho"), t.scalar("kappa")))
	}
	t.vectors(got)
}

func normalize64Case(t *mathTest) {
	v := t.vector("v")
	wide := make([]fixed.I64F64, len(v))
	for k, x := range v {
		wide[k] = fixed.I64F64{Int: int64(x >> 32), Frac: uint64(x) << 32}
	}
	normalize64(wide)
	for k := range v {
		v[k] = wide[k].I32()
	}
	t.vectors(v)
}

func maskPairsCase(t *mathTest) {
	m, first, second := t.sparse("m"), read[[]uint64](t, "first"), read[[]uint64](t, "second")
	if read[string](t, "op") == "lt" {
		for i := range first {
			first[i]++
		}
		maskOutdated(m, first, second)
		t.matrices(m)
		return
	}
	for i, row := range m { // equality is not part of an epoch
		for j := range row[:len(second)] {
			if first[i] == second[j] {
				row[j] = none
			}
		}
	}
	t.matrices(m)
}

func medianCase(t *mathTest) {
	stake, score := t.vector("stake"), t.vector("score")
	if read[bool](t, "normalize_stake") {
		normalize(stake)
	}
	minority := fixed.One.Sub(t.scalar("majority"))
	votes := make([]vote, len(score))
	for k := range votes {
		votes[k] = vote{score: score[k], stake: stake[k]}
	}
	t.near(sortedMedian(votes, minority), t.parse(t.Expect), t.Tol)
	t.near(yuma.Median(stake, score, minority), t.parse(t.Expect), t.Tol)
}

func liquidCase(t *mathTest) {
	w, old, c := t.denseMatrix("w"), t.denseMatrix("b"), t.vector("consensus")
	low, high := fixed.Share(read[uint16](t, "alpha_low")), fixed.Share(read[uint16](t, "alpha_high"))
	slope := fixed.Int(1000).Div(fixed.Int(-100))
	alpha := make(matrix, len(w))
	for i, row := range w {
		alpha[i] = make([]number32, len(row))
		for j := range row {
			alpha[i][j] = liquidPair(c[j], w[i][j], old[i][j], low, high, slope)
		}
	}
	liquid := averageAlpha(nil, w, old, alpha)
	plain := average(nil, w, old, read[uint32](t, "bonds_moving_average"))
	for i := range w {
		for j := range w[i] {
			t.near(value(liquid, i, j), value(plain, i, j), t.Tol)
		}
	}
}

// read decodes an argument.
func read[T any](t *mathTest, name string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(t.Args[name], &v); err != nil {
		t.Fatalf("argument %s: %v", name, err)
	}
	return v
}

// expect decodes the expectation.
func expect[T any](t *mathTest) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(t.Expect, &v); err != nil {
		t.Fatalf("expectation: %v", err)
	}
	return v
}

// nearestFixed rounds to a multiple of 2^−32, ties to even.
func nearestFixed(f float64) number32 {
	switch scaled := math.RoundToEven(f * (1 << 32)); {
	case scaled >= 1<<63:
		return fixed.MaxI32
	case scaled <= -(1 << 63):
		return fixed.MinI32
	default:
		return number32(scaled)
	}
}

// parse reads a literal as the reference reads it.
func (t *mathTest) parse(text json.RawMessage) number32 {
	switch string(text) {
	case `"max"`:
		return fixed.MaxI32
	case `"min"`:
		return fixed.MinI32
	case `"1/3"`:
		return fixed.One.Div(fixed.Int(3))
	}
	var f float64
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("literal %s: %v", text, err)
	}
	return t.literal(f)
}

// literal rounds a number through binary32 where the reference's literal is one.
func (t *mathTest) literal(f float64) number32 {
	switch t.Lit {
	case "f32", "f32in_f64out", "f32_ratio_f64":
		return nearestFixed(float64(float32(f)))
	}
	return nearestFixed(f)
}

func (t *mathTest) scalar(name string) number32 { return t.parse(t.Args[name]) }

// ratio reads an argument that is binary64 beside binary32 matrices.
func (t *mathTest) ratio(name string) number32 { return nearestFixed(read[float64](t, name)) }

func (t *mathTest) vector(name string) []number32 {
	return t.parseAll(read[[]json.RawMessage](t, name))
}

func (t *mathTest) parseAll(texts []json.RawMessage) []number32 {
	out := make([]number32, len(texts))
	for k, text := range texts {
		out[k] = t.parse(text)
	}
	return out
}

func (t *mathTest) denseMatrix(name string) matrix {
	return t.parseDense(read[[][]json.RawMessage](t, name))
}

func (t *mathTest) parseDense(rows [][]json.RawMessage) matrix {
	m := make(matrix, len(rows))
	for i, row := range rows {
		m[i] = t.parseAll(row)
	}
	return m
}

// sparseWidth is enough for every recorded sparse matrix.
const sparseWidth = 8

func (t *mathTest) sparse(name string) matrix {
	return t.parseSparse(read[[][][2]json.RawMessage](t, name))
}

func (t *mathTest) parseSparse(rows [][][2]json.RawMessage) matrix {
	m := make(matrix, len(rows))
	for i, row := range rows {
		m[i] = slices.Repeat([]number32{none}, sparseWidth)
		for _, e := range row {
			var j int
			if err := json.Unmarshal(e[0], &j); err != nil {
				t.Fatal(err)
			}
			m[i][j] = t.parse(e[1])
		}
	}
	return m
}

func (t *mathTest) near(got, want number32, tol float64) {
	t.Helper()
	if distance := math.Abs(float64(got) - float64(want)); distance > tol*(1<<32) {
		t.Errorf("got %v, want %v ± %v", float64(got)/(1<<32), float64(want)/(1<<32), tol)
	}
}

func (t *mathTest) vectors(got []number32) {
	t.Helper()
	outputs := t
	if t.Lit == "f32in_f64out" {
		outputs = &mathTest{T: t.T, mathCase: mathCase{Lit: "f64"}}
	}
	want := outputs.parseAll(expect[[]json.RawMessage](t))
	if len(got) != len(want) {
		t.Fatalf("got %d values, want %d", len(got), len(want))
	}
	for k := range got {
		t.near(got[k], want[k], t.Tol)
	}
}

func (t *mathTest) inPlace(name string, change func([]number32)) {
	t.Helper()
	v := t.vector(name)
	change(v)
	t.vectors(v)
}

func (t *mathTest) dense(change func(matrix)) {
	t.Helper()
	m := t.denseMatrix("m")
	change(m)
	t.denseResult(m)
}

// denseResult compares a matrix in which no entry is zero.
func (t *mathTest) denseResult(got matrix) {
	t.Helper()
	want := t.parseDense(expect[[][]json.RawMessage](t))
	for i := range want {
		for j := range want[i] {
			t.near(value(got, i, j), want[i][j], t.Tol)
		}
	}
}

func (t *mathTest) columns(change func(matrix, int)) {
	t.Helper()
	m := t.sparse("m")
	change(m, sparseWidth)
	t.matrices(m)
}

// matrices compares entry by entry: none must be missing, none too many.
func (t *mathTest) matrices(got matrix) {
	t.Helper()
	want := t.parseSparse(expect[[][][2]json.RawMessage](t))
	for i := range want {
		for j := range sparseWidth {
			g := none
			if got[i] != nil && j < len(got[i]) {
				g = got[i][j]
			}
			if (g == none) != (want[i][j] == none) {
				t.Errorf("entry [%d][%d] is %v, want %v", i, j, g, want[i][j])
			}
			t.near(g, want[i][j], t.Tol)
		}
	}
}

func (t *mathTest) integers(got []int) {
	t.Helper()
	t.equal(got, expect[[]int](t))
}

func (t *mathTest) equal(got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func u16sAsInts(values []uint16) []int {
	out := make([]int, len(values))
	for k, v := range values {
		out[k] = int(v)
	}
	return out
}
