package pay

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"agora/mechanism/voucher"
)

var key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

func create(t testing.TB, dir string, caps Caps) *Purse {
	t.Helper()
	p, err := Create(filepath.Join(dir, "purse.json"), key, Terms{ChainID: "c1", Payer: "ann", Payee: "val", Gateway: "http://g", Channel: 7, Deposit: 1_000, Caps: caps})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPurseSurvivesItsProgram(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, Caps{})
	if err := p.Begin(2, 100); err != nil {
		t.Fatal(err)
	}
	if err := p.End(2, 100, 40, true); err != nil {
		t.Fatal(err)
	}
	if err := p.Begin(2, 300); err != nil { // open when the program ends
		t.Fatal(err)
	}
	again, err := Open(filepath.Join(dir, "purse.json"))
	if err != nil {
		t.Fatal(err)
	}
	if s := again.Status(); s.Owed != 40 || s.Unseen != 300 || s.Today != 40 {
		t.Errorf("%+v", s)
	}
	// The gateway charges 70 for what was open, after it was asked: believed. 500 more: not.
	if disputed, err := again.Learn(voucher.Parts{{Netuid: 2, Amount: 40}}, 1); err != nil || disputed != 0 || again.Status().Unseen != 300 {
		t.Errorf("%d, %v, %+v", disputed, err, again.Status())
	}
	if disputed, err := again.Learn(voucher.Parts{{Netuid: 2, Amount: 110}}, 0); err != nil || disputed != 0 || again.Status().Owed != 110 {
		t.Errorf("%d, %v, %+v", disputed, err, again.Status())
	}
	if disputed, err := again.Learn(voucher.Parts{{Netuid: 2, Amount: 610}}, 0); err != nil || disputed != 500 || again.Status().Owed != 110 {
		t.Errorf("%d, %v, %+v", disputed, err, again.Status())
	}
	if _, err := Create(filepath.Join(dir, "purse.json"), key, Terms{}); err == nil {
		t.Error("a purse was overwritten")
	}
}

// TestAPurseNeverSignsForLessThanBeforeNorForMoreThanItMay plays requests, answers, abandoned ones and vouchers at random.
func TestAPurseNeverSignsForLessThanBeforeNorForMoreThanItMay(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		_ = os.Remove(filepath.Join(dir, "purse.json"))
		p := create(t, dir, Caps{Request: 200})
		var open []uint64
		last, sum, unseen := voucher.Parts(nil), uint64(0), uint64(0)
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				ceiling := rapid.Uint64Range(1, 250).Draw(rt, "ceiling")
				err := p.Begin(1, ceiling)
				if err == nil {
					open = append(open, ceiling)
					sum += ceiling
				}
				if err == nil && (ceiling > 200 || p.Status().Owed+unseen+sum > 1_000) {
					rt.Fatalf("a request of %d was begun: %+v", ceiling, p.Status())
				}
			case 1:
				if len(open) == 0 {
					continue
				}
				ceiling := open[0]
				open, sum = open[1:], sum-ceiling
				seen := rapid.Bool().Draw(rt, "seen")
				if !seen {
					unseen += ceiling
				}
				if err := p.End(1, ceiling, rapid.Uint64Range(0, 300).Draw(rt, "cost"), seen); err != nil {
					rt.Fatal(err)
				}
			case 2:
				v, signature, err := p.Sign(1, rapid.Bool().Draw(rt, "ahead"))
				if err != nil || v.Verify("c1", key.Public().(ed25519.PublicKey), signature) != nil {
					rt.Fatal(err)
				}
				if !v.Parts.Covers(last) || v.Total() > 1_000 {
					rt.Fatalf("%v after %v", v.Parts, last)
				}
				last = v.Parts
			}
		}
	})
}

func TestADayEndsAtMidnight(t *testing.T) {
	p := create(t, t.TempDir(), Caps{Day: 100})
	now := time.Date(2026, 11, 29, 23, 59, 0, 0, time.UTC)
	p.now = func() time.Time { return now }
	if err := errors.Join(p.Begin(1, 90), p.End(1, 90, 90, true)); err != nil {
		t.Fatal(err)
	}
	if err := p.Begin(1, 20); !errors.Is(err, ErrCap) {
		t.Errorf("beyond the day's cap: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if err := p.Begin(1, 20); err != nil {
		t.Errorf("the next day: %v", err)
	}
	if s := p.Status(); s.Today != 0 || s.Month != 90 {
		t.Errorf("%+v", s)
	}
	if err := p.End(1, 20, 20, true); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-90 * time.Second) // the clock is set back
	if err := p.Begin(1, 81); !errors.Is(err, ErrCap) {
		t.Errorf("beyond the day's cap, before midnight again: %v", err)
	}
	if err := errors.Join(p.Begin(1, 80), p.End(1, 80, 80, true)); err != nil {
		t.Error(err)
	}
	now = now.Add(time.Hour)
	if err := p.Begin(1, 1); !errors.Is(err, ErrCap) {
		t.Errorf("beyond the cap of the day that began twice: %v", err)
	}
}

func TestAmountsOfTAOAreExact(t *testing.T) {
	for text, want := range map[string]uint64{"1": 1e9, "0.000000001": 1, "0.000735": 735_000, "12.5": 125e8} {
		if got, err := ParseTAO(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".5", "1.0000000001", "-1", "1e9", "99999999999999999999"} {
		if got, err := ParseTAO(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	create(f, dir, Caps{})
	raw, err := os.ReadFile(filepath.Join(dir, "purse.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"version":1,"channel":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "purse.json")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Open(path)
		if err != nil {
			return
		}
		if _, _, err := p.Sign(1, true); err == nil && p.Status().Channel == 0 {
			t.Fatal("a purse without a channel signs")
		}
	})
}
