package receipt

import (
	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// multiples are those of a point P that sums of [n]P are made of: n is Σ dᵢ·2^(width·i) with digits −2^(width−1) ≤ dᵢ < 2^(width−1), and
// row r has m·2^(width·apart·r)·P for m from 1 to 2^(width−1). So a sum takes an addition for each digit and width doublings for
// each digit that lies between two rows. Its time tells the number: it is for what is public.
type multiples struct {
	width, apart int
	rows         [][]affine
}

const numberBits = 253 // of a number that is less than the group's order

// affine is a point (x, y) as what an addition needs of it: y+x, y−x and 2dxy, where −x² + y² = 1 + dx²y².
type affine struct{ plus, minus, twist field.Element }

// twiceD is 2d, d = −121665/121666.
var twiceD = func() (d field.Element) {
	var under field.Element
	under.Mult32(new(field.Element).One(), 121666)
	d.Mult32(new(field.Element).One(), 121665)
	d.Negate(d.Multiply(&d, under.Invert(&under)))
	return *d.Add(&d, &d)
}()

// newMultiples takes an addition for each of the points, some doublings, and one inversion.
func newMultiples(p *edwards25519.Point, width, apart int) *multiples {
	half := 1 << (width - 1)
	count := (numberBits + width*apart - 1) / (width * apart)
	all := make([]edwards25519.Point, count*half)
	first := edwards25519.NewIdentityPoint().Set(p)
	for r := range count {
		row := all[r*half : (r+1)*half]
		row[0].Set(first)
		for m := 1; m < half; m++ {
			row[m].Add(&row[m-1], first)
		}
		first.Set(&row[half-1])
		for range width*apart - (width - 1) {
			first.Double(first)
		}
	}
	flat := flatten(all)
	t := &multiples{width: width, apart: apart, rows: make([][]affine, count)}
	for r := range t.rows {
		t.rows[r] = flat[r*half : (r+1)*half]
	}
	return t
}

// flatten gives points without their denominators.
func flatten(points []edwards25519.Point) []affine {
	under, flat := make([]field.Element, len(points)), make([]affine, len(points))
	for i := range points {
		_, _, z, _ := points[i].ExtendedCoordinates()
		under[i] = *z
	}
	invert(under)
	for i := range points {
		x, y, _, _ := points[i].ExtendedCoordinates()
		x.Multiply(x, &under[i])
		y.Multiply(y, &under[i])
		a := &flat[i]
		a.plus.Add(y, x)
		a.minus.Subtract(y, x)
		a.twist.Multiply(x, y)
		a.twist.Multiply(&a.twist, &twiceD)
	}
	return flat
}

// invert puts 1/a in the place of each a, of which none is 0, by one inversion.
func invert(list []field.Element) {
	before, product := make([]field.Element, len(list)), new(field.Element).One()
	for i := range list {
		before[i] = *product
		product.Multiply(product, &list[i])
	}
	product.Invert(product)
	for i := len(list) - 1; i >= 0; i-- {
		before[i].Multiply(&before[i], product)
		product.Multiply(product, &list[i])
		list[i] = before[i]
	}
}

// addTo adds [n]P to a sum: n is less than the order, little endian. With rows that lie apart the sum must be 0 before.
func (t *multiples) addTo(sum *extended, n []byte) {
	var digits digits
	t.split(&digits, n)
	for j := t.apart - 1; j >= 0; j-- {
		if j < t.apart-1 {
			for range t.width {
				sum.double()
			}
		}
		for r, row := range t.rows {
			switch d := digits[r*t.apart+j]; {
			case d > 0:
				sum.add(&row[d-1])
			case d < 0:
				sum.subtract(&row[-d-1])
			}
		}
	}
}

// digits are those of a number, from the lowest.
type digits [64]int16

// split writes a number's digits.
func (t *multiples) split(digits *digits, n []byte) {
	carry, bits, have := 0, 0, 0
	for i := range t.apart * len(t.rows) {
		if have < t.width && len(n) > 0 {
			bits, n, have = bits|int(n[0])<<have, n[1:], have+8
		}
		d := bits&(1<<t.width-1) + carry
		bits, have = bits>>t.width, have-t.width
		carry = (d + 1<<(t.width-1)) >> t.width
		digits[i] = int16(d - carry<<t.width)
	}
}

// extended is a point (x/z, y/z) with t = xy/z. The formulae are complete: they hold for all points of the curve, those of small
// order too ("Twisted Edwards Curves Revisited", 2008, 3.1 and 3.3).
type extended struct{ x, y, z, t field.Element }

func (p *extended) zero() {
	p.x.Zero()
	p.y.One()
	p.z.One()
	p.t.Zero()
}

func (p *extended) add(q *affine) { p.join(&q.plus, &q.minus, &q.twist) }

func (p *extended) subtract(q *affine) {
	var twist field.Element
	p.join(&q.minus, &q.plus, twist.Negate(&q.twist))
}

// join adds (x, y), of which it is given y+x, y−x and 2dxy.
func (p *extended) join(plus, minus, twist *field.Element) {
	var a, b, c, d, e, f, g, h field.Element
	a.Multiply(a.Subtract(&p.y, &p.x), minus)
	b.Multiply(b.Add(&p.y, &p.x), plus)
	c.Multiply(&p.t, twist)
	d.Add(&p.z, &p.z)
	p.set(e.Subtract(&b, &a), f.Subtract(&d, &c), g.Add(&d, &c), h.Add(&b, &a))
}

func (p *extended) double() {
	var a, b, c, e, f, g, h field.Element
	a.Square(&p.x)
	b.Square(&p.y)
	c.Square(&p.z)
	c.Add(&c, &c)
	h.Add(&b, &a)
	g.Subtract(&b, &a)
	e.Square(e.Add(&p.x, &p.y))
	e.Subtract(&e, &h)
	p.set(&e, f.Subtract(&c, &g), &g, &h)
}

// set makes it the point (e/g, h/f).
func (p *extended) set(e, f, g, h *field.Element) {
	p.x.Multiply(e, f)
	p.y.Multiply(g, h)
	p.z.Multiply(f, g)
	p.t.Multiply(e, h)
}

// encode is the point's encoding: y, and in the highest bit whether x is odd. Over is 1/z.
func (p *extended) encode(over *field.Element) [32]byte {
	var x, y field.Element
	x.Multiply(&p.x, over)
	b := [32]byte(y.Multiply(&p.y, over).Bytes())
	b[31] |= byte(x.IsNegative() << 7)
	return b
}
