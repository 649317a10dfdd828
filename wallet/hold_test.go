package wallet

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestAHotKeyServesOneProcess(t *testing.T) {
	key := filepath.Join(t.TempDir(), "miner.hotkey")
	first, err := Take(key, "uid 12 of subnet 1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Take(key, "uid 3 of subnet 2")
	if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) || !strings.Contains(err.Error(), "uid 12 of subnet 1") {
		t.Fatalf("the second take says %v", err)
	}
	held, err := Holders(filepath.Dir(key))
	if err != nil || held[key].For != "uid 12 of subnet 1" || held[key].PID != os.Getpid() {
		t.Fatalf("%+v, %v", held, err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if held, err := Holders(filepath.Dir(key)); err != nil || len(held) != 0 {
		t.Fatalf("after the release %+v, %v", held, err)
	}
	if _, err := Take(key, "again"); err != nil {
		t.Fatal(err)
	}
}

// TestAHotKeyIsFreeWhenItsProcessDies kills the holder without a chance to tidy up.
func TestAHotKeyIsFreeWhenItsProcessDies(t *testing.T) {
	if key := os.Getenv("HOLD_KEY"); key != "" {
		if _, err := Take(key, "a process about to die"); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command("kill", "-9", strconv.Itoa(os.Getpid())).Run(); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	key := filepath.Join(t.TempDir(), "miner.hotkey")
	child := exec.Command(os.Args[0], "-test.run", "^TestAHotKeyIsFreeWhenItsProcessDies$")
	child.Env = append(os.Environ(), "HOLD_KEY="+key)
	if err := child.Run(); err == nil {
		t.Fatal("the child was to be killed")
	}
	if _, err := os.Stat(key + holdSuffix); err != nil {
		t.Fatalf("the child took nothing: %v", err)
	}
	if _, err := Take(key, "its successor"); err != nil {
		t.Fatal(err)
	}
}
