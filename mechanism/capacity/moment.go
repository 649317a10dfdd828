package capacity

import (
	"crypto/sha256"
	"encoding/binary"
)

// When servers are asked.
const (
	Tempo = 360       // blocks; in shorter tempos moments are drawn by the seed
	Rest  = Tempo / 2 // blocks in which no moment follows another
	Zeros = 8         // hashes in a row that end in a 0 bit
)

// Scan finds the moments of a chain: blocks that end eight in a row whose hashes end in a 0 bit, none within Rest blocks after
// another. They come about every 690 blocks; a proposer of a part p of the blocks who gives blocks up to choose moves them by the
// eighth power of what he can move a bit, and whoever watches the run knows of a moment some blocks before.
//
// Who begins to watch in the middle cannot know the moment before, and takes none for one until Rest blocks have gone by in which
// none could have been. The zero value is such a watcher. One goroutine uses a Scan.
type Scan struct {
	seen  bool
	last  int64 // block that was seen last
	zeros int   // hashes up to it that end in a 0 bit
	quiet int64 // first block that may be a moment again
	clear int64 // first block from which on all is known
}

// Block looks at the next block and says whether it is a moment. After a gap, or a block out of turn, a Scan begins anew.
func (s *Scan) Block(height int64, hash []byte) bool {
	if !s.seen || height != s.last+1 {
		*s = Scan{seen: true, clear: height + Zeros - 1 + Rest}
	}
	s.last = height
	if len(hash) == 0 || hash[len(hash)-1]&1 != 0 {
		s.zeros = 0
		return false
	}
	if s.zeros++; s.zeros < Zeros || height < s.quiet {
		return false
	}
	if height < s.clear {
		s.clear = height + Rest // it may have been one
		return false
	}
	s.quiet = height + Rest
	return true
}

// Drawn is the moment of a tempo shorter than Tempo, by its seed, in the second quarter: that of local networks, where nobody waits for
// eight zeros.
//
//	start + q + SHA-256("agora/moment/v1\0" ‖ seed)[0:8] mod max(1, q),   q = ⌊blocks ÷ 4⌋
func Drawn(seed [32]byte, start, blocks int64) int64 {
	h := sha256.Sum256(append([]byte("agora/moment/v1\x00"), seed[:]...))
	quarter := max(0, blocks/4)
	return start + quarter + int64(binary.BigEndian.Uint64(h[:8])%uint64(max(1, quarter)))
}
