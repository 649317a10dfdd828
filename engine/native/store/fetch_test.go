package store

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/wire/blob"
)

// What the test's own program is told where it plays the one that is killed.
const (
	fetchesInto = "AGORA_TEST_FETCH_INTO"
	fetchesFrom = "AGORA_TEST_FETCH_FROM"
	fetches     = "AGORA_TEST_FETCH"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(fetchesInto); dir != "" {
		s := &Store{dir}
		_, err := s.Fetch(context.Background(), Published{Digest: os.Getenv(fetches), Name: "killed", Bytes: 1 << 30}, []blob.Peer{blob.At(os.Getenv(fetchesFrom), http.DefaultClient)}, nil)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// published is a model of some chunks in a store, with its digest.
func published(t *testing.T) (*Store, Entry) {
	t.Helper()
	s := open(t)
	file := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q80}, Embedding: tensor.Q80, Width: 576, Seed: 3})
	e, err := s.Get(t.Context(), Wanted{From: write(t, "m.gguf", file), Licence: "MIT"})
	if err != nil {
		t.Fatal(err)
	}
	if e.Bytes <= 6<<20 {
		t.Fatalf("%d bytes are too few chunks", e.Bytes)
	}
	return s, e
}

// half sends the first half of an answer and reports it to the test, which kills who asked.
type half struct {
	http.ResponseWriter
	left int
	cut  chan<- struct{}
	ctx  context.Context
}

func (h *half) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.left -= n
	_, _ = h.ResponseWriter.Write(p[:n])
	if n < len(p) {
		_ = http.NewResponseController(h.ResponseWriter).Flush()
		h.cut <- struct{}{}
		<-h.ctx.Done()
		return n, http.ErrAbortHandler
	}
	return n, nil
}

// A program that fetches is killed in the middle of a chunk, again and again: each time it loses what was on its way, and nothing else.
func TestAKilledFetchGoesOnWhereItWas(t *testing.T) {
	from, e := published(t)
	giver := blob.NewServer(from)
	var asked, stop atomic.Int64 // chunks, and the one that is cut
	cut := make(chan struct{}, 16)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Count(r.URL.Path, "/") == 4 && asked.Add(1) == stop.Load() {
			w = &half{w, 1 << 19, cut, r.Context()}
		}
		giver.ServeHTTP(w, r)
	}))
	defer web.Close()
	dir := filepath.Join(t.TempDir(), "models")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), fetchesInto+"="+dir, fetchesFrom+"="+web.URL, fetches+"="+e.Digest)
		cmd.Stderr = t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	const kills, onTheirWay = 3, 4
	for range kills {
		stop.Store(asked.Load() + 1) // the other workers may finish 3 chunks meanwhile: two runs leave one at least
		cmd := run()
		<-cut
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	stop.Store(0)
	if err := run().Wait(); err != nil {
		t.Fatal(err)
	}
	to := &Store{dir}
	got, err := to.FindDigest(e.Digest)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got.Path, e.Path)
	chunks := int64(blob.Manifest{Bytes: e.Bytes}.Chunks())
	if n := asked.Load(); n > chunks+kills*onTheirWay {
		t.Errorf("%d chunks were asked for, the file has %d", n, chunks)
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil || !bytes.Equal(x, y) {
		t.Fatalf("the file is another one: %v", err)
	}
}

// A fetch that ends after its last byte, before the store has the model under its name, fetches nothing again.
func TestAFetchThatEndsAfterItsLastByteIsKept(t *testing.T) {
	from, e := published(t)
	for name, state := range map[string]func(to *Store) error{
		"the whole file has its name": func(to *Store) error {
			return os.Link(e.Path, filepath.Join(to.dir, strings.TrimPrefix(e.Digest, "sha256:")+".gguf"))
		},
		"its card is written too": func(to *Store) error {
			if err := to.write(Entry{Name: "m", SHA256: e.SHA256, Bytes: e.Bytes, Digest: e.Digest, Format: e.Format}); err != nil {
				return err
			}
			return os.Link(e.Path, filepath.Join(to.dir, strings.TrimPrefix(e.Digest, "sha256:")+".gguf"))
		},
	} {
		to := open(t)
		if err := os.MkdirAll(to.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := state(to); err != nil {
			t.Fatal(err)
		}
		got, err := to.Fetch(t.Context(), Published{Digest: e.Digest, Name: "m", Bytes: uint64(e.Bytes)}, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same(t, got.Path, e.Path)
		if found, err := to.FindDigest(e.Digest); err != nil || found.Path != got.Path {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	to := open(t)
	if err := os.MkdirAll(to.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(to.dir, strings.TrimPrefix(e.Digest, "sha256:")+".gguf")
	if err := os.WriteFile(other, modelFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(blob.NewServer(from))
	defer server.Close()
	got, err := to.Fetch(t.Context(), Published{Digest: e.Digest, Name: "m", Bytes: uint64(e.Bytes)}, []blob.Peer{blob.At(server.URL, http.DefaultClient)}, nil)
	if err != nil || got.Digest != e.Digest {
		t.Errorf("another file under its name: %+v, %v", got, err)
	}
}
