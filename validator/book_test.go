package validator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"agora/mechanism/score"
)

func openTestBook(t *testing.T, s *store) *book {
	t.Helper()
	b, err := openBook(1, "plain", score.DefaultParams(), s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func itemID(n int) [32]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

// results lets three miners of different quality answer item n.
func results(n int) []score.Result {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	var list []score.Result
	for uid, quality := range []float64{0.9, 0.6, 0.2} {
		one := score.Result{UID: uint16(uid), Registered: 5, Said: score.Said{Text: uint64(n+1000*uid) | 1<<40, Telling: true}, Latency: time.Second}
		if r.Float64() < quality {
			one.Score = 1
		}
		one.Failed = r.Float64() < 0.05
		list = append(list, one)
	}
	return list
}

// Whatever was counted when the program ended is there when it starts again, also in the middle of a write.
func TestBookIsTheSameAfterAnyCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.db")
	whole, err := score.NewBoard(score.DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	s := openTestStore(t, path)
	b := openTestBook(t, s)
	for n := range 2*snapshotEvery + 40 {
		s.fault = nil
		kill := &killer{at: n % 7} // 1 is before the write and 2 after it; with 0 and the rest the program lives on
		s.fault = kill.fault
		err := b.add(filedOf(n))
		if err != nil && !kill.dead {
			t.Fatal(err)
		}
		if kill.at != 1 {
			for _, r := range results(n) {
				whole.Add(itemID(n), []score.Result{r})
			}
		}
		if !kill.dead {
			continue
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		s = openTestStore(t, path)
		b = openTestBook(t, s)
		if got, want := b.standings(), whole.Standings(); !reflect.DeepEqual(got, want) {
			t.Fatalf("after a crash at item %d the board shows\n%+v, want\n%+v", n, got, want)
		}
	}
	s.close()
}

// filedOf is what three miners answer to item n, as lanes file it.
func filedOf(n int) (list []filed) {
	for _, r := range results(n) {
		list = append(list, filed{itemID(n), r})
	}
	return list
}

func TestRecordEndsWhenAUIDChangesHands(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "book.db"))
	defer s.close()
	b := openTestBook(t, s)
	for n := range 150 {
		if err := b.add(filedOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	miners := []Miner{{UID: 0, Registered: 99}, {UID: 1, Registered: 5}}
	if err := b.keepOnly(miners); err != nil {
		t.Fatal(err)
	}
	for _, one := range b.standings() {
		if one.UID != 1 {
			t.Errorf("uid %d is still on the board", one.UID)
		}
	}
	v, err := b.vote(uidsOf(miners), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if v.weights[0] != 0 {
		t.Errorf("the newcomer inherits a weight of %d", v.weights[0])
	}
}

func TestNothingIsSaidBeforeEveryMinerWasAskedOftenEnough(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "book.db"))
	defer s.close()
	b := openTestBook(t, s)
	miners := []uint16{0, 1, 2}
	for n := range 100 {
		v, err := b.vote(miners, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if v.proven {
			t.Fatalf("proven after %d items", n)
		}
		if err := b.add(filedOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := b.vote(miners, time.Minute)
	if err != nil || !v.proven {
		t.Fatalf("after 100 items: %+v, %v", v, err)
	}
	if v, _ = b.vote([]uint16{0, 1, 2, 3}, time.Minute); !v.proven || v.settled || v.weights[3] != 0 {
		t.Errorf("with a newcomer: %+v; the others keep their weights and it has none", v)
	}
}

func TestStoreOfAnotherChainIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "validator.db")
	openTestStore(t, path).close()
	if _, err := openStore(path, "another-chain"); !errors.Is(err, ErrStore) {
		t.Errorf("error is %v, want ErrStore", err)
	}
}

func TestStoreInUseIsRefusedInWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "validator.db")
	defer openTestStore(t, path).close()
	if _, err := openStore(path, chainID); !errors.Is(err, ErrStore) {
		t.Errorf("error is %v, want ErrStore", err)
	}
}

func TestDamagedStoreSaysWhatToDo(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "validator.db")
	s := openTestStore(t, whole)
	b := openTestBook(t, s)
	for n := range 50 {
		if err := b.add(filedOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	s.close()
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"not a store": bytes.Repeat([]byte("weights "), 4096),
		"cut off":     good[:len(good)/4],
		"cut short":   good[:100],
		"no metadata": append(make([]byte, 8192), good[8192:]...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "validator.db")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := openStore(path, chainID)
			if err == nil {
				s.close()
			}
			if !errors.Is(err, ErrStore) || !strings.Contains(err.Error(), "move it away") {
				t.Errorf("error is %v, want ErrStore with advice", err)
			}
		})
	}
}

// Kills at every write: what was drawn once is never drawn again.
func TestNoItemIsDrawnTwiceAcrossCrashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed.db")
	seen := map[string]bool{}
	for life := range 12 {
		s := openTestStore(t, path)
		kill := &killer{at: life % 5}
		s.fault = kill.fault
		d, err := newDrawer(1, chainID, plain{}, s)
		for range 100 {
			if err != nil {
				break
			}
			item, failed := d.item()
			if err = failed; err != nil {
				break
			}
			if seen[string(item.Body)] {
				t.Fatalf("life %d: %s was drawn before", life, item.Body)
			}
			seen[string(item.Body)] = true
		}
		if err != nil && !kill.dead {
			t.Fatal(err)
		}
		s.close()
	}
	if len(seen) < 300 {
		t.Fatalf("only %d items were drawn", len(seen))
	}
}

func FuzzSaid(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"42"},"logprobs":null}]}`))
	f.Add([]byte(`{"choices":[{"text":"a","logprobs":{"tokens":["a"],"top_logprobs":[{"a":-0.1,"b":-3}]}}]}`))
	f.Add([]byte(`{"choices":[{"text":"a","logprobs":{"top_bytes":[[{"token":"a","logprob":-0.5,"bytes":[97]}]]}}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		one, two := saidIn(body), saidIn(body)
		if !reflect.DeepEqual(one, two) || len(one.Levels) > levelsKept {
			t.Errorf("%+v and %+v", one, two)
		}
	})
}

func TestStopsBlanksAndCaseHideNoCopy(t *testing.T) {
	chat := func(text string) []byte {
		b, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"message": map[string]any{"content": text}}}})
		return b
	}
	base := saidIn(chat("The quick answer is 42"))
	for text, same := range map[string]bool{"The quick answer is 42.": true, " the quick answer is 42 \n": true, "**The quick answer is 42**": true, "The quick answer is 43": false, "": false} {
		if got := saidIn(chat(text)).Text == base.Text; got != same {
			t.Errorf("%q counts as the same: %v", text, got)
		}
	}
	if strange := saidIn([]byte(`{"choices":[{"message":{"content":"The quick answer is 42"},"logprobs":7}]}`)); strange.Text != base.Text {
		t.Error("a field of a strange type hides the text")
	}
}

// A journal of the version before, with an item's answers in one entry, is read on after an upgrade.
func TestJournalOfTheVersionBeforeIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.db")
	s := openTestStore(t, path)
	old := []byte(`{"board":{"version":1,"next":0,"miners":null,"used":{},"twins":null},"epoch":3,"items":0,"family":"plain","proven":true}`)
	if err := s.snapshot(1, old); err != nil {
		t.Fatal(err)
	}
	epoch := uint64(4)
	item := itemID(1)
	for n, e := range []entry{
		{Item: item[:], Results: []mark{{UID: 2, Registered: 5, Score: 1, Answer: item[:], Latency: time.Second}, {UID: 3, Registered: 5, Failed: true}}},
		{Tempo: &epoch},
	} {
		if err := s.note(1, uint64(n), e); err != nil {
			t.Fatal(err)
		}
	}
	b := openTestBook(t, s)
	if err := b.add(filedOf(2)); err != nil {
		t.Fatal(err)
	}
	s.close()
	s = openTestStore(t, path)
	defer s.close()
	b = openTestBook(t, s)
	if one := standing(b, 2); one.N+int(1-one.Answered) < 1 || one.Asked != 2 || standing(b, 3).Asked != 1 || !b.proven {
		t.Errorf("%+v", b.standings())
	}
}
