package web

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const someDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// openMarket has a published model with a hostile source, and one that nobody is the author of.
func openMarket() Snapshot {
	s := market()
	s.Subnets[0].Open = true
	s.Subnets[0].Listed = []Model{
		{
			Digest: someDigest, Name: "tiny-2", Author: "agora1qyqszqgpqyqszqgpqyqszqgpqyqszqgp", Licence: "MIT", Format: "gguf", Bytes: 1_234_567,
			Parameters: 199_000, Sources: []string{"https://example.org/<b>"}, Share: .2, Height: 1_100, Published: time.Now(),
			Earned: 5e9, EarnedAuthor: 1e9, Servers: []uint32{0, 3},
		},
		{Digest: someDigest[:70] + "9", Name: "common", Author: "agora1qyqszqgpqyqszqgpqyqszqgpqyqszqgp", Common: true, Licence: "Apache-2.0", Format: "gguf", Share: .2},
	}
	return s
}

func TestModelsHavePages(t *testing.T) {
	srv := open(t, &stage{snap: openMarket()}, Options{})
	for path, want := range map[string][]string{
		"/subnets/chat/models":                       {"tiny-2", "199,000", "MIT", "5.000", "1.000", "public before"},
		"/subnets/1/models/" + someDigest:            {someDigest, "block 1,100", "20.0 %", "uid 3", "https://example.org/&lt;b&gt;", "agora model get " + someDigest},
		"/subnets/continuation/models":               {"Nothing is published here yet", "black boxes"},
		"/subnets/1":                                 {"/subnets/1/models"},
		"/subnets/1/models/" + someDigest[:70] + "9": {"nobody: it was public before", "its servers keep all"},
	} {
		resp, body := get(t, srv.URL+path)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		for _, w := range want {
			require.Contains(t, body, w, path)
		}
	}
	resp, _ := get(t, srv.URL+"/subnets/1/models/sha256:00")
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestModelsAreJSONToo(t *testing.T) {
	srv := open(t, &stage{snap: openMarket()}, Options{})
	var list []Model
	_, body := get(t, srv.URL+"/subnets/1/models.json")
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list, 2)
	var one Model
	_, body = get(t, srv.URL+"/subnets/1/models/"+someDigest+".json")
	require.NoError(t, json.Unmarshal([]byte(body), &one))
	require.Equal(t, list[0].Digest, one.Digest)
	require.Equal(t, []uint32{0, 3}, one.Servers)
}
