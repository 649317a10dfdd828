package network

import (
	"bytes"
	"strings"
	"testing"

	addresscodec "github.com/cosmos/cosmos-sdk/codec/address"
)

func TestARememberedAddressIsTheOneThatWasDecoded(t *testing.T) {
	plain := addresscodec.NewBech32Codec(Prefix)
	for i := range byte(200) {
		want := bytes.Repeat([]byte{i}, 20)
		text, err := plain.BytesToString(want)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from memory
			if got, err := Accounts.BytesToString(want); err != nil || got != text {
				t.Fatalf("%x: %q %v, want %q", want, got, err, text)
			}
			got, err := Account(text)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %x %v, want %x", text, got, err, want)
			}
			got[0]++ // the caller owns it
		}
	}
}

func TestAWrongAddressIsRefusedEachTime(t *testing.T) {
	operator, err := Operators.BytesToString(make([]byte, 20))
	if err != nil {
		t.Fatal(err)
	}
	account, err := Accounts.BytesToString(make([]byte, 20))
	if err != nil {
		t.Fatal(err)
	}
	typo := account[:len(account)-1] + "q"
	if strings.HasSuffix(account, "q") {
		typo = account[:len(account)-1] + "p"
	}
	for _, text := range []string{"", "  ", operator, typo, strings.ToUpper(account), " " + account, account + "\n"} {
		for range 2 {
			if got, err := Account(text); err == nil {
				t.Errorf("%q is taken for %x", text, got)
			}
		}
	}
}
