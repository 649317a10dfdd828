//go:build goexperiment.simd && amd64

package train

import (
	"errors"
	"math"
	"simd/archsimd"
	"unsafe"
)

// Kernel names the arithmetic that this build trains with on this machine.
func Kernel() string {
	switch {
	case hasTiles():
		return "amx"
	case hasDots():
		return "avx512-bf16"
	}
	return "avx512"
}

// Usable tells why this machine cannot run these kernels.
func Usable() error {
	if !archsimd.X86.AVX512() {
		return errors.New("this CPU has no AVX-512: train without GOEXPERIMENT=simd, with go run ./engine/native/train/cmd")
	}
	return nil
}

// Widths are multiples of 16 floats here.
// Vectors stay in local variables, since in arrays or structs the compiler spills them.

type vec = archsimd.Float32x16

const vecBytes = 64

func load(p unsafe.Pointer) vec                    { return archsimd.LoadFloat32x16((*[16]float32)(p)) }
func store(p unsafe.Pointer, v vec)                { v.Store((*[16]float32)(p)) }
func at(s []float32, i int) unsafe.Pointer         { return unsafe.Pointer(&s[i]) }
func next(p unsafe.Pointer) unsafe.Pointer         { return unsafe.Add(p, vecBytes) }
func vector(s []float32, i int) vec                { return load(at(s, i)) }
func put(s []float32, i int, v vec)                { store(at(s, i), v) }
func floats(n int) int                             { return n * 4 }
func ahead(p unsafe.Pointer, n int) unsafe.Pointer { return unsafe.Add(p, n) }

// all copies x to every lane, by an integer register: a scalar float moves by a legacy SSE instruction, which waits for
// the upper halves of the vector registers and makes the whole training fifty times slower on an Intel Xeon.
func all(x float32) vec { return lanes(int32(math.Float32bits(x))) }

func spread(p unsafe.Pointer) vec { return lanes(*(*int32)(p)) }

func lanes(bits int32) vec {
	var z archsimd.Int32x4
	return z.SetElem(0, bits).Broadcast1To16().AsFloat32x16()
}

const panelRows, panelCols = 256, 32

// gemm computes C = A·B, or C += A·B with add, for C of rows × cols and inner products of length inner. Element (i,k)
// of A is a[i·aRow + k·aCol], so a transposed A costs nothing. B is copied panel by panel into consecutive memory.
func gemm(c []float32, cRow int, a []float32, aRow, aCol int, b []float32, bRow, rows, inner, cols int, add bool) {
	if worthPacking(aRow, aCol, rows, inner, cols) {
		gemmPacked(c, cRow, a, aRow, aCol, b, bRow, rows, inner, cols, add)
		return
	}
	if cols%panelCols != 0 {
		gemmNarrow(c, cRow, a, aRow, aCol, b, bRow, rows, inner, cols, add)
		return
	}
	var panel [panelRows * panelCols]float32
	pb := unsafe.Pointer(&panel)
	for k0 := 0; k0 < inner; k0 += panelRows {
		n, acc := min(panelRows, inner-k0), add || k0 > 0
		for j := 0; j < cols; j += panelCols {
			for k := range n {
				s, d := at(b, (k0+k)*bRow+j), ahead(pb, k*2*vecBytes)
				store(d, load(s))
				store(next(d), load(next(s)))
			}
			i := 0
			for ; i+4 <= rows; i += 4 {
				tile4(at(c, i*cRow+j), floats(cRow), at(a, i*aRow+k0*aCol), floats(aRow), floats(aCol), pb, n, acc)
			}
			for ; i < rows; i++ {
				tile1(at(c, i*cRow+j), at(a, i*aRow+k0*aCol), floats(aCol), pb, n, acc)
			}
		}
	}
}

// gemmNarrow is gemm for columns in a multiple of 16.
func gemmNarrow(c []float32, cRow int, a []float32, aRow, aCol int, b []float32, bRow, rows, inner, cols int, add bool) {
	for i := range rows {
		for j := 0; j < cols; j += 16 {
			var s vec
			if add {
				s = vector(c, i*cRow+j)
			}
			for k := range inner {
				s = spread(at(a, i*aRow+k*aCol)).MulAdd(vector(b, k*bRow+j), s)
			}
			put(c, i*cRow+j, s)
		}
	}
}

// tile4 computes a 4 × 32 tile. Eight accumulators and no unrolling: more would spill vector registers, and the compiler
// spills their 128-bit parts by legacy SSE moves. Strides are in bytes.
func tile4(c unsafe.Pointer, cRow int, a unsafe.Pointer, aRow, aCol int, b unsafe.Pointer, n int, add bool) {
	var s00, s01, s10, s11, s20, s21, s30, s31 vec
	c1, c2, c3 := ahead(c, cRow), ahead(c, 2*cRow), ahead(c, 3*cRow)
	if add {
		s00, s01 = load(c), load(next(c))
		s10, s11 = load(c1), load(next(c1))
		s20, s21 = load(c2), load(next(c2))
		s30, s31 = load(c3), load(next(c3))
	}
	a2 := ahead(a, 2*aRow)
	for ; n > 0; n-- {
		b0, b1 := load(b), load(next(b))
		x := spread(a)
		s00, s01 = x.MulAdd(b0, s00), x.MulAdd(b1, s01)
		x = spread(ahead(a, aRow))
		s10, s11 = x.MulAdd(b0, s10), x.MulAdd(b1, s11)
		x = spread(a2)
		s20, s21 = x.MulAdd(b0, s20), x.MulAdd(b1, s21)
		x = spread(ahead(a2, aRow))
		s30, s31 = x.MulAdd(b0, s30), x.MulAdd(b1, s31)
		a, a2, b = ahead(a, aCol), ahead(a2, aCol), ahead(b, 2*vecBytes)
	}
	store(c, s00)
	store(next(c), s01)
	store(c1, s10)
	store(next(c1), s11)
	store(c2, s20)
	store(next(c2), s21)
	store(c3, s30)
	store(next(c3), s31)
}

// tile1 computes a 1 × 32 tile: the rows that tile4 leaves over.
func tile1(c, a unsafe.Pointer, aCol int, b unsafe.Pointer, n int, add bool) {
	var s0, s1 vec
	if add {
		s0, s1 = load(c), load(next(c))
	}
	for ; n > 0; n-- {
		x := spread(a)
		s0, s1 = x.MulAdd(load(b), s0), x.MulAdd(load(next(b)), s1)
		a, b = ahead(a, aCol), ahead(b, 2*vecBytes)
	}
	store(c, s0)
	store(next(c), s1)
}

func exp16(x vec) vec {
	x = x.Max(all(-87)).Min(all(88)).Mul(all(1.44269504))
	n := x.RoundToEvenScaled(0)
	f := x.Sub(n)
	p := all(0.00133336).MulAdd(f, all(0.009618129))
	p = p.MulAdd(f, all(0.05550411)).MulAdd(f, all(0.2402265)).MulAdd(f, all(0.6931472)).MulAdd(f, all(1))
	return p.Scale(n)
}

func sum(v vec) float32 {
	var t [16]float32
	v.Store(&t)
	return ((t[0] + t[1]) + (t[2] + t[3])) + ((t[4] + t[5]) + (t[6] + t[7])) + ((t[8] + t[9]) + (t[10] + t[11])) + ((t[12] + t[13]) + (t[14] + t[15]))
}

// dot is Σ a·b.
func dot(a, b []float32) float32 {
	var s vec
	for i := 0; i < len(a); i += 16 {
		s = vector(a, i).MulAdd(vector(b, i), s)
	}
	return sum(s)
}

// dot3 is Σ a·b·c.
func dot3(a, b, c []float32) float32 {
	var s vec
	for i := 0; i < len(a); i += 16 {
		s = vector(a, i).Mul(vector(b, i)).MulAdd(vector(c, i), s)
	}
	return sum(s)
}

// axpy: o += a·x.
func axpy(o []float32, a float32, x []float32) {
	v := all(a)
	for i := 0; i < len(o); i += 16 {
		put(o, i, v.MulAdd(vector(x, i), vector(o, i)))
	}
}

// mul3: o = x·w·r.
func mul3(o, x, w []float32, r float32) {
	v := all(r)
	for i := 0; i < len(o); i += 16 {
		put(o, i, vector(x, i).Mul(vector(w, i)).Mul(v))
	}
}

// muladd3: o += x·y·r.
func muladd3(o, x, y []float32, r float32) {
	v := all(r)
	for i := 0; i < len(o); i += 16 {
		put(o, i, vector(x, i).Mul(vector(y, i)).MulAdd(v, vector(o, i)))
	}
}

// expSub: x = exp(x−top); it returns the sum.
func expSub(x []float32, top float32) float32 {
	var s vec
	m := all(top)
	for i := 0; i < len(x); i += 16 {
		e := exp16(vector(x, i).Sub(m))
		put(x, i, e)
		s = s.Add(e)
	}
	return sum(s)
}

// swiglu: o = g·σ(g)·u.
func swiglu(o, g, u []float32) {
	one := all(1)
	for i := 0; i < len(o); i += 16 {
		z := vector(g, i)
		e := exp16(all(0).Sub(z))
		put(o, i, z.Div(one.Add(e)).Mul(vector(u, i)))
	}
}

// swigluBack: the gradients of swiglu's inputs, from d at its output.
func swigluBack(dg, du, d, g, u []float32) {
	one := all(1)
	for i := 0; i < len(d); i += 16 {
		z, y := vector(g, i), vector(d, i)
		s := one.Div(one.Add(exp16(all(0).Sub(z))))
		zs := z.Mul(s)
		put(du, i, y.Mul(zs))
		put(dg, i, y.Mul(vector(u, i)).Mul(s.Add(zs).Sub(zs.Mul(s))))
	}
}

// softmaxBack: dp = p·(dp−sum)·scale, with sum = Σ dp·p.
func softmaxBack(dp, p []float32, sum, scale float32) {
	m, s := all(sum), all(scale)
	for i := 0; i < len(p); i += 16 {
		put(dp, i, vector(dp, i).Sub(m).Mul(vector(p, i)).Mul(s))
	}
}

// adam moves p by rate·m/(√s + 10⁻⁸) after updating both moments; shrink is the weight decay of this step.
func adam(p *parameter, clip, rate, shrink float32) {
	b1, b2, n1, n2 := all(beta1), all(beta2), all(1-beta1), all(1-beta2)
	c, r, tiny, keep := all(clip), all(rate), all(1e-8), all(1-shrink)
	for i := 0; i < len(p.w); i += 16 {
		g := vector(p.g, i).Mul(c)
		m := vector(p.m, i).Mul(b1).Add(g.Mul(n1))
		s := vector(p.s, i).Mul(b2).Add(g.Mul(g).Mul(n2))
		put(p.m, i, m)
		put(p.s, i, s)
		put(p.w, i, vector(p.w, i).Mul(keep).Sub(r.Mul(m).Div(s.Sqrt().Add(tiny))))
	}
}
