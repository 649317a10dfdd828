package validator

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agora/client"
	"agora/mechanism/frontier"
	"agora/validator/exam"
)

// never is a chain that tells of no tempo.
type never struct{}

func (never) Sitting(context.Context, uint32, uint64) (exam.Sitting, error) {
	return exam.Sitting{}, exam.ErrNoSitting
}

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), n))
}

// voice is a validator of one subnet with a course of its own, which has no results.
func voice(t *testing.T, key ed25519.PrivateKey, peers ...peer) *Validator {
	t.Helper()
	store, err := exam.OpenStore(filepath.Join(t.TempDir(), "exam.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	v := &Validator{
		cfg:       Config{Client: client.New(nil, "agora-test"), HotKey: key, Private: true, Log: slog.New(slog.DiscardHandler)},
		directory: &directory{markets: map[uint32]*market{7: {peers: peers, total: 100}}}, seats: map[uint32]*seat{},
	}
	v.seats[7] = &seat{course: exam.NewCourse(exam.Config{NetUID: 7, Chain: never{}, Store: store, Room: exam.NewRoom(nil, 1)})}
	return v
}

// Voices tell what they found out under their signatures; what another key has signed, or is of another model, is nobody's word.
func TestResultsAreTheWordOfTheirVoice(t *testing.T) {
	digest := [32]byte{9}
	teller := voice(t, keyOf(1))
	honest := httptest.NewServer(http.HandlerFunc(teller.ServeResults))
	defer honest.Close()
	say := func(signer byte, f findings) string {
		body, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(SignatureHeader, voice(t, keyOf(signer)).sign(resultsDomain, body))
			_, _ = w.Write(body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	good := findings{"agora-test", 7, exam.SpellDigest(digest), []exam.Tempo{{Epoch: 3, Scores: []frontier.Score{5}}}}
	other := good
	other.Digest = exam.SpellDigest([32]byte{8})
	at := func(key byte, url string) peer {
		return peer{keyOf(key).Public().(ed25519.PublicKey), url + "/v1", 10}
	}
	asking := others{voice(t, keyOf(9), at(1, honest.URL), at(2, say(2, good)), at(3, say(2, good)), at(4, say(4, other)), at(5, "http://127.0.0.1:1"))}
	told, total, err := asking.Results(t.Context(), 7, digest)
	if err != nil || total != 100 || len(told) != 2 {
		t.Fatalf("%+v, %d, %v", told, total, err)
	}
	if len(told[0].Tempos) != 0 || told[1].Stake != 10 || !slices.Equal(told[1].Tempos[0].Scores, []frontier.Score{5}) {
		t.Errorf("%+v", told)
	}
	if _, _, err := asking.Results(t.Context(), 8, digest); err == nil {
		t.Error("a subnet that is not served")
	}
	for _, path := range []string{"8/" + exam.SpellDigest(digest), "7/sha256:zz", "7", ""} {
		w := httptest.NewRecorder()
		teller.ServeResults(w, httptest.NewRequest(http.MethodGet, ResultsPath+path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", path, w.Code)
		}
	}
}

// FuzzResults reads what another voice has signed.
func FuzzResults(f *testing.F) {
	digest := exam.SpellDigest([32]byte{1})
	f.Add([]byte(fmt.Sprintf(`{"chain_id":"c","netuid":7,"digest":%q,"tempos":[{"epoch":1,"scores":[0,1000000]}]}`, digest)))
	f.Add([]byte(fmt.Sprintf(`{"chain_id":"c","netuid":7,"digest":%q,"tempos":[{"epoch":1,"scores":[1000001]}]}`, digest)))
	f.Add([]byte(`{"tempos":` + strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, body []byte) {
		tempos, err := readResults(body, "c", 7, digest)
		if err != nil && !errors.Is(err, errResults) {
			t.Fatal(err)
		}
		for _, tempo := range tempos {
			if len(tempo.Scores) == 0 || slices.Max(tempo.Scores) > frontier.Whole {
				t.Fatalf("%+v", tempo)
			}
		}
	})
}
