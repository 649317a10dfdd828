package voucher

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const chain = "agora-test-1"

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

var public = key.Public().(ed25519.PublicKey)

func TestOnlyWhatWasSignedIsAVoucher(t *testing.T) {
	v := Voucher{Channel: 5, Parts: Parts{{1, 100}, {3, 50}}, Expiry: 1_800_000_000}
	signature, err := v.Sign(chain, key)
	if err != nil || v.Verify(chain, public, signature) != nil {
		t.Fatal(err, v.Verify(chain, public, signature))
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	for name, err := range map[string]error{
		"another chain":     v.Verify("agora-test-2", public, signature),
		"another key":       v.Verify(chain, other, signature),
		"no key":            v.Verify(chain, nil, signature),
		"no signature":      v.Verify(chain, public, nil),
		"a short signature": v.Verify(chain, public, signature[:63]),
		"another channel":   Voucher{6, v.Parts, v.Expiry}.Verify(chain, public, signature),
		"another expiry":    Voucher{5, v.Parts, 0}.Verify(chain, public, signature),
		"one rao more":      Voucher{5, Parts{{1, 101}, {3, 50}}, v.Expiry}.Verify(chain, public, signature),
		"another subnet":    Voucher{5, Parts{{2, 100}, {3, 50}}, v.Expiry}.Verify(chain, public, signature),
	} {
		if !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]Voucher{"no channel": {0, v.Parts, 0}, "no parts": {5, nil, 0}, "before time": {5, v.Parts, -1}} {
		if _, err := bad.Sign(chain, key); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"", strings.Repeat("x", maxChainID+1)} {
		if _, err := v.Sign(id, key); !errors.Is(err, ErrMalformed) {
			t.Errorf("chain id of %d bytes: %v", len(id), err)
		}
	}
}

// TestTheBytesAreThoseOfTheSpecification pins what other programs sign.
func TestTheBytesAreThoseOfTheSpecification(t *testing.T) {
	want := "agora payment voucher v1\x00" + "\x02c1" +
		"\x00\x00\x00\x00\x00\x00\x00\x05" + "\x00\x00\x00\x00\x00\x00\x00\x09" + "\x02" +
		"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x64" + "\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02"
	if got := (Voucher{5, Parts{{1, 100}, {256, 2}}, 9}).Bytes("c1"); string(got) != want {
		t.Fatalf("%q\nwant\n%q", got, want)
	}
}

func TestExpiryIsTheLastSecond(t *testing.T) {
	v := Voucher{Expiry: 100}
	if v.Expired(100) || !v.Expired(101) || (Voucher{}).Expired(1<<40) {
		t.Error("a voucher is good until the end of its last second, one without expiry for ever")
	}
}

func TestDifferentVouchersHaveDifferentBytes(t *testing.T) {
	voucher := rapid.Custom(func(t *rapid.T) Voucher {
		return Voucher{
			rapid.Uint64Range(1, 3).Draw(t, "channel"), anyParts(2).Draw(t, "parts"), rapid.Int64Range(0, 2).Draw(t, "expiry"),
		}
	})
	ids := rapid.SampledFrom([]string{"a", "aa", "a\x00", "b"})
	rapid.Check(t, func(t *rapid.T) {
		v, w, a, b := voucher.Draw(t, "v"), voucher.Draw(t, "w"), ids.Draw(t, "a"), ids.Draw(t, "b")
		same := a == b && v.Channel == w.Channel && v.Expiry == w.Expiry && v.Parts.Covers(w.Parts) && w.Parts.Covers(v.Parts)
		if bytes.Equal(v.Bytes(a), w.Bytes(b)) != same {
			t.Fatalf("%+v on %q and %+v on %q", v, a, w, b)
		}
	})
}

// FuzzVerify looks for a signature that holds for a voucher that was not signed, and for panics.
func FuzzVerify(f *testing.F) {
	v := Voucher{Channel: 5, Parts: Parts{{1, 100}}}
	signature, _ := v.Sign(chain, key)
	f.Add(uint64(5), uint32(1), uint64(100), int64(0), chain, signature)
	f.Add(uint64(5), uint32(1), uint64(101), int64(0), chain, signature)
	f.Fuzz(func(t *testing.T, channel uint64, netuid uint32, amount uint64, expiry int64, id string, sig []byte) {
		w := Voucher{channel, Parts{{netuid, amount}}, expiry}
		same := channel == 5 && netuid == 1 && amount == 100 && expiry == 0 && id == chain
		if err := w.Verify(id, public, sig); err == nil && !same {
			t.Fatalf("%+v on %q holds with %x", w, id, sig)
		}
	})
}
