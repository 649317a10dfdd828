package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/gateway/ledger/pgtest"
	"agora/mechanism/voucher"
)

var (
	credit = voucher.Terms{First: 1, Most: 64, Amount: math.MaxUint64}
	key    = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
)

const chain = "agora-test"

// open opens a ledger in a file of the test.
func open(t testing.TB) (*Ledger, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	return reopen(t, path), path
}

func reopen(t testing.TB, path string) *Ledger {
	t.Helper()
	l, err := Open(context.Background(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// both runs a test on a file and, where there is one, on PostgreSQL.
func both(t *testing.T, test func(t *testing.T, open func() *Ledger)) {
	t.Run("file", func(t *testing.T) {
		l, _ := open(t)
		test(t, func() *Ledger { return l })
	})
	t.Run("postgresql", func(t *testing.T) {
		url := pgtest.URL(t)
		test(t, func() *Ledger { return reopen(t, url) })
	})
}

// channel makes an account of a channel with a deposit.
func channel(t testing.TB, l *Ledger, id uint64, deposit uint64) string {
	t.Helper()
	name := fmt.Sprintf("channel/%d", id)
	err := l.Keep(context.Background(), Account{ID: name, Channel: id, Payer: "ann", Key: key.Public().(ed25519.PublicKey), Line: voucher.Line{Limit: deposit}})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func promise(id, total uint64) Held {
	v := voucher.Voucher{Channel: id, Parts: voucher.Parts{{Netuid: 1, Amount: total}}}
	signature, err := v.Sign(chain, key)
	if err != nil {
		panic(err)
	}
	return Held{v, signature}
}

func charge(account, request string, cost uint64) Charge {
	return Charge{Account: account, Request: request, At: time.Unix(1_800_000_000, 0), Netuid: 1, Model: "m", In: 5, Out: 7, Cost: cost, Base: cost / 2, Named: true}
}

func TestARequestIsChargedOnceWhateverIsSentAgain(t *testing.T) {
	both(t, func(t *testing.T, open func() *Ledger) {
		l, ctx := open(), context.Background()
		name := channel(t, l, 7, 1_000)
		r := Request{Account: name, ID: "a", Named: true, Ceiling: 100, Terms: credit}
		if _, err := l.Reserve(ctx, r); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Reserve(ctx, r); !errors.Is(err, ErrDuplicate) {
			t.Errorf("while it is open: %v", err)
		}
		a, charged, err := l.Settle(ctx, charge(name, "a", 40))
		if err != nil || charged != 40 || a.Line.Charged != 40 || a.Line.Reserved != 0 || a.Parts.Of(1) != 40 {
			t.Fatalf("%+v, %d, %v", a, charged, err)
		}
		if _, _, err := l.Settle(ctx, charge(name, "a", 40)); !errors.Is(err, ErrUnknown) {
			t.Errorf("settled twice: %v", err)
		}
		if _, err := l.Reserve(ctx, r); !errors.Is(err, ErrDuplicate) {
			t.Errorf("after it was charged: %v", err)
		}
		r.ID = "b"
		if _, err := l.Reserve(ctx, r); !errors.Is(err, voucher.ErrCredit) {
			t.Errorf("without a voucher for the first: %v", err)
		}
		held := promise(7, 40)
		r.Held = &held
		if _, err := l.Reserve(ctx, r); err != nil {
			t.Errorf("with one: %v", err)
		}
		// What failed is not charged, and may be asked again under its name.
		if _, charged, err := l.Settle(ctx, charge(name, "b", 0)); err != nil || charged != 0 {
			t.Errorf("%d, %v", charged, err)
		}
		if _, err := l.Reserve(ctx, r); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestALowerVoucherTakesNothingBack(t *testing.T) {
	both(t, func(t *testing.T, open func() *Ledger) {
		l, ctx := open(), context.Background()
		name := channel(t, l, 7, 1_000)
		if _, err := l.Sign(ctx, name, promise(7, 50)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Sign(ctx, name, promise(7, 40)); !errors.Is(err, voucher.ErrShrinks) {
			t.Errorf("%v", err)
		}
		a, err := l.Account(ctx, name)
		if err != nil || a.Line.Signed != 50 || a.Held.Voucher.Total() != 50 {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := l.Account(ctx, "channel/8"); !errors.Is(err, ErrUnknown) {
			t.Errorf("an account that is not there: %v", err)
		}
	})
}

func TestDebtsToMinersAreSignedForOnceEach(t *testing.T) {
	both(t, func(t *testing.T, open func() *Ledger) {
		l, ctx := open(), context.Background()
		sign := func(v voucher.Voucher) ([]byte, error) { return v.Sign(chain, key) }
		for range 3 {
			if _, err := l.Owe(ctx, "olga", 2, 10); err != nil {
				t.Fatal(err)
			}
		}
		d, err := l.Promise(ctx, "olga", 5, nil, sign)
		if err != nil || d.Held.Voucher.Total() != 30 || d.Due() != 0 {
			t.Fatalf("%+v, %v", d, err)
		}
		if d, err = l.Owe(ctx, "olga", 1, 7); err != nil || d.Due() != 7 {
			t.Fatalf("%+v, %v", d, err)
		}
		if d, err = l.Promise(ctx, "olga", 5, nil, sign); err != nil || d.Held.Voucher.Total() != 37 {
			t.Fatalf("%+v, %v", d, err)
		}
		if _, err = l.Owe(ctx, "olga", 1, 3); err != nil {
			t.Fatal(err)
		}
		// The channel ended and another one was opened: only what the old one did not cover is promised there.
		if d, err = l.Promise(ctx, "olga", 9, nil, sign); err != nil || d.Held.Voucher.Total() != 3 || d.Held.Voucher.Channel != 9 {
			t.Fatalf("%+v, %v", d, err)
		}
	})
}

func TestSpendingIsByDayAndModel(t *testing.T) {
	both(t, func(t *testing.T, open func() *Ledger) {
		l, ctx := open(), context.Background()
		name := channel(t, l, 1, 1_000_000)
		if _, err := l.Sign(ctx, name, promise(1, 500_000)); err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			id := fmt.Sprint(i)
			if _, err := l.Reserve(ctx, Request{Account: name, ID: id, Ceiling: 10, Terms: credit}); err != nil {
				t.Fatal(err)
			}
			c := charge(name, id, 10)
			c.At = time.Date(2026, 11, 28+i%2, 3, 4, 5, 0, time.UTC)
			if _, _, err := l.Settle(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		lines, err := l.Spending(ctx, name, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		want := Spent{Day: "2026-11-29", Model: "m", Netuid: 1, Requests: 100, In: 500, Out: 700, Cost: 1_000, Base: 500}
		if err != nil || len(lines) != 2 || lines[0] != want {
			t.Errorf("%+v, %v", lines, err)
		}
		if lines, err = l.Spending(ctx, "channel/2", time.Time{}); err != nil || len(lines) != 0 {
			t.Errorf("%+v, %v", lines, err)
		}
	})
}

// TestManyAtOnceNeverGoBeyondTheDeposit lets many requests of one channel run at the same time.
func TestManyAtOnceNeverGoBeyondTheDeposit(t *testing.T) {
	both(t, func(t *testing.T, open func() *Ledger) {
		l, ctx := open(), context.Background()
		name := channel(t, l, 3, 1_000)
		if _, err := l.Sign(ctx, name, promise(3, 1_000)); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		total := uint64(0)
		for i := range 64 {
			wg.Go(func() {
				id := fmt.Sprint(i)
				if _, err := l.Reserve(ctx, Request{Account: name, ID: id, Ceiling: 50, Terms: credit}); err != nil {
					if !errors.Is(err, voucher.ErrFunds) {
						t.Error(err)
					}
					return
				}
				_, charged, err := l.Settle(ctx, charge(name, id, uint64(i)))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				total += charged
				mu.Unlock()
			})
		}
		wg.Wait()
		a, err := l.Account(ctx, name)
		if err != nil || a.Line.Charged != total || a.Line.Charged > 1_000 || a.Line.Reserved != 0 || a.Line.Open != 0 {
			t.Errorf("%+v, charged %d, %v", a.Line, total, err)
		}
	})
}

// TestThreeGatewaysShareOnePostgreSQL lets three ledgers work on one account: together they never go beyond it, and a
// request that one has open is a duplicate for the others. One that ends without a word gives back what it held.
func TestThreeGatewaysShareOnePostgreSQL(t *testing.T) {
	url, ctx := pgtest.URL(t), context.Background()
	gateways := []*Ledger{reopen(t, url), reopen(t, url), reopen(t, url)}
	name := channel(t, gateways[0], 3, 600)
	if _, err := gateways[1].Sign(ctx, name, promise(3, 600)); err != nil {
		t.Fatal(err)
	}
	r := Request{Account: name, ID: "same", Named: true, Ceiling: 1, Terms: credit}
	if _, err := gateways[0].Reserve(ctx, r); err != nil {
		t.Fatal(err)
	}
	if _, err := gateways[2].Reserve(ctx, r); !errors.Is(err, ErrDuplicate) {
		t.Errorf("the same request at another gateway: %v", err)
	}
	if _, _, err := gateways[1].Settle(ctx, charge(name, "same", 1)); err != nil {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for i := range 90 {
		wg.Go(func() {
			l, id := gateways[i%3], fmt.Sprint(i)
			if _, err := l.Reserve(ctx, Request{Account: name, ID: id, Ceiling: 20, Terms: credit}); err == nil {
				if _, _, err := l.Settle(ctx, charge(name, id, 11)); err != nil {
					t.Error(err)
				}
			} else if !errors.Is(err, voucher.ErrFunds) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	a, err := gateways[0].Account(ctx, name)
	if err != nil || a.Line.Charged > 600 || a.Line.Charged%11 != 1 || a.Line.Charged < 100 || a.Line.Reserved != 0 {
		t.Fatalf("%+v, %v", a.Line, err)
	}
	if _, err := gateways[2].Reserve(ctx, Request{Account: name, ID: "left", Ceiling: 5, Terms: credit}); err != nil {
		t.Fatal(err)
	}
	if n, err := gateways[0].Reap(ctx); n != 0 || err != nil {
		t.Errorf("%d ended early, %v", n, err)
	}
	var left float64 // of the lease, by the database's clock: a gateway's own may be hours off
	if err := gateways[0].db.QueryRowContext(ctx, "UPDATE reservations SET until = until - 2 * 3600 RETURNING until + 2 * 3600 - extract(epoch FROM now())").Scan(&left); err != nil || left > 20*60+1 || left < 19*60 {
		t.Errorf("a lease of %v s, %v", left, err)
	}
	if n, err := gateways[0].Reap(ctx); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if a, err = gateways[1].Account(ctx, name); err != nil || a.Line.Reserved != 0 || a.Line.Open != 0 {
		t.Errorf("%+v, %v", a.Line, err)
	}
}

// TestAKillLosesOnlyWhatWasOpen plays requests and vouchers, takes the files as a kill would leave them after each step, and
// opens them: everything that was answered is there, nothing was charged for what was open, and nothing is beyond what was
// signed and deposited.
func TestAKillLosesOnlyWhatWasOpen(t *testing.T) {
	seeds, points := 3, 70
	if os.Getenv("AGORA_NIGHTLY") != "" {
		seeds, points = 30, 200
	}
	for seed := range seeds {
		r := rand.New(rand.NewSource(int64(seed)))
		path := filepath.Join(ramDir(t), "ledger.db")
		l, ctx := reopen(t, path), context.Background()
		name := channel(t, l, 1, 100_000)
		var opened []string
		charged, signed, answered, owed := uint64(0), uint64(0), 0, uint64(0)
		for i := range points {
			switch r.Intn(4) {
			case 0, 1:
				id := fmt.Sprint(i)
				if _, err := l.Reserve(ctx, Request{Account: name, ID: id, Ceiling: 100, Terms: credit}); err == nil {
					opened = append(opened, id)
				}
			case 2:
				if len(opened) == 0 {
					continue
				}
				j := r.Intn(len(opened))
				_, n, err := l.Settle(ctx, charge(name, opened[j], uint64(r.Intn(120))))
				if err != nil {
					t.Fatal(err)
				}
				if charged += n; n > 0 {
					answered++
				}
				opened = slices.Delete(opened, j, j+1)
				if _, err := l.Owe(ctx, "olga", 1, n/2+1); err != nil {
					t.Fatal(err)
				}
				owed += n/2 + 1
			case 3:
				signed = max(signed, charged)
				if signed == 0 {
					continue
				}
				if _, err := l.Sign(ctx, name, promise(1, signed)); err != nil {
					t.Fatal(err)
				}
			}
			after(t, path, name, charged, signed, answered, owed)
		}
		if answered == 0 || signed == 0 {
			t.Fatal("nothing happened")
		}
	}
}

// ramDir is a folder in memory, where there is one: a kill, unlike a power cut, takes nothing that was not synced.
func ramDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "agora-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// after opens a copy of a ledger's files.
func after(t *testing.T, path, name string, charged, signed uint64, answered int, owed uint64) {
	t.Helper()
	dir := ramDir(t)
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "copy.db")
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			if err := os.WriteFile(copied+strings.TrimPrefix(file, path), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	l, err := Open(context.Background(), copied, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := l.Account(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if a.Line.Charged != charged || a.Line.Signed != signed || a.Line.Reserved != 0 || a.Line.Open != 0 || a.Parts.Total() != charged {
		t.Fatalf("%+v after a kill, want %d charged and %d signed", a.Line, charged, signed)
	}
	lines, err := l.Spending(context.Background(), name, time.Time{})
	requests, cost := uint64(0), uint64(0)
	for _, s := range lines {
		requests, cost = requests+s.Requests, cost+s.Cost
	}
	if err != nil || requests != uint64(answered) || cost != charged {
		t.Fatalf("%d answers for %d are written down, want %d for %d: %v", requests, cost, answered, charged, err)
	}
	if d, err := l.Debt(context.Background(), "olga"); err != nil || d.Owed.Total() != owed {
		t.Fatalf("%+v is owed, want %d: %v", d, owed, err)
	}
	if err := a.Held.check(signed); err != nil {
		t.Fatal(err)
	}
}

// check fails unless h is a good voucher for total.
func (h Held) check(total uint64) error {
	if total == 0 {
		return nil
	}
	if got := h.Voucher.Total(); got != total {
		return fmt.Errorf("the voucher is for %d, want %d", got, total)
	}
	return h.Voucher.Verify(chain, key.Public().(ed25519.PublicKey), h.Signature)
}

func TestAStoreOfANewerProgramIsRefused(t *testing.T) {
	l, path := open(t)
	if _, err := l.db.Exec("UPDATE ledger_version SET version = 999"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path, 0); err == nil {
		t.Error("it was opened")
	}
	if err := os.WriteFile(path, []byte("this is no database, whatever its name says, and it is long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path, 0); err == nil {
		t.Error("a file that is no ledger was opened")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(line{account: "channel/1", model: "m", at: time.Unix(1, 0), netuid: 1, cost: 2, charged: 3, answered: 1, parts: 3}.append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for len(raw) > 0 {
			one, rest, err := readLine(raw)
			if err != nil {
				return
			}
			if len(rest) >= len(raw) {
				t.Fatal("a line of no bytes")
			}
			again, _, err := readLine(one.append(nil))
			if err != nil || again != one {
				t.Fatalf("%+v came back as %+v, %v", one, again, err)
			}
			raw = rest
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add(packVoucher(voucher.Voucher{Channel: 1, Parts: voucher.Parts{{Netuid: 1, Amount: 2}}, Expiry: 3}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := unpackVoucher(raw)
		if err == nil && len(raw) > 0 && string(packVoucher(v)) != string(raw) {
			t.Fatalf("%x reads as %+v", raw, v)
		}
	})
}

// BenchmarkRequest is what a paid request costs the ledger: reserve, charge, and the write that it shares with others.
func BenchmarkRequest(b *testing.B) {
	l, _ := open(b)
	ctx := context.Background()
	var names []string
	for i := range uint64(1_000) {
		name := channel(b, l, i+1, voucher.MostAmount)
		if _, err := l.Sign(ctx, name, promise(i+1, voucher.MostAmount)); err != nil {
			b.Fatal(err)
		}
		names = append(names, name)
	}
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewSource(rand.Int63()))
		for pb.Next() {
			name, id := names[r.Intn(len(names))], fmt.Sprint(r.Int63())
			if _, err := l.Reserve(ctx, Request{Account: name, ID: id, Ceiling: 100, Terms: credit}); err != nil {
				b.Fatal(err)
			}
			c := charge(name, id, 40)
			c.Named = false
			if _, _, err := l.Settle(ctx, c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
