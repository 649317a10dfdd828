//go:build unix

package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// strikeVar names the store of the process that TestAKillLosesNoStrikeAndNoClosing kills.
const strikeVar = "AGORA_TEST_STRIKES"

// TestStrikes is that process: it notes one false answer, says so, and waits to be killed.
func TestStrikes(t *testing.T) {
	path := os.Getenv(strikeVar)
	if path == "" {
		t.Skip("it is run by another test")
	}
	a := auditor(t, path, small(t, 1), &clock{tempo: 7})
	a.store.db.NoSync = false
	give(t, a, served(t, small(t, 2), 1, ""))
	fmt.Printf("noted, closed %t\n", a.Standing(ServerID{1, 3, 5}, digest).Closed)
	select {}
}

func TestAKillLosesNoStrikeAndNoClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audits.db")
	for _, want := range []string{"noted, closed false", "noted, closed true"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestStrikes$", "-test.v")
		cmd.Env = append(os.Environ(), strikeVar+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := ""
		for lines := bufio.NewScanner(out); !strings.HasPrefix(said, "noted") && lines.Scan(); {
			said = lines.Text()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		if said != want {
			t.Fatalf("%q, want %q", said, want)
		}
	}
	at := &clock{tempo: 7 + Closed - 1}
	a := auditor(t, path, small(t, 1), at)
	if s := a.Standing(ServerID{1, 3, 5}, digest); !s.Closed || s.Closings != 1 {
		t.Errorf("after two kills: %+v", s)
	}
}

func TestAProofFollowsAServerOverARotation(t *testing.T) {
	e, liar := small(t, 1), small(t, 2)
	at := &clock{tempo: 3}
	knows, late := auditor(t, filepath.Join(t.TempDir(), "a.db"), e, at), auditor(t, filepath.Join(t.TempDir(), "b.db"), e, at)
	id := ServerID{1, 3, 5}
	give(t, knows, signed(t, e, 9, ""))
	fresh := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{17}, 32)).Public().(ed25519.PublicKey)
	rotated := turned{witness{at, false}, fresh}
	list := []Proof{proof(t, liar, 1)}
	if err := knows.Hear(t.Context(), rotated, 1, voiceKey, list); err != nil || !knows.Standing(id, digest).Closed {
		t.Errorf("%v: who has seen the key signs believes no proof of it after a rotation", err)
	}
	if err := late.Hear(t.Context(), rotated, 1, voiceKey, list); err != nil || late.Standing(id, digest).Closed {
		t.Errorf("%v: a key that nobody has seen here closes", err)
	}
}

// turned is a witness after the server's key was rotated.
type turned struct {
	witness
	key ed25519.PublicKey
}

func (w turned) Key(ServerID) ed25519.PublicKey { return w.key }

func TestClaimsOfTwoKeysAreTwoClaims(t *testing.T) {
	e, liar := small(t, 1), small(t, 2)
	a := auditor(t, filepath.Join(t.TempDir(), "a.db"), e, &clock{tempo: 3})
	other := signed(t, liar, 2, "")
	other.Miner.HotKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{17}, 32)).Public().(ed25519.PublicKey)
	for _, step := range []struct {
		answer int
		proofs int
	}{{1, 0}, {0, 0}, {3, 1}} {
		c := other
		if step.answer > 0 {
			c = signed(t, liar, step.answer, "")
		}
		give(t, a, c)
		list, err := a.Proofs(1)
		if err != nil || len(list) != step.proofs {
			t.Fatalf("%v: %d proofs, want %d", err, len(list), step.proofs)
		}
		for _, p := range list {
			if _, err := p.Open("agora-test"); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestServiceIsWhatWasAnsweredLately(t *testing.T) {
	a := auditor(t, filepath.Join(t.TempDir(), "a.db"), small(t, 1), &clock{tempo: 3})
	id := ServerID{1, 3, 5}
	serve := func(n int, answered bool) uint16 {
		for range n {
			if err := a.Served(id, digest, answered); err != nil {
				t.Fatal(err)
			}
		}
		return a.Standing(id, digest).Service
	}
	if s := serve(0, true); s != 65535 {
		t.Errorf("nobody asked: %d", s)
	}
	if s := serve(95, true); s != 65535 {
		t.Errorf("all answered: %d", s)
	}
	if s := serve(5, false); s != 65535 {
		t.Errorf("one in twenty: %d", s)
	}
	half := serve(100, false)
	none := serve(1000, false)
	if half < 20_000 || half > 40_000 || none > 2_000 || none == 0 {
		t.Errorf("about half %d, none %d", half, none)
	}
	if s := serve(300, true); s < 60_000 {
		t.Errorf("it is never forgiven: %d", s)
	}
}

// fullVar names the store of the process that TestAFullDiskClosesNobody runs.
const fullVar = "AGORA_TEST_FULL_DISK"

// TestFullDisk is that process: an honest server's answers are audited while files cannot grow.
func TestFullDisk(t *testing.T) {
	path := os.Getenv(fullVar)
	if path == "" {
		t.Skip("it is run by another test")
	}
	e := small(t, 1)
	a := auditor(t, path, e, &clock{tempo: 7})
	full := &counted{}
	a.log = slog.New(full)
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Max: 1 << 62}); err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		c := served(t, e, n, forms[n%len(forms)])
		c.Miner.UID = uint32(n % 4)
		give(t, a, c)
	}
	for uid := range uint32(4) {
		if a.Standing(ServerID{1, uid, 5}, digest).Closed {
			t.Errorf("uid %d is closed", uid)
		}
	}
	if got := a.Counts(); got.False != 0 || got.Right == 0 || full.errors == 0 {
		t.Errorf("%+v, %d errors of the disk", got, full.errors)
	}
}

func TestAFullDiskClosesNobody(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("bounds the size of files as Linux does")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestFullDisk$")
	cmd.Env = append(os.Environ(), fullVar+"="+filepath.Join(t.TempDir(), "audits.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// counted counts errors that are logged.
type counted struct{ errors int }

func (*counted) Enabled(context.Context, slog.Level) bool { return true }
func (c *counted) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c *counted) WithGroup(string) slog.Handler          { return c }
func (c *counted) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		c.errors++
	}
	return nil
}
