package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"agora/wire"
	"agora/wire/blob"
)

const mib = 1 << 20

var weightsTime = time.Unix(1_700_000_000, 0)

// weights are bytes of a seed, and the digest that they are asked for by: in these tests that of the bytes backwards, which
// says nothing of the file before all of it is there, as a model's does not.
func weights(seed uint64, size int) (data []byte, digest string) {
	data = make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(data)
	return data, meaning(data)
}

func meaning(data []byte) string {
	backwards := make([]byte, len(data))
	for i, b := range data {
		backwards[len(data)-1-i] = b
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(backwards))
}

// verify is what holds a whole file to its digest.
func verify(digest string) func(string) error {
	return func(path string) error {
		data, err := os.ReadFile(path)
		if err == nil && meaning(data) != digest {
			err = fmt.Errorf("it means %s", meaning(data))
		}
		return err
	}
}

// shelf is a library of files by digest.
type shelf map[string]string

func (s shelf) Give(digest string) (*blob.Content, error) {
	path, ok := s[digest]
	if !ok {
		return nil, blob.ErrNotHere
	}
	return blob.Open(path, "gguf")
}

// host serves data under digest, with what it does before it answers.
func host(t *testing.T, digest string, data []byte, before func(w http.ResponseWriter, r *http.Request) (done bool)) blob.Peer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	server := blob.NewServer(shelf{digest: path})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return blob.At(s.URL, blob.NewClient(true))
}

func rootOf(t *testing.T, data []byte) []byte {
	t.Helper()
	m, err := blob.Of(bytes.NewReader(data), int64(len(data)), "", "gguf")
	if err != nil {
		t.Fatal(err)
	}
	root := m.Root()
	return root[:]
}

func fetch(t *testing.T, dir, digest string, root []byte, peers ...blob.Peer) (string, error) {
	t.Helper()
	return blob.Fetch(t.Context(), dir, blob.Wanted{Digest: digest, Root: root, Most: 16 * mib, Verify: verify(digest)}, peers)
}

// got fails unless path holds data.
func got(t *testing.T, path string, err error, data []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, data) {
		t.Fatalf("%d bytes came, want %d: %v", len(have), len(data), err)
	}
}

func TestAFileTravels(t *testing.T) {
	for _, size := range []int{1, mib, mib + 1, 3*mib + 5} {
		data, digest := weights(1, size)
		path, err := fetch(t, t.TempDir(), digest, rootOf(t, data), host(t, digest, data, nil))
		got(t, path, err, data)
	}
}

// TestALiarIsNoticedAtTheChunk: he vouches for the right manifest and sends other bytes. He is asked for no second chunk
// by any of the four workers, and the file comes from the other.
func TestALiarIsNoticedAtTheChunk(t *testing.T) {
	data, digest := weights(2, 8*mib)
	var lies atomic.Int32
	liar := host(t, digest, data, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Count(r.URL.Path, "/") < 4 {
			return false
		}
		lies.Add(1)
		w.Write(make([]byte, mib))
		return true
	})
	path, err := fetch(t, t.TempDir(), digest, rootOf(t, data), liar, host(t, digest, data, nil))
	got(t, path, err, data)
	if n := lies.Load(); n > 4 {
		t.Errorf("the liar was asked %d times", n)
	}
}

// TestAnotherManifestIsRefusedWhereTheRootIsKnown before a single chunk is asked for.
func TestAnotherManifestIsRefusedWhereTheRootIsKnown(t *testing.T) {
	data, digest := weights(3, 2*mib)
	other, _ := weights(4, 2*mib)
	var chunks atomic.Int32
	liar := host(t, digest, other, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Count(r.URL.Path, "/") == 4 {
			chunks.Add(1)
		}
		return false
	})
	_, err := fetch(t, t.TempDir(), digest, rootOf(t, data), liar)
	if !errors.Is(err, blob.ErrNoPeer) || !errors.Is(err, blob.ErrManifest) || chunks.Load() != 0 {
		t.Errorf("%v after %d chunks", err, chunks.Load())
	}
}

// TestAFalseManifestCostsItsVoucher: nobody knows the root, the first peer serves another file consistently. It is found
// out in the end, left, and the next one's file is taken.
func TestAFalseManifestCostsItsVoucher(t *testing.T) {
	data, digest := weights(5, 2*mib)
	other, _ := weights(6, 2*mib)
	dir := t.TempDir()
	path, err := fetch(t, dir, digest, nil, host(t, digest, other, nil), host(t, digest, data, nil))
	got(t, path, err, data)
	_, err = fetch(t, dir, digest, nil, host(t, digest, other, nil))
	if !errors.Is(err, blob.ErrNoPeer) || !errors.Is(err, blob.ErrWrong) {
		t.Errorf("a false file alone: %v", err)
	}
}

// TestALiarWhoVouchedHoldsNobodyUp: he gives a manifest of another file and then sends no chunk of it.
func TestALiarWhoVouchedHoldsNobodyUp(t *testing.T) {
	data, digest := weights(15, 2*mib)
	other, _ := weights(16, 2*mib)
	liar := host(t, digest, other, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Count(r.URL.Path, "/") < 4 {
			return false
		}
		w.Write(make([]byte, mib))
		return true
	})
	path, err := fetch(t, t.TempDir(), digest, nil, liar, host(t, digest, data, nil))
	got(t, path, err, data)
}

// TestAnAuthorsFalseRootIsNamed: the root is right and the model is another.
func TestAnAuthorsFalseRootIsNamed(t *testing.T) {
	other, _ := weights(7, mib)
	_, digest := weights(8, mib)
	dir := t.TempDir()
	if _, err := fetch(t, dir, digest, rootOf(t, other), host(t, digest, other, nil)); !errors.Is(err, blob.ErrWrong) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v stays", left)
	}
}

// TestWhateverEndsAFetchNothingIsLost cuts a fetch after a number of chunks and leaves on disk what a killed program may
// leave: any prefix of the next chunk. The second fetch asks for nothing that is there.
func TestWhateverEndsAFetchNothingIsLost(t *testing.T) {
	data, digest := weights(9, 6*mib+17)
	for _, torn := range []int{0, 1, mib / 2, mib - 1} {
		dir := t.TempDir()
		part := filepath.Join(dir, strings.TrimPrefix(digest, "sha256:")+".part")
		there := data[:3*mib+torn]
		if err := os.WriteFile(part, there, 0o600); err != nil {
			t.Fatal(err)
		}
		var asked atomic.Int32
		path, err := fetch(t, dir, digest, rootOf(t, data), host(t, digest, data, func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.Count(r.URL.Path, "/") == 4 {
				asked.Add(1)
			}
			return false
		}))
		got(t, path, err, data)
		if asked.Load() != 4 {
			t.Errorf("torn after %d bytes: %d chunks were asked for, 4 were missing", torn, asked.Load())
		}
	}
}

// TestAPeerThatGoesAwayIsReplaced: one answers two chunks and then nothing but failures.
func TestAPeerThatGoesAwayIsReplaced(t *testing.T) {
	data, digest := weights(10, 5*mib)
	var served atomic.Int32
	first := host(t, digest, data, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Count(r.URL.Path, "/") == 4 && served.Add(1) > 2 {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	path, err := fetch(t, t.TempDir(), digest, rootOf(t, data), first, host(t, digest, data, nil))
	got(t, path, err, data)
}

// TestAPlainFileIsASource for chunks, with anybody's manifest.
func TestAPlainFileIsASource(t *testing.T) {
	data, digest := weights(11, 3*mib)
	var ranges atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges.Add(1)
		http.ServeContent(w, r, "weights.gguf", weightsTime, bytes.NewReader(data))
	}))
	defer web.Close()
	onlyManifest := host(t, digest, data, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Count(r.URL.Path, "/") == 4 {
			w.WriteHeader(http.StatusGone)
			return true
		}
		return false
	})
	path, err := fetch(t, t.TempDir(), digest, rootOf(t, data), blob.File(web.URL, blob.NewClient(true)), onlyManifest)
	got(t, path, err, data)
	if ranges.Load() < 3 {
		t.Errorf("%d ranges were asked for", ranges.Load())
	}
}

func TestNothingLargerThanAskedForIsTaken(t *testing.T) {
	data, digest := weights(12, 2*mib)
	_, err := blob.Fetch(t.Context(), t.TempDir(), blob.Wanted{Digest: digest, Most: 2*mib - 1, Verify: verify(digest)},
		[]blob.Peer{host(t, digest, data, nil)})
	if !errors.Is(err, blob.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

func TestPrivateAddressesAreNotDialled(t *testing.T) {
	data, digest := weights(13, 10)
	asked := false
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer web.Close()
	for _, p := range []blob.Peer{blob.At(web.URL, blob.NewClient(false)), blob.File(web.URL, blob.NewClient(false))} {
		_, err := fetch(t, t.TempDir(), digest, rootOf(t, data), p)
		if asked || !errors.Is(err, blob.ErrNoPeer) {
			t.Errorf("%s: %v", p, err)
		}
	}
	_, err := blob.At(web.URL, blob.NewClient(false)).Manifest(t.Context(), digest)
	if !errors.Is(err, wire.ErrPrivate) {
		t.Errorf("%v", err)
	}
}

func TestACancelledFetchEnds(t *testing.T) {
	data, digest := weights(14, 3*mib)
	ctx, cancel := context.WithCancel(t.Context())
	hung := host(t, digest, data, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Count(r.URL.Path, "/") < 4 {
			return false
		}
		cancel()
		<-r.Context().Done()
		return true
	})
	_, err := blob.Fetch(ctx, t.TempDir(), blob.Wanted{Digest: digest, Most: mib * 4, Verify: verify(digest)}, []blob.Peer{hung})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestAServerGivesSoManyAtOnce and tells others to come back.
func TestAServerGivesSoManyAtOnce(t *testing.T) {
	hold, release := make(chan struct{}), make(chan struct{})
	server := blob.NewServer(slow{hold, release})
	web := httptest.NewServer(server)
	defer web.Close()
	for range 8 {
		go func() { _, _ = http.Get(web.URL + "/v1/models/sha256:aa") }()
		<-hold
	}
	res, err := http.Get(web.URL + "/v1/models/sha256:aa")
	close(release)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("the ninth: %v, %v", res, err)
	}
	res.Body.Close()
}

type slow struct{ hold, release chan struct{} }

func (s slow) Give(string) (*blob.Content, error) {
	s.hold <- struct{}{}
	<-s.release
	return nil, blob.ErrNotHere
}

// FuzzManifest reads what a stranger says a file is made of.
func FuzzManifest(f *testing.F) {
	data, digest := make([]byte, 2*mib+1), "sha256:aa"
	m, err := blob.Of(bytes.NewReader(data), int64(len(data)), digest, "gguf")
	if err != nil {
		f.Fatal(err)
	}
	raw, _ := json.Marshal(m)
	f.Add(raw)
	f.Add([]byte(`{"digest":"sha256:aa","format":"gguf","bytes":9223372036854775807,"hashes":[]}`))
	f.Add([]byte(`{"digest":"sha256:aa","format":"../gguf","bytes":1,"hashes":["zz"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m blob.Manifest
		if json.Unmarshal(raw, &m) != nil {
			return
		}
		err := m.Check(digest, 1<<30)
		if err != nil && !errors.Is(err, blob.ErrManifest) && !errors.Is(err, blob.ErrTooLarge) {
			t.Fatalf("an error outside the table: %v", err)
		}
		if err != nil {
			return
		}
		var sum int64
		for n := range m.Chunks() {
			offset, size := m.Span(n)
			if offset != sum || size < 1 || size > blob.ChunkSize(m.Bytes) {
				t.Fatalf("chunk %d of %d bytes at %d", n, size, offset)
			}
			sum += size
		}
		if sum != m.Bytes || len(m.Hashes) != m.Chunks() || m.Root() == [32]byte{} {
			t.Fatalf("chunks have %d of %d bytes", sum, m.Bytes)
		}
	})
}
