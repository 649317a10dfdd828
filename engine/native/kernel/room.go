package kernel

import (
	"math"

	"agora/engine/native/tensor"
)

// Room is zeroed memory for the matrices of a model, one after the other. It is there until nobody has one of them any more. One
// goroutine at a time may pack into it.
type Room struct {
	free []byte
}

// Packed is the room that a matrix takes, 0 for what cannot be packed.
func Packed(t tensor.Tensor) int {
	l, ok := layouts[t.Type]
	if !ok || len(t.Shape) != 2 {
		return 0
	}
	chunks := (int64(t.Shape[1]) + Lanes - 1) / Lanes * (int64(t.Shape[0]) / Block)
	if chunks > math.MaxInt/4096 {
		return 0 // more than there is
	}
	return lines(int(chunks)*l.quants) + lines(int(chunks)*l.scales)
}

// lines rounds up to lines of the cache, so that no vector straddles two.
func lines(n int) int { return (n + 63) &^ 63 }

// take is n bytes of the room, of Go's heap where there are fewer left.
func (r *Room) take(n int) []byte {
	if len(r.free) < lines(n) {
		return aligned(make([]byte, n+64))[:n:n]
	}
	b := r.free[:n:n]
	r.free = r.free[lines(n):]
	return b
}
