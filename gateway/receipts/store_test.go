package receipts

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestReceiptsAreKeptForSevenDays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	first := Record{ID: "a", Signed: "text", HotKey: "key", At: now}
	if err := s.Keep(now, []Record{first, {ID: "b", At: now}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := s.Find("a"); err != nil || got != first {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	if err := s.Keep(now.Add(Kept), []Record{{ID: "c", At: now.Add(Kept)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find("a"); err != nil {
		t.Errorf("after seven days: %v", err)
	}
	if err := s.Keep(now.Add(Kept+24*time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find("a"); !errors.Is(err, ErrUnknown) {
		t.Errorf("after eight days: %v", err)
	}
	if _, err := s.Find("c"); err != nil {
		t.Errorf("a younger one: %v", err)
	}
}
