package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestACutFrameIsTheEndAndADamagedOneIsSaid writes three frames, of which two are on the disk, and opens what is left where
// each byte of the last is not written yet, and where each byte of the file before it is changed.
func TestACutFrameIsTheEndAndADamagedOneIsSaid(t *testing.T) {
	j, ends := threeFrames(t)
	name := j.journalName(1)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:ends[2]+1_000] // with some of the room
	for end := ends[1]; end < ends[2]; end++ {
		cut := slices.Concat(whole[:end], make([]byte, ends[2]-end))
		for _, content := range [][]byte{whole[:end], cut, append(cut, 1)} {
			if all, err := recalled(t, j, content); err != nil || all != "first second " {
				t.Fatalf("cut at %d: %q, %v", end, all, err)
			}
		}
	}
	// The order in which a program's bytes reach the memory is not told: the head may be there before its records.
	unordered := slices.Clone(whole)
	clear(unordered[ends[1]+frameHead : ends[2]])
	if all, err := recalled(t, j, unordered); err != nil || all != "first second " {
		t.Fatalf("%q, %v", all, err)
	}
	for at := int64(0); at < ends[1]; at++ {
		damaged := slices.Clone(whole)
		damaged[at] ^= 1
		all, err := recalled(t, j, damaged)
		if lowered := at >= int64(len(journalWord)) && at < journalHead; !lowered && !errors.Is(err, errJournal) {
			t.Fatalf("damaged at %d: %q, %v", at, all, err)
		}
	}
	if all, err := recalled(t, j, whole); err != nil || all != "first second third " {
		t.Fatalf("%q, %v", all, err)
	}
}

// threeFrames is a journal with three frames, and where each ends.
func threeFrames(t *testing.T) (j *journal, ends []int64) {
	t.Helper()
	j = &journal{where: filepath.Join(t.TempDir(), "ledger.db")}
	if err := j.turn(); err != nil {
		t.Fatal(err)
	}
	for i, records := range []string{"first", "second", "third"} {
		if err := j.write([]byte(records)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, j.good)
		if i < 2 {
			if err := j.vouch(j.good); err != nil {
				t.Fatal(err)
			}
		}
	}
	return j, ends
}

// recalled is what a journal's first file says with another content.
func recalled(t *testing.T, j *journal, content []byte) (all string, err error) {
	t.Helper()
	if err := os.WriteFile(j.journalName(1)+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(j.journalName(1)+".new", j.journalName(1)); err != nil {
		t.Fatal(err)
	}
	again := journal{where: j.where}
	err = again.recall(0, func(records []byte) error {
		all += string(records) + " "
		return nil
	})
	return all, err
}

// TestAJournalThatLacksAFileIsSaid removes the first of two files: what was charged in it is not passed over.
func TestAJournalThatLacksAFileIsSaid(t *testing.T) {
	j, _ := threeFrames(t)
	if err := j.turn(); err != nil {
		t.Fatal(err)
	}
	if err := j.write([]byte("fourth")); err != nil {
		t.Fatal(err)
	}
	played := 0
	again := journal{where: j.where}
	if err := again.recall(0, func([]byte) error { played++; return nil }); err != nil || played != 4 {
		t.Fatalf("%d frames, %v", played, err)
	}
	if err := os.Remove(j.journalName(1)); err != nil {
		t.Fatal(err)
	}
	again = journal{where: j.where}
	if err := again.recall(0, func([]byte) error { return nil }); !errors.Is(err, errJournal) {
		t.Fatalf("%v", err)
	}
	again = journal{where: j.where}
	if err := again.recall(3, func([]byte) error { return nil }); err != nil || again.frame != 4 {
		t.Fatalf("after a fold of the first three: frame %d, %v", again.frame, err)
	}
}

// TestAnAccountInTheJournalIsTheAccount writes accounts and debts as records and reads them.
func TestAnAccountInTheJournalIsTheAccount(t *testing.T) {
	l, _ := open(t)
	name := channel(t, l, 7, 1_000)
	if _, err := l.Sign(context.Background(), name, promise(7, 40)); err != nil {
		t.Fatal(err)
	}
	a, err := l.Account(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	b := newBook()
	d := Debt{Payee: "olga", Channel: 5, Owed: promise(5, 9).Voucher.Parts, Held: promise(5, 9)}
	if err := b.replay(appendDebt(appendAccount(nil, &a), &d)); err != nil {
		t.Fatal(err)
	}
	got, owed := b.accounts[name], b.debts["olga"]
	if got.Line != a.Line || got.Payer != a.Payer || string(got.Key) != string(a.Key) || got.Held.check(40) != nil || got.Channel != 7 {
		t.Errorf("%+v came back as %+v", a, got)
	}
	if owed.Channel != 5 || owed.Owed.Total() != 9 || owed.Held.check(9) != nil {
		t.Errorf("%+v came back as %+v", d, owed)
	}
}

func FuzzReplay(f *testing.F) {
	a := Account{ID: "channel/1", Channel: 1, Payer: "ann", Held: promise(1, 3)}
	f.Add(appendDebt(appendAccount(nil, &a), &Debt{Payee: "olga", Channel: 5}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b := newBook()
		if b.replay(raw) != nil {
			return
		}
		for _, one := range b.accounts {
			if err := newBook().replay(appendAccount(nil, one)); err != nil {
				t.Fatalf("%+v does not come back: %v", one, err)
			}
		}
	})
}
