package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"agora/engine/native/tensor"
)

var errNotFinite = errors.New("a number is not finite")

// packer copies rows of a tensor into their lanes.
type packer struct {
	m *Matrix
	t tensor.Tensor
}

// pack copies all rows, on all processors, since most of the time goes into the first touch of the memory.
func (p *packer) pack() error {
	groups := p.m.Width() / Lanes
	workers := min(runtime.GOMAXPROCS(0), max(1, groups*p.m.Cols>>12))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { errs[i] = p.rows(groups*i/workers*Lanes, min(groups*(i+1)/workers*Lanes, p.m.Rows)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (p *packer) rows(from, to int) error {
	for r := from; r < to; r++ {
		if err := p.row(r); err != nil {
			return fmt.Errorf("%w: %s, row %d: %w", ErrWeights, p.t.Name, r, err)
		}
	}
	return nil
}

// row copies a row block by block into its lane of the chunks of its sixteen rows.
func (p *packer) row(r int) error {
	src, lane, l := p.t.Row(r), r%Lanes, p.m.layout
	weights, size, _ := p.t.Type.Block()
	if weights == 1 {
		size *= Block
	}
	q, s := p.m.group(r / Lanes)
	for len(q) > 0 {
		var err error
		n := 1 // chunks in a block of the file
		switch {
		case weights == 1:
			err = packFloats(q, src[:size], size/Block, lane)
		case weights == Block:
			err = p.small(q, s, src[:size], lane)
		default:
			n, err = weights/Block, p.super(q, s, src[:size], lane)
		}
		if err != nil {
			return err
		}
		q, s, src = q[n*l.quants:], s[n*l.scales:], src[size:]
	}
	return nil
}

func packFloats(q, src []byte, size, lane int) error {
	for k := range Block {
		v := src[k*size : (k+1)*size]
		if high := binary.LittleEndian.Uint16(v[size-2:]); size == 4 && high&0x7f80 == 0x7f80 || size == 2 && high&0x7c00 == 0x7c00 {
			return errNotFinite
		}
		copy(q[(k*Lanes+lane)*size:], v)
	}
	return nil
}

// small packs a block of 32 weights: Q4_0, Q4_1, Q5_0, Q8_0.
func (p *packer) small(q, s, src []byte, lane int) error {
	d := binary.LittleEndian.Uint16(src)
	if !tensor.FiniteHalf(d) {
		return errNotFinite
	}
	binary.LittleEndian.PutUint16(s[2*lane:], d)
	src = src[2:]
	offset := uint64(0)
	switch p.t.Type {
	case tensor.Q41:
		m := binary.LittleEndian.Uint16(src)
		if !tensor.FiniteHalf(m) {
			return errNotFinite
		}
		binary.LittleEndian.PutUint16(s[32+2*lane:], m)
		src = src[2:]
	case tensor.Q50:
		packBits((*[64]byte)(q[256:]), binary.LittleEndian.Uint32(src), lane)
		src = src[4:]
	case tensor.Q80:
		offset = 0x8080808080808080 // signed to unsigned
	}
	if len(src) == Block {
		spread8((*[512]byte)(q), (*[32]byte)(src), lane, offset)
	} else {
		spread4((*[256]byte)(q), (*[16]byte)(src), lane)
	}
	return nil
}

// spread8 puts 32 numbers of 8 bits where row lane has them: four at a time, 64 bytes apart. Indices that the compiler knows to lie
// in their arrays make it twice as fast.
func spread8(q *[512]byte, src *[32]byte, lane int, offset uint64) {
	at := lane & (Lanes - 1) * 4
	for j := range 4 {
		v := binary.LittleEndian.Uint64(src[8*j:]) ^ offset
		binary.LittleEndian.PutUint32(q[128*j+at:], uint32(v))
		binary.LittleEndian.PutUint32(q[128*j+64+at:], uint32(v>>32))
	}
}

// spread4 does the same with 32 numbers of 4 bits.
func spread4(q *[256]byte, src *[16]byte, lane int) {
	at := lane & (Lanes - 1) * 4
	for j := range 2 {
		v := binary.LittleEndian.Uint64(src[8*j:])
		binary.LittleEndian.PutUint32(q[128*j+at:], uint32(v))
		binary.LittleEndian.PutUint32(q[128*j+64+at:], uint32(v>>32))
	}
}

// packBits spreads the fifth bits of 32 columns over eight words, four bits per row: two rows share a byte.
func packBits(words *[64]byte, bits uint32, lane int) {
	x := uint64(bits) // to eight bytes of four bits
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f << (4 * (lane & 1))
	at := lane & (Lanes - 1) / 2
	for j := range 8 {
		words[8*j+at] |= byte(x >> (8 * j))
	}
}

// super packs a block of 256 weights, eight chunks: Q4_K, Q6_K.
func (p *packer) super(q, s, src []byte, lane int) error {
	if !finiteScales(p.t.Type, src) {
		return errNotFinite
	}
	var v [32]byte
	for i := range 8 {
		var a, b float32
		if p.t.Type == tensor.Q4K {
			tensor.QuantsQ4K(&v, src, i)
			for k := 0; k < 16; k += 8 {
				low, high := binary.LittleEndian.Uint64(v[k:]), binary.LittleEndian.Uint64(v[16+k:])
				binary.LittleEndian.PutUint64(v[k:], low|high<<4)
			}
			spread4((*[256]byte)(q), (*[16]byte)(v[:]), lane)
			a, b = tensor.ScalesQ4K(src, i)
			b = -b
		} else {
			tensor.QuantsQ6K(&v, src, i)
			spread8((*[512]byte)(q), &v, lane, 0)
			a, b = tensor.ScaleQ6K(src, 2*i), tensor.ScaleQ6K(src, 2*i+1)
		}
		binary.LittleEndian.PutUint32(s[4*lane:], math.Float32bits(a))
		binary.LittleEndian.PutUint32(s[64+4*lane:], math.Float32bits(b))
		q, s = q[p.m.layout.quants:], s[p.m.layout.scales:]
	}
	return nil
}

func finiteScales(t tensor.Type, src []byte) bool {
	half := func(at int) bool { return tensor.FiniteHalf(binary.LittleEndian.Uint16(src[at:])) }
	if t == tensor.Q4K {
		return half(0) && half(2)
	}
	return half(208)
}
