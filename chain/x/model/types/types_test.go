package types_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "agora/chain/network" // sets the prefix of addresses
	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// TestCommitHash holds the encoding: programs that publish compute it too.
func TestCommitHash(t *testing.T) {
	hash := types.CommitHash("agora-1", 7, "agora1author", digest, make([]byte, 16))
	const want = "91a5c1220e774e4368750f9953eb5765074d6af99c4b15422f70c997f2896545"
	if got := hex.EncodeToString(hash[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, other := range map[string][32]byte{
		"chain":  types.CommitHash("agora-2", 7, "agora1author", digest, make([]byte, 16)),
		"netuid": types.CommitHash("agora-1", 8, "agora1author", digest, make([]byte, 16)),
		"author": types.CommitHash("agora-1", 7, "agora1other", digest, make([]byte, 16)),
		"digest": types.CommitHash("agora-1", 7, "agora1author", digest[:70]+"9", make([]byte, 16)),
		"salt":   types.CommitHash("agora-1", 7, "agora1author", digest, make([]byte, 17)),
	} {
		if other == hash {
			t.Errorf("another %s, the same hash", name)
		}
	}
}

func TestAuthorPartIsTotal(t *testing.T) {
	m := types.Model{AuthorShare: 3_000}
	for rao, want := range map[uint64]uint64{0: 0, 1: 0, 10: 3, 1<<64 - 1: 5_534_023_222_112_865_484} {
		if got := m.AuthorPart(rao); got != want {
			t.Errorf("of %d: %d, want %d", rao, got, want)
		}
	}
	if m.Retired = true; m.AuthorPart(100) != 0 {
		t.Error("a retired model pays")
	}
}

func TestLicences(t *testing.T) {
	some, ok := subnettypes.LicenceValue("MIT", "CC0-1.0")
	if !ok || some != 1|1<<7 {
		t.Errorf("%b, %v", some, ok)
	}
	if _, ok := subnettypes.LicenceValue("no such"); ok {
		t.Error("an unknown licence has a bit")
	}
	for licence, want := range map[string]bool{"MIT": true, "CC0-1.0": true, "Apache-2.0": false, "no such": false} {
		if subnettypes.TakesLicence(some, licence) != want || !subnettypes.TakesLicence(0, licence) {
			t.Errorf("%s: want %v", licence, want)
		}
	}
}

func FuzzPublication(f *testing.F) {
	seed := types.MsgPublishModel{
		Author: sdk.AccAddress("alice_______________").String(), Netuid: 1, Digest: digest, Salt: make([]byte, 16), Name: "tiny-2.q4",
		Licence: "MIT", Format: types.GGUF, Bytes: 1, Parameters: 1, Sources: []string{"https://example.org/x"}, Template: "chatml",
		Root: make([]byte, 32),
	}
	raw, err := seed.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m types.MsgPublishModel
		if m.Unmarshal(raw) != nil {
			return
		}
		err := m.ValidateBasic()
		if err != nil && !errors.Is(err, types.ErrInvalid) {
			t.Fatalf("an error outside the table: %v", err)
		}
		if err != nil {
			return
		}
		if len(m.Name) > 64 || strings.ContainsAny(m.Name+m.Licence, "/ \n<\"") || len(m.Sources) > types.MaxSources || len(m.Digest) != 71 {
			t.Fatalf("%+v passed", m)
		}
	})
}
