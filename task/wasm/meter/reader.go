package meter

import (
	"fmt"
)

// reader takes a module's binary form apart. After a failure all reads give zero; err says what failed first.
type reader struct {
	data []byte
	at   int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
		r.at = len(r.data)
	}
}

func (r *reader) more() bool { return r.err == nil && r.at < len(r.data) }

func (r *reader) byte() byte {
	if r.at >= len(r.data) {
		r.fail("it ends too early")
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.data)-r.at {
		r.fail("it ends too early")
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

// u32 reads an unsigned LEB128 number of at most 32 bits.
func (r *reader) u32() uint32 {
	if r.at < len(r.data) && r.data[r.at] < 0x80 { // as most are
		r.at++
		return uint32(r.data[r.at-1])
	}
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > 0xffffffff {
				break
			}
			return uint32(v)
		}
	}
	r.fail("a number has more than 32 bits")
	return 0
}

// skipLEB passes over a number of at most n bytes.
func (r *reader) skipLEB(n int) {
	for range n {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail("a number is too long")
}

// count reads how many of something follow, each of at least one byte.
func (r *reader) count(what string) int {
	n := r.u32()
	if n > maxCount || int(n) > len(r.data)-r.at {
		r.fail("%d %s are too many", n, what)
		return 0
	}
	return int(n)
}

func (r *reader) name() string { return string(r.take(r.count("bytes of a name"))) }

// since is what was read after from.
func (r *reader) since(from int) []byte {
	if r.err != nil {
		return nil
	}
	return r.data[from:r.at]
}

// below reads an index that must be under limit.
func (r *reader) below(limit int, what string) uint32 {
	i := r.u32()
	if int64(i) >= int64(limit) {
		r.fail("there is no %s %d", what, i)
		return 0
	}
	return i
}

func u32(to []byte, v uint32) []byte {
	for v >= 0x80 {
		to = append(to, byte(v)|0x80)
		v >>= 7
	}
	return append(to, byte(v))
}

// s64 writes a signed LEB128 number.
func s64(to []byte, v int64) []byte {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(to, b)
		}
		to = append(to, b|0x80)
	}
}

func text(to []byte, s string) []byte { return append(u32(to, uint32(len(s))), s...) }
