package receipt

import (
	"sync"
	"unsafe"

	"filippo.io/edwards25519/field"
	"golang.org/x/sys/cpu"
)

// hasLanes says whether this processor multiplies vectors of eight numbers of 52 bits (Intel since Ice Lake, AMD since Zen 4), and
// whether a field.Element is the limbs that lanes take it for.
var hasLanes = sync.OnceValue(func() bool {
	if !cpu.X86.HasAVX512F || !cpu.X86.HasAVX512IFMA || unsafe.Sizeof(field.Element{}) != unsafe.Sizeof(limbs{}) {
		return false
	}
	var e field.Element
	_, err := e.SetBytes([]byte{0: 5, 6: 8 * 4, 12: 64 * 3, 19: 2 * 2, 25: 16 * 1, 31: 0})
	return err == nil && *limbsOf(&e) == limbs{5, 4, 3, 2, 1}
})

// limbs are a number modulo p: Σ limbᵢ·2^51i, each less than 2^52.
type limbs [5]uint64

func limbsOf(e *field.Element) *limbs { return (*limbs)(unsafe.Pointer(e)) }

// eight are as many numbers, limb by limb.
type eight [5][8]uint64

// mul8, add8 and sub8 are a·b, a + b and a − b, with limbs of less than 2^51 + 2^15 if those of a and b are.
//
//go:noescape
func mul8(out, a, b *eight)

//go:noescape
func add8(out, a, b *eight)

//go:noescape
func sub8(out, a, b *eight)

// lanes are eight points that are added to at once, as extended is one.
type lanes struct {
	x, y, z, t             eight
	plus, minus, twist     eight // of what is added
	a, b, c, d, e, f, g, h eight
}

// lanesPool keeps memory that lies well.
var lanesPool = sync.Pool{New: func() any { return new(lanes) }}

// nought is the point 0 for an addition.
var nought = func() (q affine) {
	q.plus.One()
	q.minus.One()
	return q
}()

// sumLanes sums up 1 to 8 claims at once: all take the same additions, some of 0.
func sumLanes(of []*claim) {
	l := lanesPool.Get().(*lanes)
	defer lanesPool.Put(l)
	l.zero()
	var keys, bases [8]digits
	for i, c := range of {
		c.table.less.split(&keys[i], c.k[:])
		base().split(&bases[i], c.s[:])
	}
	for j := keyApart - 1; j >= 0; j-- {
		if j < keyApart-1 {
			for range keyWidth {
				l.double()
			}
		}
		for r := range of[0].table.less.rows {
			for i, c := range of {
				l.take(i, c.table.less.rows[r], keys[i][r*keyApart+j])
			}
			l.join()
		}
	}
	for r, row := range base().rows {
		for i := range of {
			l.take(i, row, bases[i][r])
		}
		l.join()
	}
	for i, c := range of {
		c.sum = l.point(i)
	}
}

// zero makes all points 0, and adds 0 in the lanes that nobody takes.
func (l *lanes) zero() {
	*l = lanes{}
	for i := range 8 {
		l.y[0][i], l.z[0][i] = 1, 1
		l.take(i, nil, 0)
	}
}

// take puts d times what a row is of into a lane.
func (l *lanes) take(i int, row []affine, d int16) {
	q := &nought
	switch {
	case d > 0:
		q = &row[d-1]
	case d < 0:
		q = &row[-d-1]
	}
	plus, minus, twist := limbsOf(&q.plus), limbsOf(&q.minus), *limbsOf(&q.twist)
	if d < 0 {
		plus, minus = minus, plus
		twist = limbs{0xFFFFFFFFFFFDA - twist[0], 0xFFFFFFFFFFFFE - twist[1], 0xFFFFFFFFFFFFE - twist[2], 0xFFFFFFFFFFFFE - twist[3], 0xFFFFFFFFFFFFE - twist[4]} // 2p − twist
	}
	for n := range 5 {
		l.plus[n][i], l.minus[n][i], l.twist[n][i] = plus[n], minus[n], twist[n]
	}
}

// point is one of the points.
func (l *lanes) point(i int) (p extended) {
	for n := range 5 {
		limbsOf(&p.x)[n], limbsOf(&p.y)[n], limbsOf(&p.z)[n], limbsOf(&p.t)[n] = l.x[n][i], l.y[n][i], l.z[n][i], l.t[n][i]
	}
	return p
}

// join and double do as extended's do.
func (l *lanes) join() {
	sub8(&l.a, &l.y, &l.x)
	mul8(&l.a, &l.a, &l.minus)
	add8(&l.b, &l.y, &l.x)
	mul8(&l.b, &l.b, &l.plus)
	mul8(&l.c, &l.t, &l.twist)
	add8(&l.d, &l.z, &l.z)
	sub8(&l.e, &l.b, &l.a)
	sub8(&l.f, &l.d, &l.c)
	add8(&l.g, &l.d, &l.c)
	add8(&l.h, &l.b, &l.a)
	l.set()
}

func (l *lanes) double() {
	mul8(&l.a, &l.x, &l.x)
	mul8(&l.b, &l.y, &l.y)
	mul8(&l.c, &l.z, &l.z)
	add8(&l.c, &l.c, &l.c)
	add8(&l.h, &l.b, &l.a)
	sub8(&l.g, &l.b, &l.a)
	add8(&l.e, &l.x, &l.y)
	mul8(&l.e, &l.e, &l.e)
	sub8(&l.e, &l.e, &l.h)
	sub8(&l.f, &l.c, &l.g)
	l.set()
}

func (l *lanes) set() {
	mul8(&l.x, &l.e, &l.f)
	mul8(&l.y, &l.g, &l.h)
	mul8(&l.z, &l.f, &l.g)
	mul8(&l.t, &l.e, &l.h)
}
