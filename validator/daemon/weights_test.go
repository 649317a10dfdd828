package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	subnettypes "agora/chain/x/subnet/types"
	"agora/engine/native/ladder"
	"agora/engine/native/modeltest"
	"agora/engine/native/store"
	"agora/engine/native/tensor"
	"agora/mechanism/frontier"
	"agora/validator/exam"
	"agora/wire"
	"agora/wire/blob"
)

// gateways is a chain's directory.
type gateways []string

func (g gateways) Profiles(context.Context) (list []subnettypes.Profile, err error) {
	for _, url := range g {
		list = append(list, subnettypes.Profile{GatewayUrl: url})
	}
	return list, nil
}

// library is a store with a model of several chunks, as its author published it.
func library(t *testing.T) (*store.Store, exam.Listed) {
	t.Helper()
	s := emptyStore(t)
	path := filepath.Join(t.TempDir(), "m.gguf")
	file := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q80}, Embedding: tensor.Q80, Width: 576, Seed: 5})
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := s.Get(t.Context(), store.Wanted{From: path})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Give(e.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := blob.Of(c, c.Bytes, e.Digest, c.Format)
	if err != nil || m.Chunks() < 5 {
		t.Fatal(m.Chunks(), err)
	}
	root, d := m.Root(), [32]byte{}
	d, _ = exam.ParseDigest(e.Digest)
	return s, exam.Listed{Model: frontier.Model{Digest: d, Bytes: uint64(e.Bytes), Parameters: uint64(e.Parameters)}, Name: "m", Format: "gguf", Template: "chatml", Root: root[:]}
}

func emptyStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "models"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// door serves a library; chunk may answer the n-th chunk that is asked for in its place, and counts from 1.
func door(t *testing.T, l blob.Library, chunk func(n int64, w http.ResponseWriter, r *http.Request) bool) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	giver := blob.NewServer(l)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Count(r.URL.Path, "/") == 4 && chunk != nil && chunk(asked.Add(1), w, r) {
			return
		}
		giver.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1", asked
}

// examined examines a model that is fetched as a validator fetches it.
func examined(t *testing.T, w *Weights, m exam.Listed) {
	t.Helper()
	contest, err := exam.ParseContest("exact")
	if err != nil {
		t.Fatal(err)
	}
	room := exam.NewRoom(&exam.Shelf{Fetch: w.Fetch, Mend: w.Mend}, 1)
	questions, err := contest.Item(t.Context(), exam.Drawn{Seed: [32]byte{1}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := room.Examine(t.Context(), nil, m, questions)
	if err != nil || len(results) != 1 {
		t.Fatalf("%v, %v", results, err)
	}
}

// A validator examines a model whose bytes a liar and an honest gateway offer: the liar is asked for no second chunk by any worker.
func TestALiarsChunkIsNoticedAndHeIsLeft(t *testing.T) {
	l, m := library(t)
	lies, asked := door(t, l, func(_ int64, w http.ResponseWriter, _ *http.Request) bool {
		_, _ = w.Write(make([]byte, 1<<20))
		return true
	})
	honest, _ := door(t, l, nil)
	examined(t, &Weights{Store: emptyStore(t), Chain: gateways{lies, honest}, Private: true}, m)
	if n := asked.Load(); n < 1 || n > 4 {
		t.Errorf("the liar was asked for %d chunks", n)
	}
}

// What was fetched before a cut is not fetched again.
func TestAFetchThatWasCutGoesOn(t *testing.T) {
	l, m := library(t)
	ctx, cut := context.WithCancel(t.Context())
	url, asked := door(t, l, func(n int64, _ http.ResponseWriter, r *http.Request) bool {
		if n == 3 {
			cut()
			<-r.Context().Done()
		}
		return n == 3
	})
	w := &Weights{Store: emptyStore(t), Chain: gateways{url}, Private: true}
	if _, err := w.Fetch(ctx, m); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	before := asked.Load()
	examined(t, w, m)
	chunks := int64(blob.Manifest{Bytes: int64(m.Bytes)}.Chunks())
	if n := asked.Load(); n > chunks+4 || n-before > chunks {
		t.Errorf("%d chunks were asked for before the cut and %d after it, the file has %d", before, n-before, chunks)
	}
	if _, err := w.Fetch(t.Context(), m); err != nil || asked.Load()-before > chunks {
		t.Errorf("what is here is fetched again: %v", err)
	}
}

func TestWeightsOfPrivateAddressesAreNotFetched(t *testing.T) {
	l, m := library(t)
	url, asked := door(t, l, func(int64, http.ResponseWriter, *http.Request) bool { return false })
	m.Sources = []string{strings.TrimSuffix(url, "/v1") + "/m.gguf"}
	w := &Weights{Store: emptyStore(t), Chain: gateways{url}}
	if _, err := w.Fetch(t.Context(), m); !errors.Is(err, exam.ErrNotHere) || !errors.Is(err, wire.ErrPrivate) || asked.Load() != 0 {
		t.Errorf("%v after %d chunks", err, asked.Load())
	}
}

// The models that ship are given like others, to whoever asks for their digests.
func TestModelsThatShipAreGivenByTheirDigests(t *testing.T) {
	url, _ := door(t, ladder.Library{}, nil)
	w := &Weights{Store: emptyStore(t), Chain: gateways{url}, Private: true}
	for _, card := range ladder.Cards() {
		d, _ := exam.ParseDigest(card.Digest)
		e, err := w.Get(t.Context(), exam.Listed{Model: frontier.Model{Digest: d, Bytes: uint64(card.Bytes)}, Name: card.Name})
		if err != nil || e.Digest != card.Digest || e.Parameters != int64(card.Parameters) {
			t.Errorf("%s: %+v, %v", card.Name, e, err)
		}
	}
}

// A file that was damaged on this disk after it was fetched is put away and fetched again, and the model is examined.
func TestADamagedFileIsFetchedAgain(t *testing.T) {
	l, m := library(t)
	url, _ := door(t, l, nil)
	for name, damage := range map[string]func(path string) error{
		"a byte": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)-1000] ^= 1
			return os.WriteFile(path, data, 0o600)
		},
		"its beginning": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.Write(make([]byte, 64))
			return errors.Join(err, f.Close())
		},
		"cut short": func(path string) error { return os.Truncate(path, 100) },
	} {
		w := &Weights{Store: emptyStore(t), Chain: gateways{url}, Private: true}
		path, err := w.Fetch(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		examined(t, w, m)
		path, err = w.Fetch(t.Context(), m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if id, err := store.Identify(path); err != nil || id.Digest != exam.SpellDigest(m.Digest) {
			t.Errorf("%s: the store has %+v, %v", name, id, err)
		}
	}
}

// Nobody is said to keep weights back where the disk of this machine takes none.
func TestADiskThatTakesNothingIsNotTheGivers(t *testing.T) {
	l, m := library(t)
	url, _ := door(t, l, nil)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(blocked, "models"))
	if err != nil {
		t.Fatal(err)
	}
	w := &Weights{Store: s, Chain: gateways{url}, Private: true}
	if _, err := w.Fetch(t.Context(), m); err == nil || errors.Is(err, exam.ErrNotHere) {
		t.Errorf("%v", err)
	}
}
