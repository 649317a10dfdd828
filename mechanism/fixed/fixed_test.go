package fixed_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/fixed"
)

// exact returns the integer that a format stores.
func exact(x fixed.I32F32) *big.Int { return big.NewInt(int64(x)) }

func exact64(x fixed.I64F64) *big.Int {
	v := new(big.Int).Lsh(big.NewInt(x.Int), 64)
	return v.Add(v, new(big.Int).SetUint64(x.Frac))
}

func exact96(x fixed.U96F32) *big.Int {
	v := new(big.Int).Lsh(new(big.Int).SetUint64(x.Hi), 64)
	return v.Add(v, new(big.Int).SetUint64(x.Lo))
}

// saturate clamps v to a signed or unsigned word of so many bits.
func saturate(v *big.Int, bits uint, signed bool) *big.Int {
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), bits)
	if signed {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	high.Sub(high, big.NewInt(1))
	switch {
	case v.Cmp(low) < 0:
		return low
	case v.Cmp(high) > 0:
		return high
	}
	return v
}

// fits reports whether v needs no saturation.
func fits(v *big.Int, bits uint) bool { return saturate(v, bits, true).Cmp(v) == 0 }

// edgy draws words near the ends, near zero, near one, and anywhere.
func edgy(t *rapid.T, name string) int64 {
	base := rapid.SampledFrom([]int64{0, 1 << 31, 1 << 32, 1 << 48, math.MaxInt64, math.MinInt64}).Draw(t, name+" base")
	if rapid.Bool().Draw(t, name+" free") {
		return rapid.Int64().Draw(t, name)
	}
	return base + rapid.Int64Range(-3, 3).Draw(t, name+" offset")
}

func same(t *rapid.T, name string, got, want *big.Int) {
	t.Helper()
	if got.Cmp(want) != 0 {
		t.Fatalf("%s is %v, want %v", name, got, want)
	}
}

func TestI32F32IsIntegerArithmeticThatSaturates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := fixed.I32F32(edgy(t, "x")), fixed.I32F32(edgy(t, "y"))
		bx, by := exact(x), exact(y)
		same(t, "x + y", exact(x.Add(y)), saturate(new(big.Int).Add(bx, by), 64, true))
		same(t, "x − y", exact(x.Sub(y)), saturate(new(big.Int).Sub(bx, by), 64, true))
		product := new(big.Int).Mul(bx, by)
		same(t, "x·y", exact(x.Mul(y)), saturate(product.Rsh(product, 32), 64, true))
		quotient := new(big.Int)
		if y != 0 {
			quotient.Quo(new(big.Int).Lsh(bx, 32), by)
			if !fits(quotient, 64) {
				quotient.SetInt64(0)
			}
		}
		same(t, "x/y", exact(x.Div(y)), quotient)
		same(t, "−x", exact(x.Neg()), saturate(new(big.Int).Neg(bx), 64, true))
	})
}

func TestConversionsRoundDownAndSaturate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := fixed.I32F32(edgy(t, "x"))
		floor := new(big.Int).Rsh(exact(x), 32)
		if got, want := x.FloorU64(), saturate(floor, 64, false); want.Cmp(new(big.Int).SetUint64(got)) != 0 {
			t.Fatalf("floor of %d is %d, want %v", x, got, want)
		}
		if got, want := x.FloorU16(), saturate(floor, 16, false); want.Cmp(big.NewInt(int64(got))) != 0 {
			t.Fatalf("u16 floor of %d is %d, want %v", x, got, want)
		}
		v := rapid.Int64().Draw(t, "integer")
		same(t, "Int", exact(fixed.Int(v)), intAsFixed(v))
	})
	for v := range 65536 {
		share := fixed.Share(uint16(v))
		want := new(big.Int).Quo(new(big.Int).Lsh(big.NewInt(int64(v)), 32), big.NewInt(65535))
		if exact(share).Cmp(want) != 0 {
			t.Fatalf("Share(%d) = %d, want %v", v, share, want)
		}
		if back := share.U16(); int(back) != v && int(back) != v-1 {
			t.Fatalf("Share(%d).U16() = %d", v, back)
		}
	}
	if got := (fixed.One - 1).U16(); got != 65534 {
		t.Errorf("one unit below 1 is stored as %d, want 65534", got)
	}
}

// intAsFixed saturates at ±2^31 as a whole, upward to the greatest fraction.
func intAsFixed(v int64) *big.Int {
	return saturate(new(big.Int).Lsh(big.NewInt(v), 32), 64, true)
}

func TestRoundGoesToTheNearestInteger(t *testing.T) {
	for _, c := range []struct{ x, want fixed.I32F32 }{
		{0, 0},
		{fixed.Half - 1, 0},
		{fixed.Half, fixed.One},
		{-fixed.Half, -fixed.One},
		{-fixed.Half + 1, 0},
		{fixed.Int(7) + fixed.Half, fixed.Int(8)},
	} {
		if got := c.x.Round(); got != c.want {
			t.Errorf("Round(%d) = %d, want %d", c.x, got, c.want)
		}
	}
}

func TestI64F64IsIntegerArithmeticThatSaturates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := fixed.I64F64{Int: edgy(t, "x"), Frac: uint64(edgy(t, "x fraction"))}
		y := fixed.I64F64{Int: edgy(t, "y"), Frac: uint64(edgy(t, "y fraction"))}
		if rapid.Bool().Draw(t, "small divisor") {
			y.Int = 0
		}
		bx, by := exact64(x), exact64(y)
		same(t, "x + y", exact64(x.Add(y)), saturate(new(big.Int).Add(bx, by), 128, true))
		same(t, "x − y", exact64(x.Sub(y)), saturate(new(big.Int).Sub(bx, by), 128, true))
		quotient := new(big.Int)
		if by.Sign() != 0 {
			quotient.Quo(new(big.Int).Lsh(bx, 64), by)
			if !fits(quotient, 128) {
				quotient.SetInt64(0)
			}
		}
		same(t, "x/y", exact64(x.Div(y)), quotient)
		narrow := new(big.Int).Rsh(bx, 32)
		same(t, "I32", exact(x.I32()), saturate(narrow, 64, true))
		if x.Less(y) != (bx.Cmp(by) < 0) {
			t.Fatalf("Less(%v, %v) is wrong", x, y)
		}
	})
}

func TestU96F32KeepsEveryRao(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rao := rapid.Uint64().Draw(t, "rao")
		share := fixed.I32F32(edgy(t, "share"))
		amount := fixed.Amount(rao)
		if amount.Floor() != rao {
			t.Fatalf("%d rao became %d", rao, amount.Floor())
		}
		want := new(big.Int).Mul(exact96(amount), exact(max(share, 0)))
		same(t, "scaled", exact96(amount.Scale(share)), saturate(want.Rsh(want, 32), 128, false))
		other := fixed.U96F32{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		sum := new(big.Int).Add(exact96(other), exact96(amount))
		same(t, "sum", exact96(other.Add(amount)), saturate(sum, 128, false))
		floor := saturate(new(big.Int).Rsh(exact96(other), 32), 64, false)
		same(t, "floor", new(big.Int).SetUint64(other.Floor()), floor)
	})
}

func TestPartIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Uint64().Draw(t, "amount")
		n, d := rapid.Uint64().Draw(t, "num"), rapid.Uint64().Draw(t, "den")
		want := new(big.Int)
		if d != 0 {
			want.Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(n))
			want = saturate(want.Quo(want, new(big.Int).SetUint64(d)), 64, false)
		}
		same(t, "part", new(big.Int).SetUint64(fixed.Part(a, n, d)), want)
	})
}

func TestDivisorDividesAsDivDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.OneOf(
			rapid.Uint64Range(0, 20), rapid.Uint64Range(1<<32-5, 1<<32+5),
			rapid.Uint64Range(1, 1<<50), rapid.Uint64Range(1<<63-9, 1<<63-1),
		).Draw(t, "d")
		x := rapid.OneOf(rapid.Uint64Range(0, 1<<32), rapid.Uint64Range(1<<32-3, 1<<32)).Draw(t, "x")
		if d < x && d != 0 {
			x %= d // a part of the sum
		}
		want := fixed.I32F32(x).Div(fixed.I32F32(d))
		if got := fixed.NewDivisor(d).Quotient(x); got != uint64(want) {
			t.Fatalf("%d/%d = %d, want %d", x, d, got, want)
		}
		y := rapid.Uint64Range(0, 1<<32).Draw(t, "y")
		if got, want := fixed.Mul(x, y), fixed.I32F32(x).Mul(fixed.I32F32(y)); got != uint64(want) {
			t.Fatalf("%d·%d = %d, want %d", x, y, got, want)
		}
	})
}

func TestAHalfDivisorDividesAsDivDoes(t *testing.T) {
	check := func(fail func(string, ...any), x, d uint64) {
		if got, want := fixed.NewHalfDivisor(d).Quotient(x), fixed.I32F32(x).Div(fixed.I32F32(d)); got != uint64(want) {
			fail("%d/%d = %d, want %d", x, d, got, want)
		}
	}
	for shift := range 32 {
		power := uint64(1) << shift
		for d := power - min(power, 40); d < min(power+40, 1<<31); d++ {
			for part := range uint64(40) {
				check(t.Fatalf, min(part, d), d)
				check(t.Fatalf, d-min(part, d), d)
				check(t.Fatalf, d/2+min(part, d/2), d)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.Uint64Range(0, 1<<31).Draw(t, "d")
		check(t.Fatalf, rapid.Uint64Range(0, d).Draw(t, "x"), d)
	})
}

func TestExpReproducesTheSeries(t *testing.T) {
	for _, c := range []struct {
		x    fixed.I32F32
		want float64
		tol  float64
	}{
		{0, 1, 0},
		{fixed.One, 2.71828174591064453125, 0},
		{-fixed.One, math.Exp(-1), 1e-8},
		{fixed.Int(20), 481239357.67, 0.01},
		{fixed.MaxI32, 481239357.67, 0.01},
		{fixed.MinI32, 1 / 481239357.67, 1e-9},
		{fixed.Half, math.Exp(0.5), 1e-8},
	} {
		if got := float64(fixed.Exp(c.x)) / (1 << 32); math.Abs(got-c.want) > c.tol {
			t.Errorf("Exp(%d) = %v, want %v", c.x, got, c.want)
		}
	}
}

// TestExpIsTheSeriesOnIntegers sums the series with math/big, step by step as the
// formula above Exp says, and compares bits.
func TestExpIsTheSeriesOnIntegers(t *testing.T) {
	one, limit := exact(fixed.One), exact(fixed.Int(20))
	rapid.Check(t, func(t *rapid.T) {
		x := fixed.I32F32(rapid.OneOf(
			rapid.Int64Range(-21<<32, 21<<32), rapid.Int64Range(-1<<33, 1<<33), rapid.Int64(),
		).Draw(t, "x"))
		if x == fixed.One {
			return // e itself, see TestExpReproducesTheSeries
		}
		clamped := new(big.Int).Abs(exact(x))
		if clamped.Cmp(limit) > 0 {
			clamped.Set(limit)
		}
		sum, term := new(big.Int).Add(one, clamped), new(big.Int).Set(clamped)
		for i := int64(2); i <= 31; i++ {
			term.Rsh(term.Mul(term, clamped), 32)
			term.Quo(term, big.NewInt(i))
			sum.Add(sum, term)
		}
		if x < 0 {
			sum.Quo(new(big.Int).Lsh(one, 32), sum)
		}
		same(t, "exp", exact(fixed.Exp(x)), sum)
	})
}

func TestSigmoidRisesFromZeroToOne(t *testing.T) {
	last := fixed.MinI32
	for x := -fixed.One; x <= 2*fixed.One; x += fixed.One / 64 {
		y := fixed.Sigmoid(x, fixed.Int(10), fixed.Half)
		if y < last || y < 0 || y > fixed.One {
			t.Fatalf("Sigmoid(%d) = %d after %d", x, y, last)
		}
		last = y
	}
	if got := fixed.Sigmoid(fixed.Half, fixed.Int(10), fixed.Half); got != fixed.Half {
		t.Errorf("the middle is %d, want one half", got)
	}
}

// FuzzArithmeticIsTotal feeds any words to every operation: none panics, and the
// identities of a total arithmetic hold.
func FuzzArithmeticIsTotal(f *testing.F) {
	f.Add(int64(0), int64(0))
	f.Add(int64(math.MinInt64), int64(-1))
	f.Add(int64(1)<<32, int64(3))
	f.Fuzz(func(t *testing.T, a, b int64) {
		x, y := fixed.I32F32(a), fixed.I32F32(b)
		if x.Add(y) != y.Add(x) || x.Mul(y) != y.Mul(x) {
			t.Fatal("not commutative")
		}
		if x.Mul(fixed.One) != x || x.Div(fixed.One) != x {
			t.Fatal("one is not neutral")
		}
		if x.Div(fixed.Zero) != 0 {
			t.Fatal("division by zero is not zero")
		}
		if e := fixed.Exp(x); e <= 0 {
			t.Fatalf("Exp(%d) = %d", x, e)
		}
		if s := fixed.Sigmoid(x, y, fixed.Half); s < 0 || s > fixed.One {
			t.Fatalf("Sigmoid is %d", s)
		}
		wide := fixed.I64F64{Int: a, Frac: uint64(b)}
		if wide.Sub(wide) != (fixed.I64F64{}) || wide.Div(fixed.I64F64{}) != (fixed.I64F64{}) {
			t.Fatal("I64F64 is not total")
		}
		if r := x.Round(); r != fixed.MaxI32 && r != fixed.MinI32 && r&(fixed.One-1) != 0 {
			t.Fatalf("Round(%d) = %d is no integer", x, r)
		}
		if u := x.U16(); x <= 0 && u != 0 {
			t.Fatalf("U16(%d) = %d", x, u)
		}
	})
}
