package x402

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"agora/mechanism/voucher"
)

func pay() Payment {
	v := voucher.Voucher{Channel: 7, Parts: voucher.Parts{{Netuid: 1, Amount: 100}, {Netuid: 3, Amount: 5}}, Expiry: 9}
	return Payment{X402Version: Version, Accepted: Requirement{Scheme: Scheme, Network: Network("c1")}, Payload: NewPayload(v, make([]byte, 64))}
}

func TestAPaymentComesBackAsItWent(t *testing.T) {
	want := pay()
	got, v, err := ReadPayment(Encode(want), Network("c1"))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	if !reflect.DeepEqual(NewPayload(v, want.Payload.Signature), want.Payload) {
		t.Fatalf("%+v", v)
	}
}

func TestWhatIsNoPaymentIsRefused(t *testing.T) {
	edit := func(change func(*Payment)) string {
		p := pay()
		change(&p)
		return Encode(p)
	}
	for name, header := range map[string]string{
		"nothing":          "",
		"no base64":        "{}",
		"no JSON":          "aGVsbG8=",
		"too long":         strings.Repeat("A", MaxHeader+4),
		"version 1":        edit(func(p *Payment) { p.X402Version = 1 }),
		"another scheme":   edit(func(p *Payment) { p.Accepted.Scheme = "exact" }),
		"another chain":    edit(func(p *Payment) { p.Accepted.Network = "cosmos:c2" }),
		"no channel":       edit(func(p *Payment) { p.Payload.Channel = "x" }),
		"channel 0":        edit(func(p *Payment) { p.Payload.Channel = "0" }),
		"a negative part":  edit(func(p *Payment) { p.Payload.Parts[0].Amount = "-1" }),
		"a part of 0":      edit(func(p *Payment) { p.Payload.Parts[0].Amount = "0" }),
		"parts unordered":  edit(func(p *Payment) { p.Payload.Parts[1].Netuid = 0 }),
		"a long id":        edit(func(p *Payment) { p.Payload.Request = strings.Repeat("x", 129) }),
		"a bare signature": edit(func(p *Payment) { p.Payload.Signature = nil }),
	} {
		if _, _, err := ReadPayment(header, Network("c1")); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadPayment(f *testing.F) {
	f.Add(Encode(pay()))
	f.Add("e30=")
	f.Fuzz(func(t *testing.T, header string) {
		_, v, err := ReadPayment(header, Network("c1"))
		if err == nil && v.Check() != nil {
			t.Fatalf("%+v passes", v)
		}
	})
}
