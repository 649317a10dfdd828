package store

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/wire/blob"
)

// TestAModelIsFoundByWhatItComputes, also one that was stored before digests were kept.
func TestAModelIsFoundByWhatItComputes(t *testing.T) {
	s := open(t)
	e, err := s.Get(t.Context(), Wanted{From: write(t, "tiny.gguf", modelFile())})
	if err != nil || !strings.HasPrefix(e.Digest, "sha256:") || e.Digest == "sha256:"+e.SHA256 || e.Parameters == 0 {
		t.Fatalf("%+v, %v", e, err)
	}
	old := e
	old.Format, old.Digest, old.Parameters = "", "", 0
	if err := s.write(old); err != nil {
		t.Fatal(err)
	}
	if found, err := s.FindDigest(e.Digest); err != nil || found.SHA256 != e.SHA256 {
		t.Errorf("%+v, %v", found, err)
	}
	if list, _ := s.List(); list[0].Digest != e.Digest {
		t.Error("the digest is not kept")
	}
}

// TestAModelComesFromAPeer and is held to its digest, whatever the peer says.
func TestAModelComesFromAPeer(t *testing.T) {
	theirs := open(t)
	e, err := theirs.Get(t.Context(), Wanted{From: write(t, "tiny.gguf", modelFile())})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(blob.NewServer(theirs))
	defer web.Close()
	peers := blob.Peers([]string{web.URL + "/v1"}, nil, blob.NewClient(true))
	m, err := blob.Of(bytes.NewReader(modelFile()), e.Bytes, e.Digest, "gguf")
	if err != nil {
		t.Fatal(err)
	}
	root := m.Root()
	ours := open(t)
	got, err := ours.Fetch(t.Context(), Published{Digest: e.Digest, Name: "theirs", Licence: "MIT", Root: root[:], Bytes: uint64(e.Bytes)}, peers, nil)
	if err != nil || got.SHA256 != e.SHA256 || got.Name != "theirs" || got.Digest != e.Digest {
		t.Fatalf("%+v, %v", got, err)
	}
	web.Close()
	if again, err := ours.Fetch(t.Context(), Published{Digest: e.Digest, Name: "again"}, peers, nil); err != nil || again != got {
		t.Errorf("what is here is fetched again: %+v, %v", again, err)
	}
	if _, err := open(t).Fetch(t.Context(), Published{Digest: e.Digest, Name: "x", Bytes: 1 << 20}, peers, nil); !errors.Is(err, blob.ErrNoPeer) {
		t.Errorf("nobody is there: %v", err)
	}
}

func TestWhatIsNoModelIsNotKept(t *testing.T) {
	s := open(t)
	for name, data := range map[string][]byte{"short": {1}, "words": []byte("not a model at all"), "torn": modelFile()[:200]} {
		if _, err := s.Get(t.Context(), Wanted{From: write(t, name, data)}); err == nil {
			t.Errorf("%s: kept", name)
		}
	}
	if left, _ := os.ReadDir(s.Dir()); len(left) != 0 {
		t.Errorf("%v stays", left)
	}
}

// flip changes one byte of a file and nothing that can be seen from outside.
func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1000] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedFileIsPutAwayAndAWholeOneIsLeft(t *testing.T) {
	for name, damage := range map[string]func(e Entry){
		"a byte":    func(e Entry) { flip(t, e.Path) },
		"cut short": func(e Entry) { must(t, os.Truncate(e.Path, e.Bytes/2)) },
		"a folder":  func(e Entry) { must(t, errors.Join(os.Remove(e.Path), os.Mkdir(e.Path, 0o700))) },
	} {
		s, e := published(t)
		other, err := s.Get(t.Context(), Wanted{From: write(t, "other.gguf", modelFile())})
		must(t, err)
		must(t, s.Mend(e.Digest))
		if got, err := s.FindDigest(e.Digest); err != nil || got != e {
			t.Fatalf("%s: a whole file is not left: %+v, %v", name, got, err)
		}
		damage(e)
		if got, err := s.FindDigest(other.Digest); err != nil || got != other {
			t.Errorf("%s: the other model is %+v, %v", name, got, err)
		}
		must(t, s.Mend(e.Digest))
		if _, err := s.FindDigest(e.Digest); !errors.Is(err, ErrNotHere) {
			t.Errorf("%s: %v", name, err)
		}
		if list, err := s.List(); err != nil || len(list) != 1 || list[0] != other {
			t.Errorf("%s: left are %+v, %v", name, list, err)
		}
		if left, err := filepath.Glob(filepath.Join(s.Dir(), "*")); err != nil || len(left) != 2 {
			t.Errorf("%s: left are %v, %v", name, left, err)
		}
	}
}

// A card that names another digest than its whole file has, as one of another program may, costs nobody the file.
func TestAFalseCardIsCorrected(t *testing.T) {
	s, e := published(t)
	right := e.Digest
	e.Digest = "sha256:" + strings.Repeat("0", 64)
	must(t, s.write(e))
	must(t, s.Mend(e.Digest))
	if got, err := s.FindDigest(right); err != nil || got.Path != e.Path {
		t.Errorf("%+v, %v", got, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
