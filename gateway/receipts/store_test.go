package receipts

import (
	"errors"
	"os"
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

// What was noted is there after a program was killed, but for a line that it was at, and is forgotten once it is kept.
func TestWhatWasNotedIsKeptAtTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	kept, noted := Record{ID: "a", Signed: "text", At: now.UTC().Round(0)}, Record{ID: "b", Signed: "text", At: now.UTC().Round(0)}
	if err := s.Note(kept); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(now, []Record{kept}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadFile(path + ".noted"); err != nil || len(left) > 0 {
		t.Errorf("%q is left, %v", left, err)
	}
	if err := s.Note(noted); err != nil {
		t.Fatal(err)
	}
	if _, err := s.noted.WriteString(`{"id":"c","rec`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // which keeps nothing
		t.Fatal(err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, want := range []Record{kept, noted} {
		if got, err := s.Find(want.ID); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := s.Find("c"); !errors.Is(err, ErrUnknown) {
		t.Errorf("half a line: %v", err)
	}
}

func FuzzRecordsIn(f *testing.F) {
	f.Add([]byte("{\"id\":\"a\"}\n{\n\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		for _, r := range recordsIn(lines) {
			if r.ID == "" {
				t.Error("a record without a name")
			}
		}
	})
}
