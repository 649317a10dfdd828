package receipt

import (
	"crypto/sha512"
	"testing"

	"filippo.io/edwards25519/field"
)

// numbers are eight, and some at which limbs carry.
func numbers(seed byte) (list [8]field.Element, in eight) {
	for i := range list {
		sum := sha512.Sum512([]byte{seed, byte(i)})
		_, _ = list[i].SetBytes(sum[:32]) // never fails
		for n := range 5 {
			switch seed % 4 {
			case 1:
				limbsOf(&list[i])[n] |= 1<<51 - 1<<(8*i%51)
			case 2:
				limbsOf(&list[i])[n] = 1<<51 + 1<<15 - 1 - uint64(i)
			case 3:
				limbsOf(&list[i])[n] &= 1 << (8 * i % 51)
			}
			in[n][i] = limbsOf(&list[i])[n]
		}
	}
	return list, in
}

// Numbers in lanes come to what the library says, and to limbs that lanes can go on with.
func TestLanesCalculate(t *testing.T) {
	if !hasLanes() {
		t.Skip("this processor has none")
	}
	for i := range byte(64) {
		a, inA := numbers(i % 8)
		b, inB := numbers(i / 8)
		for name, op := range map[string]struct {
			lanes func(out, a, b *eight)
			one   func(out, a, b *field.Element) *field.Element
		}{
			"a·b":   {mul8, (*field.Element).Multiply},
			"a + b": {add8, (*field.Element).Add},
			"a − b": {sub8, (*field.Element).Subtract},
		} {
			var out eight
			op.lanes(&out, &inA, &inB)
			for k := range 8 {
				var got, want field.Element
				op.one(&want, &a[k], &b[k])
				for n := range 5 {
					if limbsOf(&got)[n] = out[n][k]; out[n][k] >= 1<<51+1<<15 {
						t.Errorf("%s: limb %d is %x", name, n, out[n][k])
					}
				}
				if got.Equal(&want) != 1 {
					t.Fatalf("%s of %x and %x is %x, want %x", name, a[k].Bytes(), b[k].Bytes(), got.Bytes(), want.Bytes())
				}
			}
		}
	}
}

// A point in a lane is added to and doubled as one by itself.
func TestLanesAddAndDouble(t *testing.T) {
	if !hasLanes() {
		t.Skip("this processor has none")
	}
	l := new(lanes)
	l.zero()
	var want [8]extended
	for i := range want {
		want[i].zero()
	}
	for step := range 40 {
		for i := range want {
			d := int16((step*(i+3))%129 - 64)
			row := base().rows[(step+i)%len(base().rows)]
			l.take(i, row, d)
			switch {
			case d > 0:
				want[i].add(&row[d-1])
			case d < 0:
				want[i].subtract(&row[-d-1])
			}
		}
		if l.join(); step%5 == 0 {
			l.double()
		}
		for i := range want {
			if step%5 == 0 {
				want[i].double()
			}
			got := l.point(i)
			var over, over2 field.Element
			if a, b := got.encode(over.Invert(&got.z)), want[i].encode(over2.Invert(&want[i].z)); a != b {
				t.Fatalf("step %d, lane %d: %x, want %x", step, i, a, b)
			}
		}
	}
}
