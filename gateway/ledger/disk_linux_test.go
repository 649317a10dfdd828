package ledger

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"agora/gateway/sheet"
)

// TestAFullDiskTakesNoMoney lets the journal have no more room than it has: the entry that needs more is refused, and every
// one after it, until there is room again. Then all that was told is there, and at most the one that was not.
func TestAFullDiskTakesNoMoney(t *testing.T) {
	l, path := open(t)
	ctx, name := context.Background(), channel(t, l, 1, 1<<50)
	held := promise(1, 1<<50)
	if _, err := l.Sign(ctx, name, held); err != nil {
		t.Fatal(err)
	}
	lift := smallFiles(t, 3*sheet.Step/2)
	charged := uint64(0)
	for i := 0; ; i++ {
		if i > 100_000 {
			t.Fatal("the disk is never full")
		}
		if err := one(l, fmt.Sprint(i)); err != nil {
			if !errors.Is(err, ErrStore) {
				t.Fatal(err)
			}
			break
		}
		charged++
	}
	if err := one(l, "more"); !errors.Is(err, ErrStore) {
		t.Fatalf("with a full disk: %v", err)
	}
	lift()
	for began := time.Now(); one(l, "again") != nil; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("there is room, and nothing is taken")
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := reopen(t, path).Account(ctx, name)
	if err != nil || a.Line.Charged < charged+1 || a.Line.Charged > charged+2 {
		t.Fatalf("%d are charged, %d were told: %v", a.Line.Charged, charged+1, err)
	}
}

// one charges a rao.
func one(l *Ledger, id string) error {
	ctx := context.Background()
	if _, err := l.Reserve(ctx, Request{Account: "channel/1", ID: id, Named: true, Ceiling: 1, Terms: credit}); err != nil {
		return err
	}
	_, _, err := l.Settle(ctx, charge("channel/1", id, 1))
	return err
}

// smallFiles keeps this process from files of more than some bytes, until lift is called.
func smallFiles(t *testing.T, most uint64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(r syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &r); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { set(before) })
	set(syscall.Rlimit{Cur: most, Max: before.Max})
	return func() { set(before) }
}
