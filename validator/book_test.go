package validator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
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
		one := score.Result{UID: uint16(uid), Registered: 5, Answer: itemID(n + 1000*uid), Latency: time.Second}
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
		if n%60 == 59 {
			if err := b.beginTempo(uint64(n)); err != nil {
				t.Fatal(err)
			}
			whole.EndTempo()
		}
		kill := &killer{at: n % 7} // 1 is before the write and 2 after it; with 0 and the rest the program lives on
		s.fault = kill.fault
		err := b.add(itemID(n), results(n))
		if err != nil && !kill.dead {
			t.Fatal(err)
		}
		if kill.at != 1 {
			if err := whole.Add(itemID(n), kept(results(n))); err != nil {
				t.Fatal(err)
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

// kept is what the journal keeps of results: a failure has no answer.
func kept(list []score.Result) []score.Result {
	for i, r := range list {
		if r.Failed {
			list[i].Answer = [32]byte{}
		}
	}
	return list
}

func TestRecordEndsWhenAUIDChangesHands(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "book.db"))
	defer s.close()
	b := openTestBook(t, s)
	for n := range 150 {
		if err := b.add(itemID(n), results(n)); err != nil {
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
	v, err := b.vote(uidsOf(miners))
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
		v, err := b.vote(miners)
		if err != nil {
			t.Fatal(err)
		}
		if v.proven {
			t.Fatalf("proven after %d items", n)
		}
		if err := b.add(itemID(n), results(n)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := b.vote(miners)
	if err != nil || !v.proven {
		t.Fatalf("after 100 items: %+v, %v", v, err)
	}
	if v, _ = b.vote([]uint16{0, 1, 2, 3}); !v.proven || v.settled || v.weights[3] != 0 {
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
		if err := b.add(itemID(n), results(n)); err != nil {
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

func FuzzFingerprint(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"42"},"logprobs":null}]}`), 1.0)
	f.Add([]byte(`{"choices":[{"text":"a","logprobs":{"tokens":["a"]}}]}`), 0.5)
	f.Add([]byte(`null`), 0.0)
	f.Fuzz(func(t *testing.T, body []byte, score float64) {
		one, trivial := fingerprint(body, score)
		two, again := fingerprint(body, score)
		if one != two || trivial != again {
			t.Error("the same answer has two fingerprints")
		}
	})
}
