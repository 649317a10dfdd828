package yuma_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"agora/mechanism/fixed"
	"agora/mechanism/yuma"
	"agora/study/vector"
)

// epochFiles are the recorded sequences of epochs.
var epochFiles = []string{
	"epoch_yuma2", "epoch_yuma3", "epoch_traces", "epoch_mechanisms", "epoch_derived",
	"epoch_independent",
}

// traceTolerance is two units of 2^−32.
const traceTolerance = 4.7e-10

func TestRecordedEpochsAreReproduced(t *testing.T) {
	compared := 0
	for _, name := range epochFiles {
		for _, c := range readCases(t, name) {
			t.Run(name+"/"+c.ID, func(t *testing.T) {
				check := checker{t: t, seen: make(map[string]int)}
				var runner yuma.Runner
				runner.Observe(check.observe)
				c.Play(&runner, func(step int, in *yuma.Input, out *yuma.Result) {
					check.step(step, c.Steps[step].Expect, in, out)
				})
				for _, count := range check.seen {
					compared += count
				}
			})
		}
	}
	if compared < 30_000 {
		t.Errorf("compared only %d values", compared)
	}
}

func readCases(t testing.TB, name string) []vector.Case {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cases, err := vector.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// checker compares the results of one case with what was recorded.
type checker struct {
	t             *testing.T
	where         string
	seen          map[string]int
	prev          []yuma.Row
	weight, delta map[[2]int]float64
}

func (c *checker) observe(j int, uids []uint16, weight, delta []uint64) {
	if c.weight == nil {
		c.weight, c.delta = make(map[[2]int]float64), make(map[[2]int]float64)
	}
	for k, uid := range uids {
		c.weight[[2]int{int(uid), j}] = float64(weight[k]) / (1 << 32)
		c.delta[[2]int{int(uid), j}] = float64(delta[k]) / (1 << 32)
	}
}

func (c *checker) step(step int, e vector.Expectation, in *yuma.Input, out *yuma.Result) {
	c.where = fmt.Sprintf("step %d", step)
	for name, want := range members(e.Values) {
		switch name {
		case "bonds_rows":
			c.rows(out.Bonds, members(want))
		case "bonds":
			c.bonds(out.Bonds, members(want))
		case "total_emission":
			c.near(name, sum(out.Emission), number(members(want)["value"]), number(members(want)["tol"]))
		default:
			c.field(name, out, members(want))
		}
	}
	for name, want := range members(e.Trace) {
		c.trace(name, want, in, out)
	}
	for name, want := range members(e.Bits) {
		c.exactly(name, decimals(vectorOf(out, name)), want.([]any))
	}
	c.prev = clone(out.Bonds)
	c.weight, c.delta = nil, nil
}

func (c *checker) near(name string, got, want, tol float64) {
	c.t.Helper()
	c.seen[name]++
	if math.Abs(got-want) > tol {
		c.t.Errorf("%s: %s = %v, want %v ± %v", c.where, name, got, want, tol)
	}
}

func (c *checker) vector(name string, got []float64, want any, tol float64) {
	c.t.Helper()
	values := want.([]any)
	if len(values) != len(got) {
		c.t.Fatalf("%s: %s has %d values, want %d", c.where, name, len(got), len(values))
	}
	for i, v := range values {
		c.near(fmt.Sprintf("%s[%d]", name, i), got[i], number(v), tol)
	}
}

// exactly compares integers digit by digit; a float64 would lose the last digits
// of an amount of rao.
func (c *checker) exactly(name string, got []string, want []any) {
	c.t.Helper()
	if len(want) != len(got) {
		c.t.Fatalf("%s: %s has %d values, want %d", c.where, name, len(got), len(want))
	}
	for i, v := range want {
		c.seen[name]++
		if text := fmt.Sprint(v); text != got[i] {
			c.t.Errorf("%s: %s[%d] = %s, want %s", c.where, name, i, got[i], text)
		}
	}
}

func (c *checker) field(name string, out *yuma.Result, want map[string]any) {
	tol, got := number(want["tol"]), numbers(out, name)
	for key, value := range want {
		switch key {
		case "values":
			if tol == 0 {
				c.exactly(name, stored(out, name), value.([]any))
			} else {
				c.vector(name, got, value, tol)
			}
		case "at":
			for uid, v := range members(value) {
				c.near(name+"["+uid+"]", got[atoi(uid)], number(v), tol)
			}
		case "equal":
			for _, group := range value.([]any) {
				uids := group.([]any)
				for _, uid := range uids {
					c.near(name, got[int(number(uid))], got[int(number(uids[0]))], tol)
				}
			}
		case "positive":
			for _, uid := range value.([]any) {
				c.seen[name]++
				if got[int(number(uid))] <= 0 {
					c.t.Errorf("%s: %s[%v] is not positive", c.where, name, uid)
				}
			}
		case "tol", "from":
		default:
			c.t.Fatalf("%s: unknown expectation %s.%s", c.where, name, key)
		}
	}
}

func (c *checker) rows(got []yuma.Row, want map[string]any) {
	for uid, v := range want {
		pairs := v.([]any)
		row := got[atoi(uid)]
		c.near("entries of bonds row "+uid, float64(row.Len()), float64(len(pairs)), 0)
		for k, pair := range pairs[:min(len(pairs), row.Len())] {
			j, value := row.At(k)
			c.near("uid of bonds row "+uid, float64(j), number(pair.([]any)[0]), 0)
			c.near("value of bonds row "+uid, float64(value), number(pair.([]any)[1]), 0)
		}
	}
}

func (c *checker) bonds(got []yuma.Row, want map[string]any) {
	for key, value := range want {
		if key == "tol" {
			continue
		}
		for _, e := range value.([]any) {
			cell := e.([]any)
			i, j := int(number(cell[0])), int(number(cell[1]))
			bond := bondAt(got, i, j)
			c.seen["bonds"]++
			switch {
			case key == "at":
				c.near(fmt.Sprintf("bond[%d][%d]", i, j), bond, number(cell[2]), number(want["tol"]))
			case key == "ge" && bond < number(cell[2]),
				key == "ge_prev" && bond < bondAt(c.prev, i, j),
				key == "le_prev" && bond > bondAt(c.prev, i, j):
				c.t.Errorf("%s: bond[%d][%d] = %v breaks %s", c.where, i, j, bond, key)
			}
		}
	}
}

func (c *checker) trace(name string, want any, in *yuma.Input, out *yuma.Result) {
	switch name {
	case "W":
		c.matrix(name, c.weight, want)
	case "dB":
		c.matrix(name, c.delta, want)
	case "nVE", "nCE":
		got := numbers(out, map[string]string{"nVE": "validator_emission", "nCE": "emission"}[name])
		for i := range got {
			got[i] /= float64(in.Emission)
		}
		c.vector(name, got, want, 1e-9) // one rao of the emission
	default:
		got := floats(vectorOf(out, name))
		for i := range got {
			got[i] /= 1 << 32
		}
		c.vector(name, got, want, traceTolerance)
	}
}

func (c *checker) matrix(name string, got map[[2]int]float64, want any) {
	entries := 0
	for i, row := range want.([]any) {
		for _, e := range row.([]any) {
			pair := e.([]any)
			entries++
			value, found := got[[2]int{i, int(number(pair[0]))}]
			if !found {
				c.t.Errorf("%s: %s[%d][%v] is missing", c.where, name, i, pair[0])
			}
			c.near(name, value, number(pair[1]), traceTolerance)
		}
	}
	positive := 0
	for _, v := range got {
		if v > 0 {
			positive++
		}
	}
	if positive > entries {
		c.t.Errorf("%s: %s has %d entries, want %d", c.where, name, positive, entries)
	}
}

// stored returns a stored vector by its name in the format, in decimal.
func stored(out *yuma.Result, name string) []string {
	switch name {
	case "stake_weight":
		return decimals(out.StakeWeight)
	case "consensus":
		return decimals(out.Consensus)
	case "incentive":
		return decimals(out.Incentive)
	case "dividends":
		return decimals(out.Dividends)
	case "validator_trust":
		return decimals(out.ValidatorTrust)
	case "server_emission":
		return decimals(out.ServerEmission)
	case "validator_emission":
		return decimals(out.ValidatorEmission)
	case "emission":
		return decimals(out.Emission)
	case "validator_permits":
		return decimals(out.Permit)
	}
	panic("unknown field " + name)
}

func decimals[T any](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// numbers returns the same as floats, for comparisons with a tolerance.
func numbers(out *yuma.Result, name string) []float64 {
	texts := stored(out, name)
	values := make([]float64, len(texts))
	for i, text := range texts {
		if text == "true" {
			values[i] = 1
		} else if text != "false" {
			values[i] = number(json.Number(text))
		}
	}
	return values
}

// vectorOf returns an unrounded vector by its name in the format.
func vectorOf(out *yuma.Result, name string) []fixed.I32F32 {
	vectors := map[string][]fixed.I32F32{
		"S": out.Exact.Stake, "AS": out.Exact.ActiveStake, "active_stake_i32f32": out.Exact.ActiveStake,
		"C": out.Exact.Consensus, "consensus_i32f32": out.Exact.Consensus,
		"incentive_i32f32": out.Exact.Incentive,
		"D":                out.Exact.Dividends, "dividends_i32f32": out.Exact.Dividends,
		"TV": out.Exact.ValidatorTrust,
	}
	v, found := vectors[name]
	if !found {
		panic("unknown vector " + name)
	}
	return v
}

func floats[T uint16 | uint64 | fixed.I32F32](values []T) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

func bondAt(rows []yuma.Row, i, j int) float64 {
	for k := range rows[i].Len() {
		if uid, value := rows[i].At(k); int(uid) == j {
			return float64(value)
		}
	}
	return 0
}

func clone(rows []yuma.Row) []yuma.Row {
	out := make([]yuma.Row, len(rows))
	for i, row := range rows {
		out[i] = slices.Clone(row)
	}
	return out
}

func sum(values []uint64) (total float64) {
	for _, v := range values {
		total += float64(v)
	}
	return total
}

func members(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func number(v any) float64 {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64()
		return f
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
