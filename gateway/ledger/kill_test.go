package ledger

import (
	"bufio"
	"context"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// childVar makes this test program a gateway that charges without end.
const childVar = "AGORA_LEDGER_CHILD"

// TestKilledForReal kills a process that charges, signs and owes, at any moment, and opens what it left: everything that it
// was told is written is there, and at most the one entry besides that was on its way. It runs a few times in CI and twenty
// times at night.
func TestKilledForReal(t *testing.T) {
	if path := os.Getenv(childVar); path != "" {
		child(t, path)
		return
	}
	kills := 2
	if os.Getenv("AGORA_NIGHTLY") != "" {
		kills = 20
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := reopen(t, path)
	name := channel(t, l, 1, 1<<50)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	charged := uint64(0)
	for range kills {
		acknowledged := killed(t, path)
		l := reopen(t, path)
		a, err := l.Account(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		if a.Line.Charged < charged+acknowledged || a.Line.Charged > charged+acknowledged+1 {
			t.Fatalf("%d are charged, %d were before and %d were acknowledged", a.Line.Charged, charged, acknowledged)
		}
		if a.Line.Open != 0 || a.Line.Reserved != 0 || a.Parts.Total() != a.Line.Charged {
			t.Fatalf("%+v", a)
		}
		charged = a.Line.Charged
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if charged == 0 {
		t.Fatal("the processes did nothing")
	}
}

// killed runs a child for some time and returns how many charges it was told are written.
func killed(t *testing.T, path string) (acknowledged uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledForReal$")
	cmd.Env = append(os.Environ(), childVar+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the child said nothing")
	}
	timer := time.AfterFunc(time.Duration(20+rand.Intn(200))*time.Millisecond, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		acknowledged++
	}
	_ = cmd.Wait() // it was killed
	return acknowledged
}

// child charges one rao after the other and says so each time.
func child(t *testing.T, path string) {
	l := reopen(t, path)
	ctx := context.Background()
	a, err := l.Account(ctx, "channel/1")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	for i := a.Line.Charged; ; i++ {
		held := promise(1, i+1)
		id := fmt.Sprint(i)
		if _, err := l.Reserve(ctx, Request{Account: "channel/1", ID: id, Named: true, Ceiling: 1, Terms: credit, Held: &held}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.Settle(ctx, charge("channel/1", id, 1)); err != nil {
			t.Fatal(err)
		}
		fmt.Println(i)
	}
}
