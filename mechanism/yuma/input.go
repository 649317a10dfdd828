package yuma

import (
	"encoding/binary"
	"math"
	"sort"
)

// MaxN is the number of neurons that a u16 can name. Input.N counts as MaxN above
// it and as 0 below 0.
const MaxN = 1 << 16

// NoCommit is the commit block of a validator without a commit in force.
const NoCommit = math.MaxUint64

// Input is the state of one mechanism of one subnet at the block of its epoch.
// Slices are indexed by uid and are only read. A slice shorter than N is legal:
// a missing mask entry counts as masked (inactive, no permit), a missing number
// as 0, a missing row as empty, a missing commit as NoCommit; what lies beyond N
// is ignored. A missing last update is both: its weights are of block 0, and who
// has none is inactive whatever the cutoff, as in the reference, which derives a
// mask from the vector.
type Input struct {
	Params Params
	// N is the number of uids.
	N int
	// Block is the height of this epoch; Tempo its period in blocks.
	Block, Tempo uint64
	// LastStep is the block of the last epoch that ran, 0 if none did.
	LastStep uint64
	// Emission is the amount to divide, in rao.
	Emission uint64
	// Owner is the uid of the subnet's owner where HasOwner; it matters only
	// with Params.OwnerPrivileges.
	Owner    uint16
	HasOwner bool
	// Stake is in rao; above 2^63 − 1 it counts as that.
	Stake []uint64
	// Active is read with Params.ActivityGiven.
	Active []bool
	// LastUpdate is the block of each validator's weights; Registered the block
	// at which each uid last changed hands.
	LastUpdate, Registered []uint64
	// Permit holds the permits that the last epoch left.
	Permit []bool
	// Commit is the block of each validator's earliest commit in force, read
	// with Params.CommitReveal.
	Commit []uint64
	// Barred names uids that may not earn incentive: weights on them are
	// dropped as if they had just registered.
	Barred []bool
	// Weights and Bonds hold one packed row per validator.
	Weights, Bonds []Row
}

// entrySize is the length in bytes of one entry of a packed row.
const entrySize = 4

// Row is a packed sparse row: four bytes per entry, the uid and then the value,
// both u16 little-endian, uids ascending. A row that is out of order is read in
// order; of entries with one uid the last counts; trailing bytes are ignored.
type Row []byte

// Len returns the number of entries.
func (r Row) Len() int { return len(r) / entrySize }

// At returns entry k.
func (r Row) At(k int) (uid, value uint16) {
	e := r.entry(k)
	return uint16(e), uint16(e >> 16)
}

// Append returns r with one entry more.
func (r Row) Append(uid, value uint16) Row {
	return binary.LittleEndian.AppendUint32(r, uint32(value)<<16|uint32(uid))
}

// entry returns entry k as value<<16 | uid.
func (r Row) entry(k int) uint32 {
	return binary.LittleEndian.Uint32(r[k*entrySize:])
}

// scan returns the sum of the values and whether the uids strictly ascend, in
// which case there are at most 65536 of them. It looks at two entries at a time,
// each in its half of a word: halves that hold values are added up, and a half
// that holds a uid minus the uid before it minus one borrows bit 31 from its top
// where the uid does not ascend.
func (r Row) scan() (sum uint64, ascending bool) {
	const (
		half = 0x0000ffff_0000ffff
		one  = 0x00000001_00000001
		top  = 0x80000000_80000000
	)
	values, rises := uint64(0), uint64(top)
	last := uint64(0) // one more than the uid before
	at := 0
	for ; at <= len(r)-2*entrySize; at += 2 * entrySize {
		pair := binary.LittleEndian.Uint64(r[at : at+2*entrySize])
		values += pair >> 16 & half
		uids := pair & half
		next := uids + one
		rises &= (uids | top) - (next<<32 | last)
		last = next >> 32
	}
	sum, ascending = values&math.MaxUint32+values>>32, rises&top == top
	if at <= len(r)-entrySize {
		uid, value := r.At(at / entrySize)
		return sum + uint64(value), ascending && uint64(uid) >= last
	}
	return sum, ascending
}

// columnsOf reports whether two rows name the same uids in the same order.
func (r Row) columnsOf(other Row) bool {
	if len(r) != len(other) || len(r)%entrySize != 0 {
		return false
	}
	at, differ := 0, uint64(0)
	for ; at <= len(r)-2*entrySize; at += 2 * entrySize {
		differ |= binary.LittleEndian.Uint64(r[at:at+2*entrySize]) ^ binary.LittleEndian.Uint64(other[at:at+2*entrySize])
	}
	if at < len(r) {
		differ |= uint64(r.entry(at/entrySize) ^ other.entry(at/entrySize))
	}
	return differ&0x0000ffff_0000ffff == 0
}

// find returns the place of the first entry on uid or later in an ascending row.
func (r Row) find(uid int) int {
	return sort.Search(r.Len(), func(k int) bool { return int(r.entry(k)&0xffff) >= uid })
}

// within reports whether all uids of an ascending row are below n.
func (r Row) within(n int) bool {
	return r.Len() == 0 || int(r.entry(r.Len()-1)&0xffff) < n
}

// names reports whether an ascending row has an entry on uid.
func (r Row) names(uid int32) bool {
	k := r.find(int(uid))
	return k < r.Len() && int32(r.entry(k)&0xffff) == uid
}

// at returns element i of s, or missing where s is too short.
func at[T any](s []T, i int, missing T) T {
	if i < len(s) {
		return s[i]
	}
	return missing
}
