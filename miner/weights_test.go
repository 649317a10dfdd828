package miner

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"agora/wire/blob"
)

// one is a library of one file.
type one struct{ digest, path string }

func (o one) Give(digest string) (*blob.Content, error) {
	if digest != o.digest {
		return nil, blob.ErrNotHere
	}
	return blob.Open(o.path, "gguf")
}

// A miner gives a model's file to the validator that it has dialled, in chunks, over the connection that requests come by.
func TestAMinerGivesWeightsOverItsConnection(t *testing.T) {
	data := make([]byte, 3<<20+5)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	hub, at := openHub(t, "a")
	run(t, Static{at}, NewServer(euro(), Options{Weights: blob.NewServer(one{digest, path}), Log: quiet()}))
	me := pub(hotKey("miner"))
	eventually(t, "the hub lists the miner", func() bool { return hub.Connected(1, me) })
	peer := blob.At("http://uid-4.subnet-1", &http.Client{Transport: hub.RoundTripper(1, me)})
	got, err := blob.Fetch(t.Context(), t.TempDir(), blob.Wanted{Digest: digest, Most: 4 << 20, Verify: func(path string) error {
		file, err := os.ReadFile(path)
		if err == nil && !bytes.Equal(file, data) {
			err = blob.ErrWrong
		}
		return err
	}}, []blob.Peer{peer})
	if err != nil {
		t.Fatal(got, err)
	}
	if _, err := peer.Manifest(t.Context(), "sha256:00"); err == nil {
		t.Error("another digest is given")
	}
}
