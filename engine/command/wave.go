package command

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const waveHead = 44 // bytes before the samples

// wave is sound: one channel of samples.
type wave struct {
	rate    int // samples in a second, 8,000 to 48,000
	samples []int16
}

var errWave = errors.New("send a WAV file of one channel of 16 bits, 8 to 48 kHz, its samples right after a head of 44 bytes")

// readWave reads a WAV file: RIFF, WAVE, one "fmt " chunk of 16 bytes, then the samples to the file's end or the length that is told.
func readWave(b []byte) (wave, error) {
	if len(b) < waveHead+2 || string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || string(b[36:40]) != "data" {
		return wave{}, errWave
	}
	le := binary.LittleEndian
	format, channels, rate, bits := le.Uint16(b[20:]), le.Uint16(b[22:]), le.Uint32(b[24:]), le.Uint16(b[34:])
	if le.Uint32(b[16:]) != 16 || format != 1 || channels != 1 || bits != 16 || rate < 8000 || rate > 48000 {
		return wave{}, fmt.Errorf("%w, not %d channels of %d bits at %d Hz", errWave, channels, bits, rate)
	}
	data := b[waveHead:]
	data = data[:min(uint64(len(data)), uint64(le.Uint32(b[40:])))]
	w := wave{rate: int(rate), samples: make([]int16, len(data)/2)}
	for i := range w.samples {
		w.samples[i] = int16(le.Uint16(data[2*i:]))
	}
	return w, nil
}

// at draws sound at another rate, on straight lines between its samples.
func (w wave) at(rate int) wave {
	if w.rate == rate || len(w.samples) == 0 {
		return w
	}
	n := (len(w.samples) - 1) * rate / w.rate
	out := wave{rate: rate, samples: make([]int16, n)}
	for i := range out.samples {
		at := i * w.rate
		before, part := at/rate, at%rate
		a, b := int(w.samples[before]), int(w.samples[before+1])
		out.samples[i] = int16((a*(rate-part) + b*part) / rate)
	}
	return out
}

// seconds is how long it lasts.
func (w wave) seconds() float64 { return float64(len(w.samples)) / float64(w.rate) }

// file is the sound as a WAV file.
func (w wave) file() []byte {
	le := binary.LittleEndian
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(b, "WAVEfmt "...)
	for _, n := range []uint32{16, 1 | 1<<16, uint32(w.rate), uint32(2 * w.rate), 2 | 16<<16} {
		b = le.AppendUint32(b, n)
	}
	b = le.AppendUint32(append(b, "data"...), 0)
	for _, s := range w.samples {
		b = le.AppendUint16(b, uint16(s))
	}
	return sized(b)
}
