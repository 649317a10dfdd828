package receipts

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"agora/gateway/sheet"
)

// noteAt is a note of that name, its first byte, and of a moment.
func noteAt(name byte, at time.Time) *Note {
	return &Note{Nonce: [16]byte{name}, HotKey: [32]byte{9, name}, Voice: [32]byte{8, name}, NetUID: 1, UID: 2, Registered: 3, At: at.UTC().Round(0), Signed: "text"}
}

// put keeps a note.
func put(t *testing.T, s *Store, now time.Time, n *Note) {
	t.Helper()
	one, err := s.Note(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(now, []*Noted{one}); err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// killed is what a store would be after its program was killed now: a copy of its notes, opened.
func killed(t *testing.T, path string) *Store {
	t.Helper()
	to := filepath.Join(t.TempDir(), "receipts.db")
	pages, err := filepath.Glob(path + pageGlob)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+strings.TrimPrefix(name, path), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := opened(t, to)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestReceiptsAreKeptForSevenDays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts.db")
	s := opened(t, path)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	first := noteAt(1, now)
	put(t, s, now, first)
	put(t, s, now, noteAt(2, now))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, path)
	defer s.Close()
	if got, err := s.Find(first.Record().ID); err != nil || got != first.Record() {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	put(t, s, now.Add(Kept), noteAt(3, now.Add(Kept)))
	if _, err := s.Find(first.Record().ID); err != nil {
		t.Errorf("after seven days: %v", err)
	}
	if err := s.Keep(now.Add(Kept+24*time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(first.Record().ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("after eight days: %v", err)
	}
	if _, err := s.Find(noteAt(3, now).Record().ID); err != nil {
		t.Errorf("a younger one: %v", err)
	}
}

// What was noted is left after a program was killed at any moment, but for what was kept or forgotten, and is left no more once that
// is so, and its page goes.
func TestNotesOutliveTheirProgram(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "receipts.db"), time.Now()
	s := opened(t, path)
	put(t, s, now, noteAt(1, now))
	bad, err := s.Note(noteAt(2, now))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(bad); err != nil {
		t.Fatal(err)
	}
	want := noteAt(3, now)
	if _, err := s.Note(want); err != nil {
		t.Fatal(err)
	}
	again := killed(t, path)
	left := again.Left(10)
	if len(left) != 1 || left[0].Note != *want {
		t.Fatalf("%+v are left, want %+v", left, want)
	}
	if len(again.Left(10)) > 0 {
		t.Error("it is left twice")
	}
	if err := again.Keep(now, left); err != nil {
		t.Fatal(err)
	}
	if got, err := again.Find(want.Record().ID); err != nil || got != want.Record() {
		t.Errorf("%+v, %v", got, err)
	}
	if len(again.notes.pages) != 0 {
		t.Errorf("%d pages are left", len(again.notes.pages))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, path) // after a proper end as well
	defer s.Close()
	if left := s.Left(10); len(left) != 1 || left[0].Note != *want {
		t.Errorf("%+v are left, want %+v", left, want)
	}
}

// A page that was cut anywhere has the notes before that.
func TestACutNoteIsTheEnd(t *testing.T) {
	now := time.Now()
	raw := appendNote(appendNote(nil, noteAt(1, now)), noteAt(2, now))
	for end := range raw {
		found := notesIn(append(append([]byte(nil), raw[:end]...), make([]byte, len(raw)-end+100)...))
		if want := end / (len(raw) / 2); len(found) > 1 || len(found) < want {
			t.Fatalf("cut at %d of %d: %d notes", end, len(raw), len(found))
		}
	}
	if len(notesIn(raw)) != 2 {
		t.Fatal("whole")
	}
}

// Notes of a program that did not write the voice down are read, without one.
func TestANoteWithoutAVoiceIsRead(t *testing.T) {
	want := noteAt(1, time.Now())
	raw := appendNote(nil, want)
	body := append(append([]byte(nil), raw[headBytes:headBytes+bareBytes]...), want.Signed...)
	head := make([]byte, headBytes)
	binary.BigEndian.PutUint32(head, crc32.Checksum(body, castagnoli))
	binary.BigEndian.PutUint16(head[4:], uint16(len(body)))
	old := append(head, body...)
	want.Voice = [32]byte{}
	if got := notesIn(append(old, raw...)); len(got) != 2 || got[0].Note != *want || got[1].Voice != [32]byte{8, 1} {
		t.Fatalf("%+v", got)
	}
}

// More notes than one page has, of which all but one are settled, leave two pages: that one's and the last.
func TestPagesGoWhenTheyAreSettled(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "receipts.db"), time.Now()
	s := opened(t, path)
	defer s.Close()
	if _, err := s.Note(noteAt(1, now)); err != nil {
		t.Fatal(err)
	}
	n := noteAt(2, now)
	n.Signed = strings.Repeat("x", 500)
	for range 3 * sheet.Step / 500 {
		one, err := s.Note(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Forget(one); err != nil {
			t.Fatal(err)
		}
	}
	if pages, err := filepath.Glob(path + pageGlob); err != nil || len(pages) != 2 || len(s.notes.pages) != 2 {
		t.Errorf("%q, %v", pages, err)
	}
	if left := killed(t, path).Left(10); len(left) != 1 || left[0].Nonce != [16]byte{1} {
		t.Errorf("%d notes are left", len(left))
	}
}

// Notes that nobody settles take no more than their pages, and none while the store cannot be written.
func TestNotesAreBounded(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "receipts.db"))
	defer s.Close()
	n := noteAt(1, time.Now())
	n.Signed = strings.Repeat("x", 500)
	s.notes.tight = true
	if one, err := s.Note(n); !errors.Is(err, errTight) || one.Written() {
		t.Errorf("while the store cannot be written: %v", err)
	}
	if err := s.Keep(time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		one, err := s.Note(n)
		if one.Written() != (err == nil) {
			t.Fatalf("written %v, %v", one.Written(), err)
		}
		if errors.Is(err, errPages) {
			break
		}
		if err != nil || i > maxPages*sheet.Step/500 {
			t.Fatalf("after %d: %v", i, err)
		}
	}
	n.Signed = strings.Repeat("x", 529)
	if _, err := s.Note(n); err == nil {
		t.Error("a text that is no receipt is noted")
	}
}

// Whatever was kept in whatever portions is found, each by its name alone, in few lists, and goes with its day.
func TestEveryReceiptIsFoundAmongMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts.db")
	s := opened(t, path)
	now := time.Date(2026, 11, 1, 23, 59, 0, 0, time.UTC)
	var all []*Noted
	random := rand.New(rand.NewPCG(1, 2))
	for len(all) < 20_000 {
		var of []*Noted
		for range 1 + random.IntN(1+random.IntN(900)) {
			n := noteAt(9, now.Add(time.Duration(len(all)+len(of))*10*time.Millisecond)) // over midnight
			binary.BigEndian.PutUint64(n.Nonce[8:], random.Uint64())
			n.Signed = strings.Repeat("s", 1+random.IntN(528))
			of = append(of, &Noted{Note: *n})
		}
		if err := s.Keep(now, of); err != nil {
			t.Fatal(err)
		}
		all = append(all, of...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, path)
	defer s.Close()
	for i, n := range all {
		want := n.Record()
		if got, err := s.Find(want.ID); err != nil || got != want {
			t.Fatalf("record %d is %+v, want %+v: %v", i, got, want, err)
		}
		if _, err := s.Find(strings.ToUpper(want.ID)); want.ID != strings.ToUpper(want.ID) && !errors.Is(err, ErrUnknown) {
			t.Fatalf("record %d has another name: %v", i, err)
		}
		n.Nonce[15]++
		if _, err := s.Find(n.Record().ID); !errors.Is(err, ErrUnknown) {
			t.Fatalf("what is not there: %v", err)
		}
	}
	if lists := countLists(t, s); lists > 2*5*(together-1) {
		t.Errorf("%d lists", lists)
	}
	for _, id := range []string{"", "packs", "0", "00", strings.Repeat("0", 31), strings.Repeat("0", 32), strings.Repeat("0", 34)} {
		if _, err := s.Find(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// countLists is how many lists of places all days have.
func countLists(t *testing.T, s *Store) (lists int) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			for class := range listsNames {
				if of := b.Bucket(listsNames[class : class+1]); of != nil {
					lists += of.Stats().KeyN
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

// Records of a program that wrote each as JSON are found, beside those of today.
func TestRecordsOfAProgramBeforeAreFound(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "receipts.db"))
	defer s.Close()
	now := time.Now()
	old := noteAt(1, now).Record()
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(old.At.Format(dayName)))
		if err != nil {
			return err
		}
		text, err := json.Marshal(old)
		if err != nil {
			return err
		}
		return b.Put([]byte(old.ID), text)
	})
	if err != nil {
		t.Fatal(err)
	}
	young := noteAt(2, now)
	put(t, s, now, young)
	for _, want := range []Record{old, young.Record()} {
		if got, err := s.Find(want.ID); err != nil || got != want {
			t.Errorf("%+v, want %+v: %v", got, want, err)
		}
	}
}

// BenchmarkKeep keeps a thousand receipts at once, among those that are kept already.
func BenchmarkKeep(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "receipts.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		of := make([]*Noted, 1000)
		for i := range of {
			n := noteAt(9, time.Now())
			binary.BigEndian.PutUint64(n.Nonce[8:], random.Uint64())
			n.Signed = strings.Repeat("x", 414)
			of[i] = &Noted{Note: *n}
		}
		if err := s.Keep(time.Now(), of); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzNotesIn(f *testing.F) {
	f.Add(appendNote(nil, noteAt(1, time.Unix(1, 2))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, n := range notesIn(raw) {
			if again := notesIn(appendNote(nil, &n.Note)); len(again) != 1 || again[0].Note != n.Note {
				t.Errorf("%+v came back as %+v", n, again)
			}
		}
	})
}

// BenchmarkNote is what an answer waits for.
func BenchmarkNote(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "receipts.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	n := noteAt(1, time.Now())
	n.Signed = strings.Repeat("x", 450)
	var all []time.Duration
	for b.Loop() {
		began := time.Now()
		one, err := s.Note(n)
		all = append(all, time.Since(began))
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Forget(one); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds()), "p99-ns")
}
