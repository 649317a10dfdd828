package store

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
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
