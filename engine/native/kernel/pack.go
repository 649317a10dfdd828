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

func (p *packer) row(r int) error {
	src, m := p.t.Row(r), p.m
	weights, size, _ := p.t.Type.Block()
	for b := range m.Cols / Block {
		q, s := m.chunk(r/Lanes, b)
		var err error
		switch {
		case weights == 1:
			err = packFloats(q, src[b*Block*size:(b+1)*Block*size], size, r%Lanes)
		case weights == Block:
			err = p.small(q, s, src[b*size:(b+1)*size], r%Lanes)
		default:
			err = p.super(q, s, src[b/8*size:(b/8+1)*size], b%8, r%Lanes)
		}
		if err != nil {
			return err
		}
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
	offset := uint32(0)
	switch p.t.Type {
	case tensor.Q41:
		m := binary.LittleEndian.Uint16(src)
		if !tensor.FiniteHalf(m) {
			return errNotFinite
		}
		binary.LittleEndian.PutUint16(s[32+2*lane:], m)
		src = src[2:]
	case tensor.Q50:
		packBits(q[256:], binary.LittleEndian.Uint32(src), lane)
		src = src[4:]
	case tensor.Q80:
		offset = 0x80808080 // signed to unsigned
	}
	for j := 0; 4*j < len(src); j++ {
		binary.LittleEndian.PutUint32(q[64*j+4*lane:], binary.LittleEndian.Uint32(src[4*j:])^offset)
	}
	return nil
}

// packBits spreads the fifth bits of 32 columns over eight words, four bits per row.
func packBits(words []byte, bits uint32, lane int) {
	for j := range 8 {
		w := words[8*j:]
		binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)|uint64(bits>>(4*j)&15)<<(4*lane))
	}
}

// super packs part i of 8 of a block of 256 weights: Q4_K, Q6_K.
func (p *packer) super(q, s, src []byte, i, lane int) error {
	var v [32]byte
	var a, b float32
	if p.t.Type == tensor.Q4K {
		tensor.QuantsQ4K(&v, src, i)
		for k := range 16 {
			q[k/4*64+4*lane+k%4] = v[k] | v[k+16]<<4
		}
		a, b = tensor.ScalesQ4K(src, i)
		b = -b
	} else {
		tensor.QuantsQ6K(&v, src, i)
		for k, x := range v {
			q[k/4*64+4*lane+k%4] = x
		}
		a, b = tensor.ScaleQ6K(src, 2*i), tensor.ScaleQ6K(src, 2*i+1)
	}
	for _, half := range superScales(p.t.Type, src) {
		if !tensor.FiniteHalf(half) {
			return errNotFinite
		}
	}
	binary.LittleEndian.PutUint32(s[4*lane:], math.Float32bits(a))
	binary.LittleEndian.PutUint32(s[64+4*lane:], math.Float32bits(b))
	return nil
}

func superScales(t tensor.Type, src []byte) []uint16 {
	if t == tensor.Q4K {
		return []uint16{binary.LittleEndian.Uint16(src), binary.LittleEndian.Uint16(src[2:])}
	}
	return []uint16{binary.LittleEndian.Uint16(src[208:])}
}
