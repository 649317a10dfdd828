package voucher

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// ledger is a channel as a book-keeper would keep it who pays one rao after the other.
type ledger struct {
	limit uint64
	paid  [6]uint64
}

func (l *ledger) total() (sum uint64) {
	for _, p := range l.paid {
		sum += p
	}
	return sum
}

// pay pays rao by rao, the lowest netuid first, and tells how many.
func (l *ledger) pay(v Voucher, asked uint64) (paid uint64) {
	for netuid := range l.paid {
		for l.paid[netuid] < v.Parts.Of(uint32(netuid)) && l.total() < l.limit && (asked == 0 || l.total() < asked) {
			l.paid[netuid]++
			paid++
		}
	}
	return paid
}

func (l *ledger) shrinks(v Voucher) bool {
	for netuid, paid := range l.paid {
		if v.Parts.Of(uint32(netuid)) < paid {
			return true
		}
	}
	return false
}

// TestAChannelPaysWhatAPlainLedgerPays plays vouchers in any order, lower ones and old ones too, claims of a part, and
// top-ups.
func TestAChannelPaysWhatAPlainLedgerPays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		deposit := rapid.Uint64Range(0, 40).Draw(t, "deposit")
		c, book := Channel{Deposit: deposit}, ledger{limit: deposit}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				c.Deposit += rapid.Uint64Range(0, 20).Draw(t, "top-up")
				c.Cap = rapid.SampledFrom([]uint64{0, 0, max(c.Cap, 30)}).Draw(t, "cap")
				book.limit = c.Limit()
				continue
			}
			v := Voucher{Channel: 1, Parts: anyParts(12).Draw(t, "parts")}
			asked := rapid.SampledFrom([]uint64{0, 0, 5, 20}).Draw(t, "asked")
			got, err := Settle(c, v, asked)
			if len(v.Parts) == 0 || book.shrinks(v) {
				if err == nil {
					t.Fatalf("%+v settled %+v", c, v)
				}
				continue
			}
			if want := book.pay(v, asked); got.Total() != want || (err == nil) != (want > 0) {
				t.Fatalf("%+v pays %v (%v) of %+v, asked for %d; the ledger %d", c, got, err, v, asked, want)
			}
			c.Paid = c.Paid.Plus(got)
			for netuid, paid := range book.paid {
				if c.Paid.Of(uint32(netuid)) != paid {
					t.Fatalf("paid %v, the ledger has %v", c.Paid, book.paid)
				}
			}
		}
	})
}

func TestNothingIsPaidTwice(t *testing.T) {
	c := Channel{Deposit: 100}
	v := Voucher{Channel: 1, Parts: Parts{{1, 60}}}
	got, err := Settle(c, v, 0)
	if err != nil || got.Total() != 60 {
		t.Fatal(got, err)
	}
	c.Paid = c.Paid.Plus(got)
	if _, err := Settle(c, v, 0); !errors.Is(err, ErrSettled) {
		t.Errorf("the same voucher again: %v", err)
	}
	if _, err := Settle(c, Voucher{Channel: 1, Parts: Parts{{1, 50}, {2, 500}}}, 0); !errors.Is(err, ErrShrinks) {
		t.Errorf("one that takes back: %v", err)
	}
	got, err = Settle(c, Voucher{Channel: 1, Parts: Parts{{1, 70}, {2, 80}}}, 0)
	if err != nil || !slices.Equal(got, Parts{{1, 10}, {2, 30}}) {
		t.Errorf("beyond the deposit: %v, %v", got, err)
	}
	c.Paid = c.Paid.Plus(got)
	if _, err := Settle(c, Voucher{Channel: 1, Parts: Parts{{1, 71}, {2, 80}}}, 0); !errors.Is(err, ErrExhausted) {
		t.Errorf("of an empty channel: %v", err)
	}
	c.Deposit = 150
	if got, err = Settle(c, Voucher{Channel: 1, Parts: Parts{{1, 71}, {2, 80}}}, 0); err != nil || !slices.Equal(got, Parts{{1, 1}, {2, 49}}) {
		t.Errorf("after a top-up: %v, %v", got, err)
	}
}

func TestAKeyPaysNoMoreThanItsCap(t *testing.T) {
	got, err := Settle(Channel{Deposit: 100, Cap: 40}, Voucher{Channel: 1, Parts: Parts{{1, 60}}}, 0)
	if err != nil || got.Total() != 40 {
		t.Fatal(got, err)
	}
}
