package sheet

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestASheetGrowsAndOneThatIsCutIsAnError fills more than the room, and cuts the file under it: a fault of memory is an error
// here, and no end of the program.
func TestASheetGrowsAndOneThatIsCutIsAnError(t *testing.T) {
	s, err := New(filepath.Join(t.TempDir(), "sheet"))
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("agora"), Step/5)
	for i := range int64(3) {
		if err := s.Put(long, i*int64(len(long))); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(s.Name())
	if err != nil || !bytes.HasPrefix(raw, slices.Concat(long, long, long)) {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	if s.room == nil {
		t.Skip("files are not mapped here")
	}
	if err := s.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if err := s.Put([]byte("lost"), 5_000); !errors.Is(err, ErrRoom) {
		t.Fatalf("written where there is no file: %v", err)
	}
	if err := s.End(0); err != nil {
		t.Fatal(err)
	}
}
