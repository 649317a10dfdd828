package capacity

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Bounds of a burst.
const (
	Least  = 16  // requests at once; fewer do not show a machine that works on many
	Most   = 256 // slots that a server is believed to have
	Rounds = 4   // requests one after the other in place of each: a slot shows at most so many answers in a window
)

// RoundsOf is how many requests follow each other in tempos of so many blocks: 4, in short ones one for each ten blocks.
func RoundsOf(blocks int64) int { return int(min(Rounds, max(blocks/10, 1))) }

// Size is how many requests all voices together keep with a server of so many slots: max(slots, 16), at most 256.
func Size(slots int) int { return min(max(slots, Least), Most) }

// Window is how long a burst lasts in tempos of so many blocks, in µs: 20 s, in short tempos a quarter of a second for each block.
//
// It is the same for all servers, so that nothing is gained by the order in which a machine answers: whichever of its keys it answers
// first, all of them together show what it did in that time.
func Window(blocks int64) uint64 { return min(20_000_000, 250_000*uint64(max(blocks, 1))) }

// Divide says how many of the requests of a burst each voice keeps. With S_i the sum of the stakes of the first i voices, S that of
// all, and u a number below S that the tempo's seed and the server's uid draw:
//
//	n_i = ⌊(size·S_i + u) ÷ S⌋ − ⌊(size·S_(i−1) + u) ÷ S⌋
//
// They add up to size, each is its voice's part rounded up or down, and over many draws exactly its part. Where nobody has stake
// nobody sends any. Stakes are in one unit and add up to less than 2^64; a larger sum is cut off.
func Divide(size int, stakes []uint64, seed [32]byte, uid uint32) []int {
	counts := make([]int, len(stakes))
	var all uint64
	for _, s := range stakes {
		all = add(all, s)
	}
	if all == 0 {
		return counts
	}
	u := draw(seed, uid) % all
	var sum, before uint64
	for i, s := range stakes {
		sum = add(sum, s)
		high, low := bits.Mul64(uint64(min(max(size, 0), Most)), sum)
		low, carry := bits.Add64(low, u, 0)
		upTo, _ := bits.Div64(high+carry, low, all) // at most size: sum ≤ all and u < all
		counts[i] = int(upTo - before)
		before = upTo
	}
	return counts
}

// draw is SHA-256("agora/burst/v1\0" ‖ seed ‖ uid)[0:8].
func draw(seed [32]byte, uid uint32) uint64 {
	text := append([]byte("agora/burst/v1\x00"), seed[:]...)
	h := sha256.Sum256(binary.BigEndian.AppendUint32(text, uid))
	return binary.BigEndian.Uint64(h[:8])
}

func add(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return 1<<64 - 1
	}
	return sum
}

// Shape is how much a request of a burst asks for, in tokens.
type Shape struct {
	Prompt int // about
	Answer int // at most
}

// Bounds of a Shape.
const (
	longPrompt, longAnswer   = 256, 64
	shortPrompt, shortAnswer = 32, 16
)

// ShapeOf is how much a request asks of a server that reads so many tokens (0: not known), in tempos of so many blocks:
//
//	prompt = min(256 · blocks ÷ 360, 256, context ÷ 2), at least 32
//	answer = min( 64 · blocks ÷ 360,  64, context ÷ 4), at least 16
//
// so that a burst is the same part of a tempo however short that is: at most 320 tokens of each of 4 · max(slots, 16) requests, and no
// longer than its window, once in at least half a tempo.
func ShapeOf(context int, blocks int64) Shape {
	n := int(min(max(blocks, 0), Tempo))
	s := Shape{Prompt: longPrompt * n / Tempo, Answer: longAnswer * n / Tempo}
	if context > 0 {
		s.Prompt, s.Answer = min(s.Prompt, context/2), min(s.Answer, context/4)
	}
	return Shape{Prompt: max(s.Prompt, shortPrompt), Answer: max(s.Answer, shortAnswer)}
}
