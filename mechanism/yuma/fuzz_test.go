package yuma_test

import (
	"encoding/binary"
	"testing"

	"agora/mechanism/yuma"
	"agora/study/draw"
)

// FuzzEpochAgreesWithTheTextbook compares a random epoch with the textbook's.
func FuzzEpochAgreesWithTheTextbook(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(seed*5))
	}
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) {
		in := draw.New(seed).Input(int(size % 48))
		runner := yuma.Runner{Workers: int(seed % 3)}
		if diff := difference(runner.Run(in), textbook(in)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzEpochTakesAnyInput runs epochs on arbitrary bytes: every field may be
// absurd, rows may be torn, unordered and repeat themselves.
func FuzzEpochTakesAnyInput(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := arbitrary(data)
		out := new(yuma.Runner).Run(in)
		if len(out.Emission) != max(in.N, 0) {
			t.Fatalf("%d results for %d uids", len(out.Emission), in.N)
		}
		var paid uint64
		for i := range out.Emission {
			paid += out.Emission[i]
		}
		if paid > in.Emission {
			t.Fatalf("paid %d of %d", paid, in.Emission)
		}
	})
}

// bytesReader hands out numbers until its bytes are used up, then zeros.
type bytesReader []byte

func (b *bytesReader) number() uint64 {
	var word [8]byte
	n := copy(word[:], *b)
	*b = (*b)[n:]
	return binary.LittleEndian.Uint64(word[:])
}

func (b *bytesReader) row() yuma.Row {
	n := min(int(b.number()%64), len(*b))
	row := yuma.Row((*b)[:n])
	*b = (*b)[n:]
	return row
}

func arbitrary(data []byte) *yuma.Input {
	b := bytesReader(data)
	a, c, d := b.number(), b.number(), b.number()
	in := &yuma.Input{
		Params: yuma.Params{
			Kappa: uint16(a), BondsPenalty: uint16(a >> 16), BondsMovingAverage: uint32(a >> 32),
			Yuma3: c&1 != 0, LiquidAlpha: c&2 != 0, AlphaLow: uint16(c >> 8), AlphaHigh: uint16(c >> 24),
			AlphaSteepness: int16(c >> 40), CommitReveal: c&4 != 0, ActivityGiven: c&8 != 0,
			PermitsGiven: c&16 != 0, OwnerPrivileges: c&32 != 0, NoConsensusNoPay: c&64 != 0,
			SplitHalves: c&128 != 0, DecayAbsentBonds: d&1 != 0,
			MaxValidators: int(int8(d >> 8)), ActivityCutoffFactor: uint32(d >> 16), StakeThreshold: d >> 60,
		},
		N: int(int8(d>>48)) / 4, Owner: uint16(d >> 50), HasOwner: d&2 != 0,
		Block: b.number(), Tempo: b.number(), LastStep: b.number(), Emission: b.number(),
	}
	for range max(in.N, 0) {
		if len(b) == 0 {
			break
		}
		flags := b.number()
		in.Stake = append(in.Stake, b.number())
		in.LastUpdate = append(in.LastUpdate, flags>>8)
		in.Registered = append(in.Registered, flags>>40)
		in.Commit = append(in.Commit, flags>>16)
		in.Active = append(in.Active, flags&1 != 0)
		in.Permit = append(in.Permit, flags&2 != 0)
		in.Barred = append(in.Barred, flags&4 != 0)
		in.Weights = append(in.Weights, b.row())
		in.Bonds = append(in.Bonds, b.row())
	}
	return in
}
